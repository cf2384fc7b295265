"""Sessions end, and the throttle forgets, by the clock."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

import pytest

from s3portal.console import database
from s3portal.console.database import ConsoleDatabase
from s3portal.console.sessions import Sessions
from s3portal.console.throttle import (
    FORGIVEN_AFTER_S,
    FREE_FAILURES,
    LONGEST_WAIT_S,
    Throttle,
    known_browser,
    new_browser,
    sources_of,
)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def new_sessions(path: Path, clock: Clock) -> Sessions:
    return Sessions(ConsoleDatabase(path / "console.sqlite"), clock, session_s=1000, idle_s=300)


def test_a_session_survives_a_restart_and_is_private(tmp_path: Path) -> None:
    clock = Clock()
    number = new_sessions(tmp_path, clock).begin("KEY", None, None, "192.0.2.1", "a browser").number
    found = new_sessions(tmp_path, clock).find(number)
    assert found is not None and (found.access_key_id, found.address) == ("KEY", "192.0.2.1")
    assert (tmp_path / "console.sqlite").stat().st_mode & 0o077 == 0


def test_sessions_of_an_earlier_console_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There were two steps when sessions had no person."""
    clock = Clock()
    with monkeypatch.context() as earlier:
        earlier.setattr(database, "_STEPS", database._STEPS[:2])
        ConsoleDatabase(tmp_path / "console.sqlite")
    with sqlite3.connect(tmp_path / "console.sqlite") as rows:
        digest = hashlib.sha256(b"number").digest()
        row = (digest, "KEY", None, 1_000_000, 1_000_000, 1_000_900, "192.0.2.1", "a browser")
        rows.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    sessions = new_sessions(tmp_path, clock)
    found = sessions.find("number")
    assert found is not None and (found.access_key_id, found.person) == ("KEY", None)
    # Whom no provider vouches for is nobody in particular.
    assert sessions.end_all("ANOTHER", found.person) == 0 and sessions.find("number") == found


def test_a_session_ends_when_nobody_uses_it(tmp_path: Path) -> None:
    clock = Clock()
    sessions = new_sessions(tmp_path, clock)
    session = sessions.begin("KEY", None, None, "", "")
    for _ in range(3):
        clock.now += 200
        assert sessions.find(session.number) is not None
    clock.now += 301
    assert sessions.find(session.number) is None


def test_a_session_ends_however_much_it_is_used(tmp_path: Path) -> None:
    clock = Clock()
    sessions = new_sessions(tmp_path, clock)
    session = sessions.begin("KEY", None, None, "", "")
    for _ in range(4):
        clock.now += 240
        assert sessions.find(session.number) is not None
    clock.now += 60
    assert sessions.find(session.number) is None


def test_a_session_ends_with_its_credentials(tmp_path: Path) -> None:
    clock = Clock()
    sessions = new_sessions(tmp_path, clock)
    session = sessions.begin("KEY", "token", clock.now + 100, "", "")
    clock.now += 99
    assert sessions.find(session.number) is not None
    clock.now += 1
    assert sessions.find(session.number) is None


def test_what_is_over_is_removed(tmp_path: Path) -> None:
    clock = Clock()
    sessions = new_sessions(tmp_path, clock)
    sessions.begin("OLD", None, None, "", "")
    clock.now += 2000
    sessions.begin("NEW", None, None, "", "")
    assert sessions.end_all("OLD") == 0
    assert sessions.end_all("NEW") == 1


def test_waiting_doubles_up_to_a_limit_and_a_success_forgives() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for _ in range(FREE_FAILURES - 1):
        throttle.failed("a")
    assert throttle.wait_s("a") == 0
    waits = []
    for _ in range(12):
        throttle.failed("a")
        waits.append(throttle.wait_s("a", "b"))
    assert waits == sorted(waits) and waits[1] == 2 * waits[0] and waits[-1] == LONGEST_WAIT_S
    assert throttle.wait_s("b") == 0
    throttle.succeeded("a")
    assert throttle.wait_s("a") == 0


def test_old_failures_are_forgotten() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for _ in range(FREE_FAILURES):
        throttle.failed("a")
    clock.now += FORGIVEN_AFTER_S + 1
    throttle.failed("a")
    assert throttle.wait_s("a") == 0


def test_attempts_at_the_same_time_are_no_more_than_one_after_the_other() -> None:
    throttle = Throttle(Clock())
    waits = [throttle.attempt("a") for _ in range(FREE_FAILURES + 5)]
    assert waits[:FREE_FAILURES] == [0] * FREE_FAILURES and all(waits[FREE_FAILURES:])
    throttle.succeeded("a")
    assert throttle.attempt("a") == 0


def test_a_long_key_takes_no_more_room_than_a_short_one() -> None:
    throttle = Throttle(Clock())
    long = "key " + "x" * 1_000_000
    for _ in range(FREE_FAILURES):
        throttle.failed(long, "key \ud800")
    assert throttle.wait_s(long) and throttle.wait_s("key \ud800") and not throttle.wait_s(long[:-1])


def test_a_network_of_ipv6_is_one_source() -> None:
    assert sources_of("2001:db8::1", "K", None) == sources_of("2001:db8::ffff:1", "K", None)
    assert sources_of("2001:db8::1", "K", None) != sources_of("2001:db8:0:1::1", "K", None)
    assert sources_of("192.0.2.1", "K", None) != sources_of("192.0.2.2", "K", None)
    assert sources_of("fe80::1%eth0", "K", None)[0] == "address fe80::/64"
    assert sources_of("", "K", None) == ("address ", "key K")


def test_a_browser_is_known_by_the_key_it_signed_in_with() -> None:
    given = new_browser(b"k", "KEY")
    assert known_browser(b"k", "KEY", given) == given.partition(".")[0]
    assert known_browser(b"k", "OTHER", given) is None
    assert known_browser(b"other", "KEY", given) is None
    assert known_browser(b"k", "KEY", "") is None and known_browser(b"k", "KEY", "a.\xff") is None
