"""Answers of identity providers that somebody made up, stole, or sends again: nobody is signed in."""

from __future__ import annotations

import re
import time
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from console_visitor import ConsoleVisitor

from s3portal.console.serving import ConsoleFrontEnd

pytest.importorskip("jwt", reason="identity providers need PyJWT")
from console_signing_in import (
    MAIN,
    OTHER,
    ROLE,
    begin,
    changed,
    next_url,
    refused,
    sign_in,
    way_back,
)
from console_signing_in import console as console  # fixtures
from console_signing_in import provider as provider
from console_signing_in import providers as providers
from console_signing_in import server as server
from console_signing_in import visitor as visitor
from signing_in_provider import SigningInProvider


class TestForgedAnswers:
    def test_another_state(self, visitor: ConsoleVisitor) -> None:
        url = way_back(visitor)
        for state in (None, "", "x", "ä"):
            assert refused(visitor.http.get(changed(url, state=state)), 400, visitor)
        # The right one still works: nobody can spoil it from outside.
        next_url(visitor.http.get(url))

    def test_another_browser_cannot_use_it(
        self, visitor: ConsoleVisitor, console: ConsoleFrontEnd, provider: SigningInProvider
    ) -> None:
        url, victim = way_back(visitor), ConsoleVisitor(console.url)
        assert refused(victim.http.get(url), 400, victim)
        # Not even one that has begun to sign in by itself.
        way_back(victim)
        assert refused(victim.http.get(url), 400, victim)
        assert provider.exchanges == []

    def test_an_answer_counts_once(self, visitor: ConsoleVisitor, provider: SigningInProvider) -> None:
        url = way_back(visitor)
        name = visitor.cookie_name("s3portal_oidc")
        cookie = visitor.http.cookies[name]
        next_url(visitor.http.get(url))
        visitor.http.cookies.clear()
        visitor.http.cookies.set(name, cookie, path="/")
        assert refused(visitor.http.get(url), 400, visitor)
        assert len(provider.exchanges) == 1

    def test_a_code_of_somebody_else(self, visitor: ConsoleVisitor, console: ConsoleFrontEnd) -> None:
        """Its verifier is another one."""
        attacker = ConsoleVisitor(console.url)
        [code] = parse_qs(urlsplit(way_back(attacker)).query)["code"]
        assert refused(visitor.http.get(changed(way_back(visitor), code=code)), 502, visitor)

    def test_a_callback_that_somebody_stole_before_it_was_opened(
        self, visitor: ConsoleVisitor, console: ConsoleFrontEnd, provider: SigningInProvider
    ) -> None:
        """Neither code nor state are worth anything without the cookie, which no other site gets."""
        thief = ConsoleVisitor(console.url)
        stolen = way_back(visitor)
        own = way_back(thief)
        [state] = parse_qs(urlsplit(own).query)["state"]
        [code] = parse_qs(urlsplit(stolen).query)["code"]
        assert refused(thief.http.get(stolen), 400, thief)
        # With their own state and cookie, the code is not theirs: PKCE (RFC 7636).
        assert refused(thief.http.get(changed(own, code=code, state=state)), 502, thief)

    def test_the_nonce_of_another_sign_in(self, visitor: ConsoleVisitor, provider: SigningInProvider) -> None:
        """A token of an earlier sign-in of the same person, at the same provider, for the same client."""
        [earlier] = parse_qs(urlsplit(begin(visitor)).query)["nonce"]
        url = begin(visitor)
        provider.token_answer = (200, {"id_token": provider.token(nonce=earlier)})
        assert refused(visitor.http.get(url), 502, visitor)

    @pytest.mark.parametrize(
        "back",
        [
            "https://evil.example/ui/",
            "//evil.example/ui/",
            "/\\evil.example",
            "/ui/\\evil.example",
            "/ui",
            "ui/buckets",
            "javascript:alert(1)",
            "/%2f%2fevil.example",
            "/ui//evil.example/../..",
            "/ui/\r\nLocation: https://evil.example",
        ],
    )
    def test_a_page_to_go_back_to_on_another_site(self, visitor: ConsoleVisitor, back: str) -> None:
        visitor.http.get(f"{visitor.origin}/ui/sign-in", params={"back": back})
        visitor.page = visitor.http.get(f"{visitor.origin}/ui/sign-in", params={"back": back})
        visitor.page = visitor.http.get(next_url(visitor.submit(MAIN)))
        led_to = urljoin(visitor.origin, next_url(visitor.page))
        assert led_to.startswith(f"{visitor.origin}/ui/"), led_to

    def test_parameters_twice_or_not_at_all(self, visitor: ConsoleVisitor) -> None:
        for more in ("&code=x", "&state=x"):
            assert refused(visitor.http.get(way_back(visitor) + more), 400, visitor)
        assert refused(visitor.http.get(changed(way_back(visitor), code=None)), 502, visitor)

    def test_a_cookie_that_was_made_up(self, visitor: ConsoleVisitor) -> None:
        url = way_back(visitor)
        for cookie in ("", "AAAA", "A" * 400, "=;"):
            visitor.http.cookies.clear()
            visitor.http.cookies.set(visitor.cookie_name("s3portal_oidc"), cookie, path="/")
            assert refused(visitor.http.get(url), 400, visitor)

    def test_one_that_took_too_long(self, visitor: ConsoleVisitor, monkeypatch: pytest.MonkeyPatch) -> None:
        url, now = way_back(visitor), time.time()
        monkeypatch.setattr("s3portal.console.oidc.sealing.time.time", lambda: now + 16 * 60)
        assert refused(visitor.http.get(url), 400, visitor)

    def test_another_provider_of_the_console(
        self, visitor: ConsoleVisitor, providers: tuple[SigningInProvider, SigningInProvider]
    ) -> None:
        url = way_back(visitor)
        for one in providers:
            one.exchanges.clear()
        assert refused(visitor.http.get(url.replace(MAIN, OTHER)), 400, visitor)
        assert refused(visitor.http.get(changed(url, iss=providers[1].issuer)), 502, visitor)
        assert providers[0].exchanges == providers[1].exchanges == []

    def test_the_issuer_s_name_is_taken(self, visitor: ConsoleVisitor, provider: SigningInProvider) -> None:
        provider.answers["iss"] = provider.issuer
        next_url(sign_in(visitor))

    def test_the_issuer_s_name_is_missed_where_the_provider_tells_it(
        self, visitor: ConsoleVisitor, providers: tuple[SigningInProvider, SigningInProvider]
    ) -> None:
        """RFC 9207, section 2.4."""
        assert refused(visitor.http.get(way_back(visitor, OTHER)), 502, visitor)
        assert providers[1].exchanges == []
        next_url(visitor.http.get(changed(way_back(visitor, OTHER), iss=providers[1].issuer)))

    def test_a_role_that_was_not_offered(self, visitor: ConsoleVisitor, provider: SigningInProvider) -> None:
        provider.claims["groups"] = ["staff"]
        page = sign_in(visitor)
        visitor.page = page
        assert visitor.submit("/ui/oidc", role=ROLE.replace("readers", "uploads")).status_code == 400
        visitor.page = page
        assert refused(visitor.submit("/ui/oidc", role=ROLE, sealed="AAAA"), 400, visitor)

    def test_somebody_else_s_page_of_roles(
        self, visitor: ConsoleVisitor, console: ConsoleFrontEnd, provider: SigningInProvider
    ) -> None:
        provider.claims["groups"] = ["staff"]
        [sealed] = re.findall(r'name="sealed" value="([^"]+)"', sign_in(visitor).text)
        thief = ConsoleVisitor(console.url)
        thief.open("/ui/sign-in")
        form = {"csrf_token": thief.token(), "sealed": sealed, "role": ROLE}
        answer = thief.http.post(f"{thief.origin}/ui/oidc", data=form, headers={"Origin": thief.origin})
        assert refused(answer, 400, thief)

    def test_wait_after_some(self, visitor: ConsoleVisitor, provider: SigningInProvider) -> None:
        for _ in range(5):
            assert refused(visitor.http.get(changed(way_back(visitor), code="guess")), 502, visitor)
        visitor.open("/ui/sign-in")
        assert visitor.submit(MAIN).status_code == 429
        # Keys are another matter.
        assert visitor.sign_in("admin-key", "admin-secret").status_code == 200
