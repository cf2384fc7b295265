"""The demo as a whole: what it prints, what it keeps, how it ends."""

import os
import re
import signal
import socket
import urllib.request
from urllib.parse import urlsplit

import pytest
from running_demo import all_gone

from s3portal.demo.process import free_port

pytestmark = pytest.mark.timeout(900)


def page(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as response:
        return response.read().decode()


def test_it_starts_says_what_to_try_and_begins_where_it_ended(demo, tmp_path):
    first = demo(folder=tmp_path / "new").wait_until_ready()
    password = first.printed(r"publisher / (\S+)")
    html = page(first.printed(r"ready:\s+(\S+/dataset/rivers)"))
    assert "Rivers" in html
    assert "The Lab" in html
    assert len({first.printed(rf"{name} / (\S+)") for name in ("publisher", "reader", "admin")}) == 3

    started = first.children()
    first.interrupt()
    assert first.wait_until_ended() == 0
    assert all_gone(started)
    assert "Traceback" not in first.output

    second = demo(folder=tmp_path / "new").wait_until_ready()
    assert second.printed(r"publisher / (\S+)") == password
    assert "Rivers" in page(second.printed(r"ready:\s+(\S+)"))
    for secret in (tmp_path / "new").rglob("*-password"):
        assert secret.stat().st_mode & 0o077 == 0

    second.interrupt()
    second.wait_until_ended()
    anew = demo("--reset", folder=tmp_path / "new").wait_until_ready()
    assert anew.printed(r"publisher / (\S+)") != password
    assert "Rivers" in page(anew.printed(r"ready:\s+(\S+)"))


def test_while_it_runs_its_pages_call_no_other_host_and_no_second_demo_takes_its_folder(demo):
    running = demo().wait_until_ready()
    url = running.printed(r"ready:\s+(\S+)/dataset/rivers")
    for path in ("/", "/dataset/", "/dataset/rivers", "/organization/the-lab", "/user/login"):
        assert hosts_called_by(page(url + path)) <= {urlsplit(url).netloc}

    second = demo()
    assert second.wait_until_ended() == 1
    assert f"process {running.pid}" in second.output
    assert "Rivers" in page(f"{url}/dataset/rivers")


def the_redis(processes):
    """The process of the server that speaks Redis's protocol."""
    [server] = [process for process in processes if process.name() in ("valkey-server", "redis-server")]
    return server


def hosts_called_by(html: str) -> set[str]:
    """The hosts that a browser asks for the scripts, styles and pictures of a page."""
    called = re.findall(r"""<(?:script|img|iframe)\b[^>]*\bsrc=["']([^"']+)""", html)
    called += re.findall(r"""<link\b[^>]*\bhref=["']([^"']+)""", html)
    assert called
    return {urlsplit(address).netloc for address in called} - {""}


def test_publishing_a_file_ends_well_only_when_the_bytes_come_back_equal(demo, tmp_path):
    file = tmp_path / "Pegelstände 2026.bin"
    file.write_bytes(os.urandom(11 * 1024 * 1024))
    running = demo("--publish", file)
    assert running.wait_until_ended() == 0, running.output
    assert "/download/" in running.printed(r"persistent link\s+(\S+)")
    assert "equal" in running.output

    # It is published already, and its link is on the port on which the portal runs now.
    again = demo("--publish", file)
    assert again.wait_until_ended() == 0, again.output
    assert again.printed(r"CKAN runs on port (\d+)") in again.printed(r"persistent link\s+(\S+)")


def test_an_empty_file_is_published_too(demo, tmp_path):
    file = tmp_path / "empty.txt"
    file.touch()
    running = demo("--publish", file)
    assert running.wait_until_ended() == 0, running.output


def test_a_file_that_is_not_there_is_said_before_anything_starts(demo, tmp_path):
    running = demo("--publish", tmp_path / "missing.csv", folder=tmp_path / "demo")
    assert running.wait_until_ended() == 2
    assert "missing.csv" in running.output
    assert not (tmp_path / "demo").exists()


def test_a_taken_port_is_said_with_what_to_do(demo):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        running = demo("--port", port, "--s3-port", free_port(), "--console-port", free_port())
        assert running.wait_until_ended() == 1
    assert f"Port {port} is taken" in running.output
    assert "--port" in running.output


def test_a_service_that_dies_ends_the_demo_and_is_named(demo):
    running = demo().wait_until_ready()
    started = running.children()
    redis = the_redis(started)
    redis.kill()
    assert running.wait_until_ended() == 1
    assert "Redis was ended by SIGKILL" in running.output
    assert "redis.log" in running.output
    assert all_gone(started)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_however_it_ends_it_leaves_no_process(demo, number):
    running = demo().wait_until_ready()
    started = running.children()
    assert len(started) >= 4
    running.interrupt(number)
    running.wait_until_ended()
    assert all_gone(started)


def test_ctrl_c_twice_ends_everything_at_once(demo):
    running = demo().wait_until_ready()
    started = running.children()
    # A service that does not stop when asked: the first Ctrl-C has to wait for it, the second does not.
    redis = the_redis(started)
    stopped_before_it = [
        process for process in started if process != redis and "postgres" not in process.name()
    ]
    redis.suspend()
    running.interrupt()
    assert all_gone(stopped_before_it)
    running.interrupt()
    running.wait_until_ended()
    assert all_gone(started)
