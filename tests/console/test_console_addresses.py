"""Where the console is: over TLS, behind proxies, under another name, and beside other pages of its host."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from certificates import write_certificate
from click.testing import CliRunner
from console_visitor import ConsoleVisitor
from s3_clients import client_for

from s3portal.console.app import create_console
from s3portal.console.command import server_command
from s3portal.console.cookies import SESSION, cookie_name
from s3portal.console.serving import ConsoleFrontEnd, backend_of
from s3portal.console.settings import ConsoleSettings
from s3portal.server.config import read_config_file
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer

OUTSIDE = "https://console.example.org"
BY_PROXY = {
    "X-Forwarded-For": "198.51.100.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "console.example.org",
}


@pytest.fixture
def settings() -> ConsoleSettings:
    return ConsoleSettings()


@pytest.fixture
def config() -> dict[str, Any]:
    return server_config()


@pytest.fixture
def console(
    tmp_path: Path, settings: ConsoleSettings, config: dict[str, Any]
) -> Iterator[tuple[ConsoleFrontEnd, RunningServer]]:
    (tmp_path / "s3").mkdir()
    front_end = ConsoleFrontEnd(tmp_path / "s3", "127.0.0.1", 0, settings)
    with RunningServer(tmp_path / "s3", config, front_end=front_end) as server:
        yield front_end, server


def sign_in(visitor: ConsoleVisitor, server: RunningServer, **headers: str) -> Any:
    """Signs in at a form that was opened with the same headers; returns the answer to it."""
    user = server.users["admin"]
    form = visitor.http.get(f"{visitor.origin}/ui/sign-in", headers=headers)
    visitor.page = form
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in visitor.http.cookies)
    return visitor.http.post(
        f"{visitor.origin}/ui/sign-in",
        data={
            "csrf_token": visitor.token(),
            "access_key_id": user.access_key_id,
            "secret_access_key": user.secret_access_key,
        },
        headers={"Origin": visitor.origin, "Cookie": cookies, **headers},
        allow_redirects=False,
    )


class TestOverTLS:
    @pytest.fixture
    def config(self, tmp_path: Path) -> dict[str, Any]:
        self.files = write_certificate(tmp_path)
        return server_config() | {"tls": self.files}

    def test_the_console_speaks_it_as_the_s3_port_does(self, console: Any) -> None:
        front_end, server = console
        visitor = ConsoleVisitor(front_end.url_over("https"))
        visitor.http.trust_env = False
        visitor.http.verify = self.files["certificate"]
        answer = sign_in(visitor, server)
        assert answer.status_code == 303
        assert f"__Host-s3portal_console_{front_end.port}=" in answer.headers["Set-Cookie"]
        assert "Secure" in answer.headers["Set-Cookie"] and server.endpoint.startswith("https")
        page = visitor.open("/ui/buckets")
        assert "test-bucket" in page.text
        assert f"img-src 'self' {server.endpoint}" in page.headers["Content-Security-Policy"]


class TestBehindAProxy:
    @pytest.fixture
    def config(self) -> dict[str, Any]:
        return server_config() | {"trusted_proxies": ["127.0.0.1"]}

    def test_what_it_says_of_a_request_counts(self, console: Any) -> None:
        front_end, server = console
        visitor = ConsoleVisitor(front_end.url)
        answer = sign_in(visitor, server, Origin=OUTSIDE, **BY_PROXY)
        assert answer.status_code == 303 and "__Host-s3portal_console_443=" in answer.headers["Set-Cookie"]
        with sqlite3.connect(front_end.folder / "console.sqlite") as kept:
            assert list(kept.execute("SELECT address FROM sessions")) == [("198.51.100.7",)]

    def test_its_own_name_is_another_site(self, console: Any) -> None:
        front_end, server = console
        assert sign_in(ConsoleVisitor(front_end.url), server, **BY_PROXY).status_code == 403


def test_what_anybody_says_of_a_request_does_not_count(console: Any) -> None:
    front_end, server = console
    assert sign_in(ConsoleVisitor(front_end.url), server, Origin=OUTSIDE, **BY_PROXY).status_code == 403
    assert sign_in(ConsoleVisitor(front_end.url), server, **BY_PROXY).status_code == 303
    with sqlite3.connect(front_end.folder / "console.sqlite") as kept:
        assert list(kept.execute("SELECT address FROM sessions")) == [("127.0.0.1",)]


class TestUnderAnotherName:
    @pytest.fixture
    def settings(self) -> ConsoleSettings:
        return ConsoleSettings(console_origin=OUTSIDE)

    def test_changes_come_from_there_and_cookies_are_secure(self, console: Any) -> None:
        front_end, server = console
        assert sign_in(ConsoleVisitor(front_end.url), server).status_code == 403
        answer = sign_in(ConsoleVisitor(front_end.url), server, Origin=f"{OUTSIDE}:443")
        assert answer.status_code == 303 and "__Host-s3portal_console_443=" in answer.headers["Set-Cookie"]
        assert "Secure" in answer.headers["Set-Cookie"]
        assert front_end.url_over("http") == f"{OUTSIDE}/ui"

    def test_the_s3_port_lets_its_pages_read(self, console: Any) -> None:
        front_end, server = console
        answer = ConsoleVisitor(front_end.url).http.options(
            f"{server.endpoint}/test-bucket/a",
            headers={"Origin": OUTSIDE, "Access-Control-Request-Method": "PUT"},
        )
        assert answer.headers["Access-Control-Allow-Origin"] == OUTSIDE


@pytest.mark.parametrize("option", ["--console-url", "--store-url"])
@pytest.mark.parametrize("url", ["ftp://a", "https://", "https://a/b", "https://u@a", "http://[", "a", "//a"])
def test_an_address_that_is_no_origin_is_refused(tmp_path: Path, option: str, url: str) -> None:
    result = CliRunner().invoke(server_command, ["--root", str(tmp_path), option, url])
    assert result.exit_code == 2 and f"{option} must be an address" in result.output


def test_two_sessions_in_one_browser_are_none(console: Any) -> None:
    """A page on another port of this host can put a cookie of its own before the one of the console."""
    front_end, server = console
    mine, attackers = ConsoleVisitor(front_end.url), ConsoleVisitor(front_end.url)
    for visitor in (mine, attackers):
        assert sign_in(visitor, server).status_code == 303
    name = mine.cookie_name("s3portal_console")
    numbers = [attackers.http.cookies[name], mine.http.cookies[name]]
    both = "; ".join(f"{name}={number}" for number in numbers)
    ask = ConsoleVisitor(front_end.url).http.get
    url = f"{mine.origin}/ui/buckets"
    assert "/ui/sign-in" in ask(url, headers={"Cookie": both}).url
    assert ask(url, headers={"Cookie": f"{name}=nonsense; {name}={numbers[1]}"}).url == url


def test_two_consoles_of_one_host_know_their_own_cookies(console: Any, tmp_path: Path) -> None:
    """Browsers send the cookies of one port to the other."""
    front_end, server = console
    (tmp_path / "other").mkdir()
    other_front_end = ConsoleFrontEnd(tmp_path / "other", "127.0.0.1", 0)
    with RunningServer(tmp_path / "other", server_config(), front_end=other_front_end) as other_server:
        one, other = ConsoleVisitor(front_end.url), ConsoleVisitor(other_front_end.url)
        other.http.cookies = one.http.cookies
        assert sign_in(one, server).status_code == sign_in(other, other_server).status_code == 303
        for visitor in (one, other):
            assert visitor.open("/ui/buckets").url.endswith("/ui/buckets")
        # Neither is a message of one shown by the other.
        one.open("/ui/buckets/new")
        one.http.post(
            f"{one.origin}/ui/buckets/new",
            data={"csrf_token": one.token(), "name": "of-one"},
            headers={"Origin": one.origin},
            allow_redirects=False,
        )
        assert "of-one" not in other.open("/ui/buckets").text
        assert "The bucket of-one is there." in one.open("/ui/buckets").text
        other.submit("/ui/sign-out")
        assert "/ui/sign-in" in other.open("/ui/buckets").url
        assert one.open("/ui/buckets").url.endswith("/ui/buckets")


@pytest.mark.parametrize(
    ("host", "secure", "name"),
    [
        ("127.0.0.1:9001", False, "s3portal_console_9001"),
        ("[::1]:9001", False, "s3portal_console_9001"),
        ("[::1]", False, "s3portal_console_80"),
        ("console.example.org", True, "__Host-s3portal_console_443"),
        ("a b:1;x=2", False, "s3portal_console_80"),
    ],
)
def test_a_cookie_is_called_by_the_port(console: Any, host: str, secure: bool, name: str) -> None:
    front_end, server = console
    app = create_console(backend_of(server._server, front_end.folder))
    url = "https://a/ui" if secure else "http://a/ui"
    with app.test_request_context("/ui/sign-in", base_url=url, headers={"Host": host}):
        assert cookie_name(SESSION) == name


def test_signing_in_again_leaves_no_session_behind(console: Any) -> None:
    front_end, server = console
    visitor = ConsoleVisitor(front_end.url)
    sign_in(visitor, server)
    before = visitor.http.cookies[visitor.cookie_name("s3portal_console")]
    visitor.open("/ui/buckets")
    user = server.users["admin"]
    visitor.http.post(
        f"{visitor.origin}/ui/sign-in",
        data={
            "csrf_token": visitor.token(),
            "access_key_id": user.access_key_id,
            "secret_access_key": user.secret_access_key,
        },
        headers={"Origin": visitor.origin},
    )
    assert visitor.open("/ui/buckets").url.endswith("/ui/buckets")
    stale = ConsoleVisitor(front_end.url)
    stale.http.cookies.set(stale.cookie_name("s3portal_console"), before)
    assert "/ui/sign-in" in stale.open("/ui/buckets").url


def test_a_session_dies_when_its_key_gets_another_secret(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    config = server_config()
    file.write_text(json.dumps(config))
    (tmp_path / "s3").mkdir()
    front_end = ConsoleFrontEnd(tmp_path / "s3", "127.0.0.1", 0)
    with RunningServer(tmp_path / "s3", file, front_end=front_end) as server:
        visitor = ConsoleVisitor(front_end.url)
        sign_in(visitor, server)
        assert visitor.open("/ui/buckets").url.endswith("/ui/buckets")
        for user in config["users"]:
            user["secret_access_key"] += "-rotated"
        file.write_text(json.dumps(config))
        assert read_config_file(file).users[0].secret_access_key == "admin-secret-rotated"
        assert "/ui/sign-in" in visitor.open("/ui/buckets").url
        assert client_for(server, "admin") is not None


def test_the_page_with_a_secret_is_kept_nowhere(console: Any) -> None:
    front_end, server = console
    visitor = ConsoleVisitor(front_end.url)
    sign_in(visitor, server)
    client_for(server, "admin", "iam").create_user(UserName="anna")
    visitor.open("/ui/people/users/one?name=anna")
    page = visitor.submit("new-key?name=anna")
    assert page.headers["Cache-Control"] == "no-store" and 'id="secret"' in page.text
    secret = page.text.split('id="secret" readonly value="')[1].split('"')[0]
    assert len(secret) >= 40 and secret not in visitor.open("/ui/people/users/one?name=anna").text
    kept = [path for path in front_end.folder.rglob("*") if path.is_file()]
    assert not [path for path in kept if secret.encode() in path.read_bytes()]


class TestAnotherAccount:
    @pytest.fixture
    def config(self) -> dict[str, Any]:
        config = server_config()
        everything = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
        guest = {
            "name": "guest",
            "account": "111111111111",
            "access_key_id": "guest-key",
            "secret_access_key": "guest-secret",
            "policy": {"Version": "2012-10-17", "Statement": everything},
        }
        accounts = [{"id": "111111111111", "name": "guests"}]
        return config | {"users": [*config["users"], guest], "accounts": accounts}

    def test_sees_nothing_of_the_whole_server(self, console: Any) -> None:
        visitor = ConsoleVisitor(console[0].url)
        page = visitor.sign_in("guest-key", "guest-secret")
        assert page.status_code == 200 and "test-bucket" not in page.text
        for path in ("", "/audit", "/integrity", "/about", "/connections"):
            assert visitor.open(f"/ui/server{path}").status_code == 403, path
        # An administrator of the account: its people are shown, and nothing of the server's.
        menu = visitor.open("/ui/buckets").text
        assert 'href="/ui/people"' in menu and 'href="/ui/server' not in menu
        assert visitor.open("/ui/people/users").status_code == 200
        assert "portal" not in visitor.text
        assert visitor.open("/ui/buckets/test-bucket/replication").status_code == 403
