"""Counts by the minute: for a day, over all processes, in memory that does not grow."""

from __future__ import annotations

import os

import pytest
from two_workers import at_once

from s3portal.server.gateway.metrics import BOUNDS_S, Metrics, MetricsMemory
from s3portal.server.gateway.minute_counts import DAY_MINUTES, quantile_s

#: A full hour, in seconds since 1970.
NOON = 1_800_000_000


class Clock:
    def __init__(self, now_s=NOON):
        self.now_s = now_s

    def __call__(self):
        return self.now_s


def requests_of(periods):
    return [period.requests for period in periods]


def test_each_minute_has_its_own_counts():
    clock = Clock()
    metrics = Metrics(MetricsMemory(("A",), (), ()), now_s=clock)
    for status, bytes_in, bytes_out, seconds in (
        (200, 1, 2, 0.004),
        (304, 0, 0, 0.004),
        (403, 0, 300, 0.0001),
        (500, 0, 300, 99.0),
        (0, 5, 0, -1.0),
    ):
        metrics.count("A", status, None, bytes_in, bytes_out, seconds)
    clock.now_s += 60
    metrics.count("A", 200, None, 0, 0, 0.004)
    before, counted, after = metrics.memory.of_periods(clock.now_s + 59.9, 1, 3)
    assert [before.at_s, counted.at_s, after.at_s] == [NOON - 60, NOON, NOON + 60]
    assert (before.requests, counted.requests, after.requests) == (0, 5, 1)
    assert (counted.refused, counted.failed) == (1, 2)
    assert (counted.bytes_in, counted.bytes_out) == (6, 602)
    assert counted.histogram[BOUNDS_S.index(0.005)] == 2 and counted.histogram[-1] == 1


def test_a_day_is_kept_and_no_more():
    clock = Clock()
    metrics = Metrics(MetricsMemory((), (), ()), now_s=clock)
    size = metrics.memory.words.nbytes
    for minute in range(DAY_MINUTES + 60):
        clock.now_s = NOON + 60 * minute
        metrics.count("A", 200, None, 0, 0, 0.1)
    assert metrics.memory.words.nbytes == size
    assert sum(requests_of(metrics.memory.of_periods(clock.now_s, 1, DAY_MINUTES))) == DAY_MINUTES
    quarters = metrics.memory.of_periods(clock.now_s, 15, 96)
    assert requests_of(quarters)[:-1] == [15] * 95
    assert quarters[-1].at_s % 900 == 0 and quarters[-1].at_s <= clock.now_s < quarters[-1].at_s + 900
    with pytest.raises(ValueError, match="more than a day"):
        metrics.memory.of_periods(clock.now_s, 15, 97)


def test_what_is_older_than_a_day_is_not_taken_for_today():
    clock = Clock()
    metrics = Metrics(MetricsMemory((), (), ()), now_s=clock)
    metrics.count("A", 500, None, 7, 7, 0.1)
    clock.now_s += DAY_MINUTES * 60
    assert sum(requests_of(metrics.memory.of_periods(clock.now_s, 15, 96))) == 0
    metrics.count("A", 200, None, 1, 1, 0.1)
    last = metrics.memory.of_periods(clock.now_s, 1, 1)[0]
    assert (last.requests, last.failed, last.bytes_in) == (1, 0, 1)


def test_a_clock_that_is_put_back_is_no_failure():
    clock = Clock()
    metrics = Metrics(MetricsMemory((), (), ()), now_s=clock)
    metrics.count("A", 200, None, 0, 0, 0.1)
    clock.now_s -= 3600
    metrics.count("A", 200, None, 0, 0, 0.1)
    assert requests_of(metrics.memory.of_periods(clock.now_s, 1, 60)) == [0] * 59 + [1]
    clock.now_s += 3600
    assert requests_of(metrics.memory.of_periods(clock.now_s, 15, 5))[-1] == 1


def test_counts_of_all_places_and_threads_are_added_up():
    memory, clock = MetricsMemory(("A",), (), (), places=3), Clock()
    counters = [Metrics(memory, place, clock) for place in range(3)]

    def count(number):
        for _ in range(500):
            counters[number % 3].count("A", 404, None, 2, 3, 0.004)

    at_once(6, count)
    # One that is replaced goes on in the same place.
    Metrics(memory, 1, clock).count("A", 200, None, 0, 0, 0.004)
    (minute,) = memory.of_periods(NOON, 1, 1)
    assert (minute.requests, minute.refused, minute.bytes_in, minute.bytes_out) == (3001, 3000, 6000, 9000)
    (counted,) = memory.of_operations()
    assert sum(counted.by_outcome) == 3001, "the other counters are as they were"


def test_what_another_process_counts_is_told_by_this_one():
    memory, clock = MetricsMemory(("A",), (), (), places=2), Clock()
    child = os.fork()
    if child == 0:
        try:
            Metrics(memory, 1, clock).count("A", 503, None, 4, 5, 0.004)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    Metrics(memory, 0, clock).count("A", 200, None, 1, 1, 0.004)
    (minute,) = memory.of_periods(NOON, 1, 1)
    assert (minute.requests, minute.failed, minute.bytes_in, minute.bytes_out) == (2, 1, 5, 6)


@pytest.mark.parametrize(
    ("counts", "share", "expected"),
    [
        ({}, 0.5, None),
        ({0: 1}, 0.5, 0.0005),
        ({0: 100}, 0.95, 0.00095),
        ({3: 10, 6: 10}, 0.5, 0.01),
        ({3: 10, 6: 10}, 0.75, 0.075),
        ({15: 4}, 0.5, 60.0),
        ({0: 90, 15: 10}, 0.95, 60.0),
    ],
)
def test_quantiles_of_a_histogram(counts, share, expected):
    histogram = [counts.get(bar, 0) for bar in range(len(BOUNDS_S) + 1)]
    found = quantile_s(histogram, BOUNDS_S, share)
    assert found == (None if expected is None else pytest.approx(expected))
