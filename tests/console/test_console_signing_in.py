"""Signing in and out of the console, and who guesses."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from console_visitor import ConsoleVisitor
from s3_clients import client_for

from s3portal.console.serving import ConsoleFrontEnd
from s3portal.console.throttle import FREE_FAILURES
from s3portal.server.pytest_plugin import ROLE_ARN, server_config
from s3portal.server.testing import RunningServer


def test_a_stranger_is_sent_to_the_form_and_then_to_the_page_that_they_wanted(
    stranger: ConsoleVisitor, running: RunningServer
) -> None:
    page = stranger.open("/ui/buckets/test-bucket/objects?prefix=a%2Fb")
    assert "/ui/sign-in?back=/ui/buckets/test-bucket/objects" in page.url

    admin = running.users["admin"]
    page = stranger.submit(
        "/ui/sign-in", access_key_id=admin.access_key_id, secret_access_key=admin.secret_access_key
    )
    assert unquote(page.url).endswith("/ui/buckets/test-bucket/objects?prefix=a/b")
    assert page.status_code == 200


@pytest.mark.parametrize(
    "back",
    ["https://evil.example/ui/", "//evil.example/ui/", "/\\evil.example", "/elsewhere", "javascript:1"],
)
def test_nobody_is_sent_to_another_site(stranger: ConsoleVisitor, running: RunningServer, back: str) -> None:
    admin = running.users["admin"]
    page = stranger.sign_in(admin.access_key_id, admin.secret_access_key, back=back)
    assert page.url == f"{stranger.origin}/ui/buckets"


def test_the_number_of_a_session_is_new_at_each_sign_in_and_no_script_reads_it(
    console: ConsoleFrontEnd, running: RunningServer
) -> None:
    admin, numbers = running.users["admin"], []
    visitor = ConsoleVisitor(console.url)
    # What somebody else has put into the browser before is not taken over.
    name = visitor.cookie_name("s3portal_console")
    visitor.http.cookies.set(name, "fixed-by-an-attacker", domain="127.0.0.1", path="/")
    for _ in range(2):
        page = visitor.sign_in(admin.access_key_id, admin.secret_access_key)
        assert page.status_code == 200
        numbers.append(visitor.http.cookies[name])
        [answer] = [step for step in page.history if f"{name}=" in step.headers.get("Set-Cookie", "")]
        assert (
            "HttpOnly" in answer.headers["Set-Cookie"] and "SameSite=Strict" in answer.headers["Set-Cookie"]
        )
        visitor.open("/ui/buckets")
        visitor.submit("/ui/sign-out")
    assert "fixed-by-an-attacker" not in numbers and len(set(numbers)) == 2


def test_no_page_and_no_file_holds_the_secret(
    admin: ConsoleVisitor, running: RunningServer, console: ConsoleFrontEnd
) -> None:
    secret = running.users["admin"].secret_access_key
    number = admin.http.cookies[admin.cookie_name("s3portal_console")]
    assert secret not in admin.open("/ui/buckets").text
    for path in console.folder.glob("console.sqlite*"):
        content = path.read_bytes()
        assert secret.encode() not in content and number.encode() not in content


def test_signing_out_ends_the_session_and_not_only_the_cookie(admin: ConsoleVisitor) -> None:
    number = admin.http.cookies[admin.cookie_name("s3portal_console")]
    admin.open("/ui/buckets")
    assert admin.submit("/ui/sign-out").url.endswith("/ui/sign-in")
    admin.http.cookies.set(admin.cookie_name("s3portal_console"), number, path="/")
    assert "/ui/sign-in" in admin.open("/ui/buckets").url


def test_signing_out_everywhere_ends_the_other_browsers_of_the_same_key(
    console: ConsoleFrontEnd, running: RunningServer, admin: ConsoleVisitor, limited: ConsoleVisitor
) -> None:
    other = ConsoleVisitor(console.url)
    user = running.users["admin"]
    other.sign_in(user.access_key_id, user.secret_access_key)
    other.submit("/ui/sign-out-everywhere")
    assert "/ui/sign-in" in admin.open("/ui/buckets").url
    assert limited.open("/ui/buckets").url.endswith("/ui/buckets")


def test_temporary_credentials_sign_in_and_end_when_they_end(
    console: ConsoleFrontEnd, running: RunningServer
) -> None:
    sts = client_for(running, "portal", "sts")
    given = sts.assume_role(RoleArn=ROLE_ARN, RoleSessionName="somebody", DurationSeconds=900)["Credentials"]
    visitor = ConsoleVisitor(console.url)
    page = visitor.sign_in(
        given["AccessKeyId"], given["SecretAccessKey"], session_token=given["SessionToken"]
    )
    assert page.url.endswith("/ui/buckets")
    assert "uploads/somebody" in page.text
    with sqlite3.connect(console.folder / "console.sqlite") as kept:
        [(ends_at,)] = kept.execute(
            "SELECT ends_at FROM sessions WHERE access_key_id = ?", (given["AccessKeyId"],)
        )
    assert ends_at == int(given["Expiration"].timestamp())


class TestGuessing:
    @pytest.fixture
    def console(self, tmp_path: Path) -> Iterator[ConsoleFrontEnd]:
        front_end = ConsoleFrontEnd(tmp_path, "127.0.0.1", 0)
        with RunningServer(tmp_path, server_config(), front_end=front_end) as server:
            self.server = server
            yield front_end

    def test_is_slowed_down_and_a_right_key_is_refused_meanwhile(self, console: ConsoleFrontEnd) -> None:
        visitor, admin = ConsoleVisitor(console.url), self.server.users["admin"]
        for _ in range(FREE_FAILURES):
            page = visitor.sign_in(admin.access_key_id, "guess")
            assert page.status_code == 403
        page = visitor.sign_in(admin.access_key_id, admin.secret_access_key)
        assert page.status_code == 429 and int(page.headers["Retry-After"]) >= 1

    def test_by_others_keeps_nobody_out_who_has_signed_in_before(self, console: ConsoleFrontEnd) -> None:
        mine, admin = ConsoleVisitor(console.url), self.server.users["admin"]
        mine.sign_in(admin.access_key_id, admin.secret_access_key)
        mine.submit("/ui/sign-out")
        attacker = ConsoleVisitor(console.url)
        for _ in range(FREE_FAILURES + 1):
            attacker.sign_in(admin.access_key_id, "guess")
        assert attacker.sign_in(admin.access_key_id, admin.secret_access_key).status_code == 429
        page = mine.sign_in(admin.access_key_id, admin.secret_access_key)
        assert page.status_code == 200 and page.url.endswith("/ui/buckets")

    def test_with_a_known_browser_is_slowed_down_too(self, console: ConsoleFrontEnd) -> None:
        visitor, admin = ConsoleVisitor(console.url), self.server.users["admin"]
        visitor.sign_in(admin.access_key_id, admin.secret_access_key)
        visitor.submit("/ui/sign-out")
        for _ in range(FREE_FAILURES):
            assert visitor.sign_in(admin.access_key_id, "guess").status_code == 403
        assert visitor.sign_in(admin.access_key_id, admin.secret_access_key).status_code == 429

    def test_does_not_tell_which_keys_there_are(self, console: ConsoleFrontEnd) -> None:
        visitor, admin = ConsoleVisitor(console.url), self.server.users["admin"]
        wrong = visitor.sign_in(admin.access_key_id, "guess").text
        unknown = visitor.sign_in("NOSUCHKEY00000000000", "guess").text
        sentence = "do not belong together, or are not active"
        assert sentence in wrong and sentence in unknown
