"""Signing in to the console with an identity provider, and out again."""

from __future__ import annotations

import html
import json
import sqlite3
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from console_visitor import ConsoleVisitor
from s3_clients import client_for

from s3portal.console.serving import ConsoleFrontEnd
from s3portal.console.settings import ConsoleSettings
from s3portal.server.gateway.audit import FILE, AuditRecord
from s3portal.server.gateway.audit_reading import AuditFilter, read_audit
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer

pytest.importorskip("jwt", reason="identity providers need PyJWT")
from console_signing_in import (
    MAIN,
    ROLE,
    entry_of,
    is_signed_in,
    next_url,
    refused,
    sign_in,
)
from console_signing_in import console as console  # fixtures
from console_signing_in import provider as provider
from console_signing_in import providers as providers
from console_signing_in import server as server
from console_signing_in import visitor as visitor
from signing_in_provider import CLIENT_ID, CLIENT_SECRET, SigningInProvider


def audited(server: RunningServer, action: str) -> list[AuditRecord]:
    """What the audit log has of an action, the oldest first."""
    return list(read_audit(server._server.storage.root / FILE, AuditFilter(action=action)))[::-1]


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
        attempt, session = map(visitor.cookie_name, ("s3portal_oidc", "s3portal_console"))
        assert f"{attempt}=" in started and "SameSite=Lax" in started and "HttpOnly" in started
        came_back = sign_in(visitor).headers["Set-Cookie"]
        assert f"{session}=" in came_back and "SameSite=Strict" in came_back
        assert not [cookie for cookie in visitor.http.cookies if cookie.name == attempt]

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

    def test_is_in_the_audit_log_with_whose_it_was(
        self, visitor: ConsoleVisitor, provider: SigningInProvider, server: RunningServer
    ) -> None:
        provider.claims["sub"] = "anna"
        next_url(sign_in(visitor))
        record = audited(server, "AssumeRoleWithWebIdentity")[-1]
        assert record.outcome == "allowed" and record.source_ip.startswith("127.0.0.")
        assert record.parameters is not None
        assert (record.parameters["RoleArn"], record.parameters["RoleSessionName"]) == (ROLE, "anna")
        # No token is in it.
        assert "eyJ" not in str(record)
        visitor.open("/ui/buckets/new")
        visitor.submit("", name="not-allowed")
        assert (
            audited(server, "CreateBucket")[-1].user
            == ROLE.replace(":role/", ":assumed-role/").replace("iam", "sts") + "/anna"
        )

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
    assert page.headers["Set-Cookie"].startswith("__Host-s3portal_oidc_443=")
