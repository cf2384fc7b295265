"""``s3portal server`` with its console as it is started: on which addresses, and by several workers."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from console_visitor import ConsoleVisitor


@contextmanager
def served(root: Path, *options: str) -> Iterator[dict[str, str]]:
    """Starts the command; yields the addresses that it prints, without /ui."""
    command = [sys.executable, "-m", "s3portal", "server", "--root", str(root), "--port", "0"]
    process = subprocess.Popen([*command, "--console-port", "0", *options], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        urls: dict[str, str] = {}
        for line in process.stdout:
            if found := re.match(r"(S3 server|Console): +(http://[^/,\s]+)", line):
                urls[found[1]] = found[2]
            if len(urls) == 2:
                break
        yield urls
    finally:
        process.terminate()
        process.communicate(timeout=60)


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def signed_in(url: str, root: Path) -> ConsoleVisitor:
    """The administrator of a server without configured users."""
    key = json.loads((root / "root-access-key.json").read_text())
    visitor = ConsoleVisitor(f"{url}/ui")
    page = visitor.sign_in(key["access_key_id"], key["secret_access_key"])
    assert page.url == f"{url}/ui/buckets", page.text
    return visitor


def test_with_mode_ui_only_this_machine_reaches_the_s3_port(tmp_path: Path) -> None:
    with served(tmp_path / "s3", "--mode", "ui", "--host", "0.0.0.0") as urls:
        ports = {name: port_of(url) for name, url in urls.items()}
        # An address that is not the one that the S3 port listens on, as another machine's way here is not.
        sign_in_page = requests.get(f"http://127.0.0.2:{ports['Console']}/ui/sign-in", timeout=60)
        assert sign_in_page.status_code == 200
        assert requests.get(f"http://127.0.0.1:{ports['S3 server']}/", timeout=60).status_code == 403
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://127.0.0.2:{ports['S3 server']}/", timeout=60)


def test_several_workers_are_one_console_to_several_browsers(tmp_path: Path) -> None:
    with served(tmp_path / "s3", "--workers", "2") as urls:
        root, url = tmp_path / "s3", urls["Console"]
        one, other = signed_in(url, root), signed_in(url, root)
        for visitor in (one, other):
            # A connection for each request, so that either worker answers.
            visitor.http.headers["Connection"] = "close"
        for number in range(6):
            one.open("/ui/buckets/new")
            page = one.submit("", name=f"bucket-{number}")
            assert page.status_code == 200 and f"The bucket bucket-{number} is there." in page.text
            assert f"bucket-{number}" in other.open("/ui/buckets").text
        one.submit("/ui/sign-out-everywhere")
        for _ in range(6):
            assert "/ui/sign-in" in other.open("/ui/buckets").url


def test_on_every_address_it_is_used_by_the_name_that_was_asked_for(tmp_path: Path) -> None:
    with served(tmp_path / "s3", "--host", "127.0.0.1", "--console-host", "0.0.0.0") as urls:
        console, store = (port_of(urls[name]) for name in ("Console", "S3 server"))
        for host in ("127.0.0.1", "127.0.0.3", "localhost"):
            visitor = signed_in(f"http://{host}:{console}", tmp_path / "s3")
            policy = visitor.open("/ui/buckets").headers["Content-Security-Policy"]
            assert f"frame-src http://{host}:{store};" in policy


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("console_host", ["::1", "::"])
def test_over_ipv6(tmp_path: Path, console_host: str) -> None:
    with served(tmp_path / "s3", "--host", "::1", "--console-host", console_host) as urls:
        assert urls["Console"].startswith(f"http://[{console_host}]:")
        port, store = port_of(urls["Console"]), port_of(urls["S3 server"])
        visitor = signed_in(f"http://[::1]:{port}", tmp_path / "s3")
        policy = visitor.open("/ui/buckets").headers["Content-Security-Policy"]
        assert f"connect-src 'self' http://[::1]:{store};" in policy
        visitor.open("/ui/buckets/new")
        assert "The bucket over-ipv6 is there." in visitor.submit("", name="over-ipv6").text
        requests.put(f"http://[::1]:{store}/over-ipv6/a", timeout=60)
        page = visitor.open("/ui/buckets/over-ipv6/object/download?key=a")
        assert page.url.startswith(f"http://[::1]:{store}/over-ipv6/a")
