"""Signing in to the console with an identity provider, and who tries to without one."""

from __future__ import annotations

import html
import itertools
import json
import re
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from console_visitor import ConsoleVisitor
from requests.adapters import HTTPAdapter
from s3_clients import client_for

from s3portal.console.oidc import exchange
from s3portal.console.serving import ConsoleFrontEnd
from s3portal.console.settings import ConsoleSettings
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer

pytest.importorskip("jwt", reason="identity providers need PyJWT")
from signing_in_provider import CLIENT_ID, CLIENT_SECRET, SigningInProvider

ROLE = "arn:aws:iam::000000000000:role/readers"
MAIN, OTHER = "/ui/oidc/main", "/ui/oidc/other"


@pytest.fixture(scope="module")
def providers() -> Iterator[tuple[SigningInProvider, SigningInProvider]]:
    both = SigningInProvider(), SigningInProvider()
    both[1].metadata["authorization_response_iss_parameter_supported"] = True
    yield both
    for one in both:
        one.close()


def entry_of(provider: SigningInProvider, name: str) -> dict[str, Any]:
    return {
        "issuer": provider.issuer,
        "audiences": [CLIENT_ID, "a-command-line"],
        "roles": [
            {"role": "readers", "groups": ["staff"], "subjects": ["anna"]},
            {"role": "writers", "groups": ["staff"]},
        ],
        "console": {
            "name": name,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "label": f"University <{name}>",
        },
    }


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, providers: tuple[SigningInProvider, SigningInProvider]
) -> Iterator[RunningServer]:
    root = tmp_path_factory.mktemp("oidc") / "s3"
    root.mkdir()
    config = server_config()
    allowed = [{"Effect": "Allow", "Action": ["s3:ListAllMyBuckets", "s3:ListBucket"], "Resource": "*"}]
    for name in ("readers", "writers"):
        policy = {"Version": "2012-10-17", "Statement": allowed}
        config["roles"].append({"name": name, "trusted": [], "policy": policy, "max_session_s": 7200})
    config["oidc_providers"] = [
        entry_of(provider, name) for provider, name in zip(providers, ("main", "other"), strict=True)
    ]
    front_end = ConsoleFrontEnd(root, "127.0.0.1", 0)
    with RunningServer(root, config, front_end=front_end) as server:
        _CONSOLES[server.endpoint] = front_end
        yield server


_CONSOLES: dict[str, ConsoleFrontEnd] = {}


@pytest.fixture
def console(server: RunningServer, providers: Any) -> ConsoleFrontEnd:
    for provider in providers:
        for changed in (provider.claims, provider.answers, provider.exchanges):
            changed.clear()
        provider.refusal = provider.token_answer = None
    return _CONSOLES[server.endpoint]


@pytest.fixture
def provider(console: ConsoleFrontEnd, providers: Any) -> SigningInProvider:
    return providers[0]


@pytest.fixture
def visitor(console: ConsoleFrontEnd) -> ConsoleVisitor:
    """Somebody at an address of their own: who is refused has to wait."""
    found = ConsoleVisitor(console.url)
    found.http.mount("http://", _From(f"127.0.0.{next(_ADDRESSES)}"))
    return found


_ADDRESSES = itertools.count(2)


class _From(HTTPAdapter):
    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *given: Any, **more: Any) -> None:
        super().init_poolmanager(*given, **more, source_address=(self._address, 0))


def next_url(page: requests.Response) -> str:
    """Where a page leads on to, at once and by its link."""
    assert page.status_code == 200, page.text
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]*)"', page.text)
    assert found and f'href="{found[1]}"' in page.text
    return html.unescape(found[1])


def begin(visitor: ConsoleVisitor, path: str = MAIN, back: str = "") -> str:
    """Presses the button; returns where the provider is."""
    visitor.open(f"/ui/sign-in?back={back}")
    return next_url(visitor.submit(path))


def way_back(visitor: ConsoleVisitor, path: str = MAIN) -> str:
    """Goes to the provider; returns where it sends the browser."""
    return str(visitor.http.get(begin(visitor, path), allow_redirects=False).headers["Location"])


def sign_in(visitor: ConsoleVisitor, back: str = "") -> requests.Response:
    visitor.page = visitor.http.get(begin(visitor, back=back))
    return visitor.page


def is_signed_in(visitor: ConsoleVisitor) -> bool:
    return urlsplit(visitor.open("/ui/buckets").url).path == "/ui/buckets"


def refused(page: requests.Response, status: int, visitor: ConsoleVisitor) -> bool:
    """Whether a page says so, and nobody is signed in."""
    assert (page.status_code, "You are not signed in" in page.text) == (status, True), page.text
    return not is_signed_in(visitor)


def changed(url: str, **given: str | None) -> str:
    """Returns a URL with other parameters; without those that are None."""
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | given
    left = {name: value for name, value in query.items() if value is not None}
    return requests.Request("GET", url.partition("?")[0], params=left).prepare().url or ""


class TestSigningIn:
    def test_leads_to_the_page_that_was_wanted_as_a_session_of_the_role(
        self, visitor: ConsoleVisitor, provider: SigningInProvider
    ) -> None:
        page = sign_in(visitor, back="/ui/buckets/test-bucket/objects")
        assert next_url(page) == "/ui/buckets/test-bucket/objects"
        opened = visitor.open(next_url(page))
        assert opened.status_code == 200 and "assumed-role/readers/anna" in opened.text
        [(form, _)] = provider.exchanges
        assert "client_secret" not in form

    def test_ends_with_the_temporary_credentials(
        self, visitor: ConsoleVisitor, console: ConsoleFrontEnd, provider: SigningInProvider
    ) -> None:
        provider.claims["sub"] = "anna"
        sign_in(visitor)
        with sqlite3.connect(console.folder / "console.sqlite") as kept:
            [(begun, ends, key, person)] = kept.execute(
                "SELECT begun_at, ends_at, access_key_id, person FROM sessions ORDER BY begun_at DESC, "
                "ends_at DESC LIMIT 1"
            )
        assert abs(ends - begun - 7200) <= 2 and key.startswith("ASIA")
        assert person == f"{provider.issuer} anna"

    def test_keeps_its_cookies_from_other_sites(self, visitor: ConsoleVisitor) -> None:
        visitor.open("/ui/sign-in")
        started = visitor.submit(MAIN).headers["Set-Cookie"]
        assert "s3portal_oidc=" in started and "SameSite=Lax" in started and "HttpOnly" in started
        came_back = sign_in(visitor).headers["Set-Cookie"]
        assert "s3portal_console=" in came_back and "SameSite=Strict" in came_back
        assert not [cookie for cookie in visitor.http.cookies if cookie.name == "s3portal_oidc"]

    def test_escapes_the_label_and_shows_no_secret(self, visitor: ConsoleVisitor) -> None:
        page = visitor.open("/ui/sign-in").text
        assert "Sign in with University &lt;main&gt;" in page and "University &lt;other&gt;" in page
        assert CLIENT_SECRET not in page and html.escape(CLIENT_SECRET) not in page

    def test_lets_people_choose_among_their_roles(
        self, visitor: ConsoleVisitor, provider: SigningInProvider
    ) -> None:
        provider.claims["groups"] = ["staff"]
        page = sign_in(visitor, back="/ui/buckets")
        assert "Choose a role" in page.text and not is_signed_in(visitor)
        visitor.page = page
        assert next_url(visitor.submit("/ui/oidc", role=ROLE.replace("readers", "writers"))) == "/ui/buckets"
        assert "assumed-role/writers/anna" in visitor.open("/ui/buckets").text

    def test_says_who_somebody_is_to_whom_no_role_is_open(
        self, visitor: ConsoleVisitor, provider: SigningInProvider
    ) -> None:
        provider.claims["sub"] = "<b>bert"
        page = sign_in(visitor)
        assert "&lt;b&gt;bert" in page.text and "no role of this server is open to you" in page.text
        assert refused(page, 403, visitor)

    def test_a_role_of_the_database_may_name_the_provider(
        self, visitor: ConsoleVisitor, provider: SigningInProvider, server: RunningServer
    ) -> None:
        arn = f"arn:aws:iam::000000000000:oidc-provider/{provider.name}"
        statement = {
            "Effect": "Allow",
            "Principal": {"Federated": arn},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {f"{provider.name}:sub": "carla"}},
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam = client_for(server, "admin", "iam")
        iam.create_role(RoleName="guests", AssumeRolePolicyDocument=document)
        provider.claims["sub"] = "carla"
        next_url(sign_in(visitor))
        assert "assumed-role/guests/carla" in visitor.open("/ui/buckets").text

    def test_a_cancelled_one_says_so(self, visitor: ConsoleVisitor, provider: SigningInProvider) -> None:
        provider.refusal = "access_denied"
        page = sign_in(visitor)
        assert "did not sign you in" in page.text and refused(page, 403, visitor)

    @pytest.mark.parametrize("back", ["https://evil.example/ui/", "//evil.example/ui/", "/\\evil.example"])
    def test_leads_to_no_other_site(self, visitor: ConsoleVisitor, back: str) -> None:
        assert next_url(sign_in(visitor, back=back)) == "/ui/buckets"

    def test_takes_a_form_of_the_console(self, visitor: ConsoleVisitor) -> None:
        visitor.open("/ui/sign-in")
        forged = {"csrf_token": visitor.token()}
        for origin, form in ((visitor.origin, {}), ("https://evil.example", forged)):
            answer = visitor.http.post(visitor.origin + MAIN, data=form, headers={"Origin": origin})
            assert answer.status_code == 403


class TestSigningOut:
    def test_goes_to_the_provider_too(self, visitor: ConsoleVisitor, provider: SigningInProvider) -> None:
        next_url(sign_in(visitor))
        visitor.open("/ui/buckets")
        parts = urlsplit(next_url(visitor.submit("/ui/sign-out")))
        assert parts.path.endswith("/end_session") and parts.port == urlsplit(provider.issuer).port
        assert parse_qs(parts.query) == {
            "client_id": [CLIENT_ID],
            "post_logout_redirect_uri": [f"{visitor.origin}/ui/sign-in"],
        }
        assert not is_signed_in(visitor)

    def test_everywhere_ends_the_person_s_other_browsers(
        self, visitor: ConsoleVisitor, console: ConsoleFrontEnd, provider: SigningInProvider
    ) -> None:
        other, somebody_else = ConsoleVisitor(console.url), ConsoleVisitor(console.url)
        sign_in(visitor)
        sign_in(other)
        provider.claims |= {"sub": "dora", "groups": "staff"}
        sign_in(somebody_else)
        somebody_else.submit("/ui/oidc", role=ROLE)
        other.open("/ui/buckets")
        other.submit("/ui/sign-out-everywhere")
        assert not is_signed_in(visitor) and is_signed_in(somebody_else)


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
        cookie = visitor.http.cookies["s3portal_oidc"]
        next_url(visitor.http.get(url))
        visitor.http.cookies.clear()
        visitor.http.cookies.set("s3portal_oidc", cookie, path="/")
        assert refused(visitor.http.get(url), 400, visitor)
        assert len(provider.exchanges) == 1

    def test_a_code_of_somebody_else(self, visitor: ConsoleVisitor, console: ConsoleFrontEnd) -> None:
        """Its verifier is another one."""
        attacker = ConsoleVisitor(console.url)
        [code] = parse_qs(urlsplit(way_back(attacker)).query)["code"]
        assert refused(visitor.http.get(changed(way_back(visitor), code=code)), 502, visitor)

    def test_parameters_twice_or_not_at_all(self, visitor: ConsoleVisitor) -> None:
        for more in ("&code=x", "&state=x"):
            assert refused(visitor.http.get(way_back(visitor) + more), 400, visitor)
        assert refused(visitor.http.get(changed(way_back(visitor), code=None)), 502, visitor)

    def test_a_cookie_that_was_made_up(self, visitor: ConsoleVisitor) -> None:
        url = way_back(visitor)
        for cookie in ("", "AAAA", "A" * 400, "=;"):
            visitor.http.cookies.clear()
            visitor.http.cookies.set("s3portal_oidc", cookie, path="/")
            assert refused(visitor.http.get(url), 400, visitor)

    def test_one_that_took_too_long(self, visitor: ConsoleVisitor, monkeypatch: pytest.MonkeyPatch) -> None:
        url, now = way_back(visitor), time.time()
        monkeypatch.setattr("s3portal.console.oidc.sealing.time.time", lambda: now + 16 * 60)
        assert refused(visitor.http.get(url), 400, visitor)

    def test_another_provider_of_the_console(
        self, visitor: ConsoleVisitor, providers: tuple[SigningInProvider, SigningInProvider]
    ) -> None:
        url = way_back(visitor)
        for provider in providers:
            provider.exchanges.clear()
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


class TestTokens:
    @pytest.mark.parametrize(
        "claims",
        [
            {"nonce": "another"},
            {"nonce": None},
            {"nonce": 1},
            # The server takes tokens for it, but not as the console's.
            {"aud": "a-command-line"},
            {"aud": "strangers"},
            {"aud": [CLIENT_ID, "a-command-line"]},
            {"aud": [CLIENT_ID, "a-command-line"], "azp": "a-command-line"},
            {"azp": "a-command-line"},
            {"exp": 1_000_000_000},
            {"iss": "https://login.example.org"},
            {"sub": None},
        ],
        ids=str,
    )
    def test_that_are_not_the_answer_to_this_sign_in(
        self, visitor: ConsoleVisitor, provider: SigningInProvider, claims: dict[str, Any]
    ) -> None:
        provider.claims |= claims
        assert refused(sign_in(visitor), 502, visitor)

    def test_for_several_clients_must_be_given_to_the_console(
        self, visitor: ConsoleVisitor, provider: SigningInProvider
    ) -> None:
        provider.claims |= {"aud": [CLIENT_ID, "a-command-line"], "azp": CLIENT_ID}
        next_url(sign_in(visitor))

    def test_of_another_provider_of_the_console(
        self, visitor: ConsoleVisitor, providers: tuple[SigningInProvider, SigningInProvider]
    ) -> None:
        main, other = providers
        url = begin(visitor)
        [nonce] = parse_qs(urlsplit(url).query)["nonce"]
        main.token_answer = (200, {"id_token": other.token(nonce=nonce)})
        assert refused(visitor.http.get(url), 502, visitor)

    def test_signed_by_somebody_else(self, visitor: ConsoleVisitor, provider: SigningInProvider) -> None:
        url = begin(visitor)
        [nonce] = parse_qs(urlsplit(url).query)["nonce"]
        header, claims, _ = provider.token(nonce=nonce).split(".")
        provider.token_answer = (200, {"id_token": f"{header}.{claims}.AAAA"})
        assert refused(visitor.http.get(url), 502, visitor)


class TestBadProviders:
    @pytest.mark.parametrize(
        "answer",
        [
            (200, b"<html>"),
            (200, b"[" * 100_000),
            (200, b"[]"),
            (200, {}),
            (200, {"id_token": 7}),
            (200, {"id_token": "a.b.c"}),
            (200, b" " * (exchange.ANSWER_LIMIT_BYTES + 1)),
            (307, b""),
            (400, {"error": "invalid_grant"}),
            (500, b"\xff"),
        ],
        ids=lambda answer: f"{answer[0]} {str(answer[1])[:20]}",
    )
    def test_answer_with_garbage(
        self, visitor: ConsoleVisitor, provider: SigningInProvider, answer: tuple[int, Any]
    ) -> None:
        provider.token_answer = answer
        assert refused(sign_in(visitor), 502, visitor)

    def test_answer_a_byte_now_and_then(
        self,
        visitor: ConsoleVisitor,
        provider: SigningInProvider,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setattr(exchange, "DEADLINE_S", 0.3)
        provider.token_answer = "a byte now and then"
        try:
            assert refused(sign_in(visitor), 502, visitor)
        finally:
            provider.released.set()
        assert "no whole answer within 0.3 s" in caplog.text


def test_a_console_behind_a_proxy_is_come_back_to_at_its_public_address(
    tmp_path: Path, console: ConsoleFrontEnd, provider: SigningInProvider
) -> None:
    outside = "https://console.example.org"
    front_end = ConsoleFrontEnd(tmp_path, "127.0.0.1", 0, ConsoleSettings(console_origin=outside))
    config = server_config() | {"oidc_providers": [entry_of(provider, "main") | {"roles": []}]}
    with RunningServer(tmp_path, config, front_end=front_end):
        visitor = ConsoleVisitor(f"http://127.0.0.1:{front_end.port}/ui")
        visitor.open("/ui/sign-in")
        # Cookies are for TLS, which ends at the proxy.
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in visitor.http.cookies)
        page = visitor.http.post(
            visitor.origin + MAIN,
            data={"csrf_token": visitor.token()},
            headers={"Origin": outside, "Cookie": cookies},
        )
    asked = parse_qs(urlsplit(next_url(page)).query)
    assert asked["redirect_uri"] == [f"{outside}/ui/oidc/main/callback"]
    assert page.headers["Set-Cookie"].startswith("__Host-s3portal_oidc=")
