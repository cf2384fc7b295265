"""Counters of what a server does, in memory that all its processes share.

Each process counts in a place of its own, and whoever is asked adds them up: nothing is locked across
processes, and nothing is lost when one is replaced, whose successor goes on in the same place. A count costs
a microsecond or two, where a file for each process (prometheus_client's way) has to be read at every question
and grows with every process that ever was.
"""

from __future__ import annotations

import mmap
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from s3portal.server.gateway.minute_counts import MinuteRing, PeriodCounts, periods

#: Upper bounds of the histogram of durations, in seconds; what takes longer is in one more.
BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
#: What becomes of requests: by the first digit of the status, 0 for a connection that broke.
OUTCOMES = ("lost", "1xx", "2xx", "3xx", "4xx", "5xx")
OTHER = "Other"
_BUCKETS = len(BOUNDS_S) + 1
# Of an operation: requests by outcome, bytes in and out, the histogram, the nanoseconds of all.
_IN, _OUT = len(OUTCOMES), len(OUTCOMES) + 1
_HISTOGRAM = _OUT + 1
_NANOSECONDS = _HISTOGRAM + _BUCKETS
_FIELDS = _NANOSECONDS + 1
# Of a job: runs, failures, when it last ended well (ms since 1970).
_JOB_FIELDS = 3
_WORD = 8
_MASK = 2**64 - 1


@dataclass(frozen=True)
class OperationCounts:
    """Of one operation. ``by_outcome`` is in the order of OUTCOMES, ``histogram`` in that of BOUNDS_S, with
    one more for what took longer; neither is cumulative."""

    name: str
    by_outcome: Sequence[int]
    bytes_in: int
    bytes_out: int
    histogram: Sequence[int]
    seconds: float


@dataclass(frozen=True)
class JobCounts:
    """Of one background job; ``last_success_at`` in ms since 1970, 0 where there was none yet."""

    name: str
    runs: int
    failures: int
    last_success_at: int


class MetricsMemory:
    """The memory, made before any process is forked that counts in it.

    ``places`` is how many processes count at once. What has none of the names is counted as OTHER: callers
    can choose the names of some operations.
    """

    def __init__(
        self, operations: Iterable[str], errors: Iterable[str], jobs: Iterable[str], places: int = 1
    ) -> None:
        self.operations = (*sorted(set(operations)), OTHER)
        self.errors = (*sorted(set(errors)), OTHER)
        self.jobs = (*sorted(set(jobs)), OTHER)
        self.places = places
        self.errors_at = len(self.operations) * _FIELDS
        self.jobs_at = self.errors_at + len(self.errors)
        self.minutes_at = self.jobs_at + len(self.jobs) * _JOB_FIELDS
        self.size = self.minutes_at + MinuteRing.words_of(_BUCKETS)
        self.words = memoryview(mmap.mmap(-1, places * self.size * _WORD)).cast("Q")

    def ring(self, place: int) -> MinuteRing:
        """Returns the minutes that the process at a place counts."""
        end = (place + 1) * self.size
        return MinuteRing(self.words[end - self.size + self.minutes_at : end], _BUCKETS)

    def of_periods(self, now_s: float, minutes_each: int, count: int) -> list[PeriodCounts]:
        """Returns the counts of the last ``count`` periods, oldest first; ``now_s`` is in seconds since 1970.
        Raises ValueError for more than a day."""
        rings = [self.ring(place) for place in range(self.places)]
        return periods(rings, _BUCKETS, now_s, minutes_each, count)

    def total(self, offset: int) -> int:
        """Returns the sum of one counter over all places."""
        return sum(self.words[place * self.size + offset] for place in range(self.places))

    def of_operations(self) -> list[OperationCounts]:
        """Returns the counts of all operations that were ever asked for."""
        found = []
        for number, name in enumerate(self.operations):
            counts = [self.total(number * _FIELDS + field) for field in range(_FIELDS)]
            if any(counts[:_IN]):
                histogram = counts[_HISTOGRAM:_NANOSECONDS]
                seconds = counts[_NANOSECONDS] / 1e9
                found.append(
                    OperationCounts(name, counts[:_IN], counts[_IN], counts[_OUT], histogram, seconds)
                )
        return found

    def of_errors(self) -> dict[str, int]:
        """Returns how often each error was answered, by its code."""
        counted = {name: self.total(self.errors_at + number) for number, name in enumerate(self.errors)}
        return {name: count for name, count in counted.items() if count}

    def of_jobs(self) -> list[JobCounts]:
        """Returns the counts of the background jobs that ever ran."""
        found = []
        for number, name in enumerate(self.jobs):
            at = self.jobs_at + number * _JOB_FIELDS
            last = max(self.words[place * self.size + at + 2] for place in range(self.places))
            counts = JobCounts(name, self.total(at), self.total(at + 1), last)
            if counts.runs or counts.failures:
                found.append(counts)
        return found


class Metrics:
    """Counts for one process, whose place in the memory is ``place``; ``now_s`` is in seconds since 1970."""

    def __init__(self, memory: MetricsMemory, place: int = 0, now_s: Callable[[], float] = time.time) -> None:
        self.memory = memory
        self._now_s = now_s
        self._minutes = memory.ring(place)
        self._words = memory.words[place * memory.size : (place + 1) * memory.size]
        self._operations = {name: number * _FIELDS for number, name in enumerate(memory.operations)}
        self._errors = {name: memory.errors_at + number for number, name in enumerate(memory.errors)}
        self._jobs = {name: memory.jobs_at + number * _JOB_FIELDS for number, name in enumerate(memory.jobs)}
        self._lock = threading.Lock()

    def count(
        self, operation: str, status: int, code: str | None, bytes_in: int, bytes_out: int, seconds: float
    ) -> None:
        """Counts a request that is over; ``code`` is that of its error."""
        at = self._operations.get(operation)
        if at is None:
            at = self._operations[OTHER]
        bucket = bisect_left(BOUNDS_S, seconds)
        words = self._words
        with self._lock:
            words[at + (status // 100 if 100 <= status < 600 else 0)] += 1
            if bytes_in:
                words[at + _IN] += bytes_in
            if bytes_out:
                words[at + _OUT] += bytes_out
            words[at + _HISTOGRAM + bucket] += 1
            words[at + _NANOSECONDS] += max(0, int(seconds * 1e9))
            self._minutes.add(self._now_s(), status, bytes_in, bytes_out, bucket)
            if code is not None:
                words[self._errors.get(code, self._errors[OTHER])] += 1

    def job_ended(self, name: str, at_ms: int | None) -> None:
        """Counts a run of a background job that ended well at a time, or, without one, failed."""
        at = self._jobs.get(name, self._jobs[OTHER])
        with self._lock:
            if at_ms is None:
                self._words[at + 1] += 1
            else:
                self._words[at] += 1
                self._words[at + 2] = at_ms & _MASK
