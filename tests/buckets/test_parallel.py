"""Calls side by side give their results and errors, and end when they are interrupted."""

import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from s3portal.buckets.parallel import Throttle, read_ahead, side_by_side

INTERRUPTED = Path(__file__).with_name("interrupted_calls.py")


def test_every_result_comes_once():
    assert sorted(side_by_side(lambda each: each * 2, range(500), 8)) == list(range(0, 1000, 2))
    assert list(side_by_side(lambda each: each, [])) == []


def test_calls_become_more_while_the_process_waits_for_them(monkeypatch):
    clocks = SimpleNamespace(monotonic=time.monotonic, process_time=lambda: 0.0)
    monkeypatch.setattr("s3portal.transfer.workers.time", clocks)
    sixteen = threading.Barrier(16)

    def call(each: int) -> int:
        # Nobody gets on before there are so many.
        sixteen.wait(60)
        return each

    assert sorted(side_by_side(call, range(160), 16)) == list(range(160))


def test_a_busy_process_begins_no_more_calls(monkeypatch):
    """A near store keeps one Python busy with a few calls; more threads would only take turns."""
    looks: list[float] = []
    looked_at = threading.Event()

    def process_time() -> float:
        looks.append(2 * time.monotonic())
        if len(looks) == 6:
            looked_at.set()
        return looks[-1]

    clocks = SimpleNamespace(monotonic=time.monotonic, process_time=process_time)
    monkeypatch.setattr("s3portal.transfer.workers.time", clocks)
    begun: list[int] = []

    def call(each: int) -> int:
        if not looked_at.is_set():
            begun.append(each)
        looked_at.wait(60)
        return each

    assert sorted(side_by_side(call, range(100), 16)) == list(range(100))
    assert sorted(begun) == [0, 1, 2, 3]


def test_what_a_call_raises_is_raised_and_no_other_begins():
    begun = []
    gate = threading.Event()

    def call(each: int) -> int:
        begun.append(each)
        if each == 3:
            gate.set()
            raise ValueError("three")
        gate.wait(10)
        return each

    with pytest.raises(ValueError, match="three"):
        list(side_by_side(call, range(1000), 8))
    assert len(begun) < 100


def test_ctrl_c_at_any_moment_ends_the_calls():
    ended = subprocess.run(
        [sys.executable, str(INTERRUPTED)], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == [str(number) for number in range(30)]


def test_a_burst_that_says_slow_down_counts_once():
    now, pauses = [100.0], []
    throttle = Throttle(sleep=pauses.append, clock=lambda: now[0])

    def pause_after(*seconds):
        for each in seconds:
            now[0] += each
            throttle.slow_down()
        pauses.clear()
        throttle.wait()
        return pauses

    assert pause_after(0, 0.01, 0.01) == [0.1]
    assert pause_after(0.2, 0.01) == [0.2]
    throttle.went_well()
    assert pause_after() == [pytest.approx(0.18)]


def test_what_is_read_ahead_comes_in_order_and_so_does_what_it_raises():
    def given():
        yield from range(5)
        raise ValueError("five")

    ahead = read_ahead(given())
    assert [next(ahead) for _ in range(5)] == list(range(5))
    with pytest.raises(ValueError, match="five"):
        next(ahead)
    assert list(read_ahead(iter(()))) == []


def test_no_more_is_read_ahead_than_said_and_nothing_once_nobody_wants_it():
    taken = []

    def given():
        for number in range(1000):
            taken.append(number)
            yield number

    ahead = read_ahead(given(), most=2)
    assert next(ahead) == 0
    ahead.close()
    (thread,) = [each for each in threading.enumerate() if each.name == "s3portal-ahead"] or [None]
    if thread is not None:
        thread.join(10)
        assert not thread.is_alive()
    assert len(taken) <= 6
