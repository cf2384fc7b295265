"""Who guesses at keys is slowed down by all processes of a server together."""

from __future__ import annotations

import multiprocessing
import os
import signal

from myfsio_callers import ask, keys_of
from s3_callers import send
from two_workers import Workers

from s3portal.server.http import failure_counts
from s3portal.server.http.failure_counts import FailureCounts
from s3portal.server.http.throttle import FREE_FAILURES, Throttle

FORKING = multiprocessing.get_context("fork")


def now():
    return 1000.0


def in_another_process(function):
    """Runs a function in a process that is forked now; returns how it ended."""
    process = FORKING.Process(target=function)
    process.start()
    process.join()
    return process.exitcode


def test_processes_count_together():
    throttle = Throttle(now, FailureCounts())
    for _ in range(FREE_FAILURES):
        assert throttle.wait_s("key") == 0
        assert in_another_process(lambda: throttle.failed("key")) == 0
    assert throttle.wait_s("key") > 0
    assert in_another_process(lambda: throttle.succeeded("key")) == 0
    assert throttle.wait_s("key") == 0


def test_failures_of_several_processes_at_once_are_all_counted():
    counts = FailureCounts()
    throttle = Throttle(now, counts)

    def fail():
        for _ in range(200):
            throttle.failed("key")

    processes = [FORKING.Process(target=fail) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    with counts.locked():
        assert counts.find(" key")[0] == 800


def test_a_process_that_is_killed_keeps_nobody_waiting():
    counts = FailureCounts()

    def die():
        with counts.locked():
            os.kill(os.getpid(), signal.SIGKILL)

    assert in_another_process(die) == -signal.SIGKILL
    throttle = Throttle(now, counts)
    throttle.failed("key")


def test_throttles_of_another_name_count_for_themselves():
    counts = FailureCounts()
    one, other = Throttle(now, counts, "one"), Throttle(now, counts, "other")
    for _ in range(FREE_FAILURES):
        one.failed("key")
    assert one.wait_s("key") > 0 and other.wait_s("key") == 0


def test_what_is_oldest_makes_room(monkeypatch):
    monkeypatch.setattr(failure_counts, "SETS", 1)
    counts = FailureCounts()
    with counts.locked():
        for number in range(failure_counts.WAYS + 1):
            counts.put(f"{number}", 1, float(number))
        found = [counts.find(f"{number}")[0] for number in range(failure_counts.WAYS + 1)]
        assert found == [0] + [1] * failure_counts.WAYS
        counts.put("5", 0, 0.0)
        counts.put("new", 3, 100.0)
        assert counts.find("1") == (1, 1.0) and counts.find("new") == (3, 100.0)


def test_a_key_is_guessed_at_no_oftener_with_workers(tmp_path):
    workers = Workers(tmp_path, myfsio={})
    try:
        wrong = keys_of("portal") | {"X-Secret-Key": "wrong"}
        first, second = workers.pids()
        with workers.only(first):
            for _ in range(FREE_FAILURES):
                assert send(workers, "GET", "/", wrong)[0] == 403
        with workers.only(second):
            assert send(workers, "GET", "/", wrong)[0] == 503
            assert ask(workers, "GET", "/", user="admin")[0] == 200
    finally:
        workers.stop()
