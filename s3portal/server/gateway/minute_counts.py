"""What a server does minute by minute, for the last day, in memory that all its processes share.

A ring of minutes for each process, as in ``metrics``: whoever is asked adds them up. It takes
242 kB a process, however much is asked for, and is lost with the server.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

DAY_MINUTES = 24 * 60
#: What follows the minute (since 1970; 0 for none): refused, failed, bytes in and out, the histogram.
_MINUTE, _REFUSED, _FAILED, _IN, _OUT, _HISTOGRAM = range(6)


@dataclass(frozen=True)
class PeriodCounts:
    """Requests that ended in a period, which begins ``at_s`` seconds after 1970. ``refused`` were answered
    with 4xx; ``failed`` with 5xx, or their connection broke. ``histogram`` is in the order of
    ``metrics.BOUNDS_S``, with one more for what took longer."""

    at_s: int
    refused: int
    failed: int
    bytes_in: int
    bytes_out: int
    histogram: Sequence[int]

    @property
    def requests(self) -> int:
        return sum(self.histogram)


class MinuteRing:
    """The minutes of one process, in its part of the shared memory; ``words`` are `words_of` many."""

    def __init__(self, words: memoryview, bars: int) -> None:
        self._words = words
        self._fields = _HISTOGRAM + bars
        self._nothing = array("Q", [0] * (self._fields - 1))

    @staticmethod
    def words_of(bars: int) -> int:
        """Returns how many words a ring takes whose histogram has so many bars."""
        return DAY_MINUTES * (_HISTOGRAM + bars)

    def add(self, now_s: float, status: int, bytes_in: int, bytes_out: int, bar: int) -> None:
        """Counts a request that ended now. One thread of its process at a time."""
        minute, words = int(now_s // 60), self._words
        at = minute % DAY_MINUTES * self._fields
        if words[at] != minute:
            # Who reads meanwhile, in another process, takes none of it.
            words[at] = 0
            words[at + 1 : at + self._fields] = self._nothing
            words[at] = minute
        if status >= 500 or status < 100:
            words[at + _FAILED] += 1
        elif status >= 400:
            words[at + _REFUSED] += 1
        words[at + _IN] += bytes_in
        words[at + _OUT] += bytes_out
        words[at + _HISTOGRAM + bar] += 1

    def add_to(self, sums: Sequence[list[int]], first_minute: int, minutes_each: int) -> None:
        """Adds the counts of each period to its sums."""
        words, fields = self._words, self._fields
        for number in range(len(sums) * minutes_each):
            minute = first_minute + number
            at = minute % DAY_MINUTES * fields
            if words[at] != minute:
                continue
            counts = words[at + 1 : at + fields].tolist()
            if words[at] == minute:
                found = sums[number // minutes_each]
                found[:] = map(int.__add__, found, counts)


def periods(
    rings: Sequence[MinuteRing], bars: int, now_s: float, minutes_each: int, count: int
) -> list[PeriodCounts]:
    """Returns the last ``count`` periods of so many minutes, oldest first; the last one has begun, and is not
    over. Together they are at most a day."""
    if not 0 < minutes_each * count <= DAY_MINUTES:
        raise ValueError(f"{count} periods of {minutes_each} minutes are none, or more than a day")
    first = (int(now_s // 60) // minutes_each - count + 1) * minutes_each
    sums = [[0] * (_HISTOGRAM - 1 + bars) for _number in range(count)]
    for ring in rings:
        ring.add_to(sums, first, minutes_each)
    found = []
    for number, (refused, failed, bytes_in, bytes_out, *histogram) in enumerate(sums):
        at_s = (first + number * minutes_each) * 60
        found.append(PeriodCounts(at_s, refused, failed, bytes_in, bytes_out, histogram))
    return found


def quantile_s(histogram: Sequence[int], bounds_s: Sequence[float], share: float) -> float | None:
    """Returns the time within which a share of requests was done, as far as a histogram tells: within a bar
    they are taken to be spread evenly, and what is over the last bound counts as that. None for no request.
    Source: https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
    """
    wanted = sum(histogram) * share
    below, lower = 0, 0.0
    for count, upper in zip(histogram, bounds_s, strict=False):
        if count and below + count >= wanted:
            return lower + (upper - lower) * (wanted - below) / count
        below, lower = below + count, upper
    return bounds_s[-1] if any(histogram) else None
