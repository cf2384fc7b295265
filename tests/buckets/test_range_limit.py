"""How many ranges are fetched at once depends on how fast they come; files take turns."""

import threading
from collections import Counter

import pytest

from s3portal.buckets.sync.range_limit import FAST, FEWEST, MOST, RangeLimit
from s3portal.transfer import MIB

RANGE_BYTES = 16 * MIB
#: However many share the way.
SLOW_S = MOST * RANGE_BYTES / (FAST / 2)
FAST_S = FEWEST * RANGE_BYTES / (FAST * 2)


def test_what_comes_slowly_has_more_beside_it_up_to_a_limit():
    limit = RangeLimit()
    seen = []
    for _ in range(MOST):
        limit.came(RANGE_BYTES, SLOW_S)
        seen.append(limit.most)
    assert seen == [*range(FEWEST + 1, MOST), *[MOST] * (FEWEST + 1)]


def test_what_comes_fast_has_few_beside_it():
    limit = RangeLimit()
    for _ in range(3):
        limit.came(RANGE_BYTES, SLOW_S)
    assert limit.most == FEWEST + 3
    for expected in (FEWEST + 2, FEWEST + 1, FEWEST, FEWEST):
        limit.came(RANGE_BYTES, FAST_S)
        assert limit.most == expected


def test_that_each_has_less_of_a_fast_way_is_no_reason_for_more():
    limit = RangeLimit()
    limit.came(RANGE_BYTES, SLOW_S)
    assert limit.most == FEWEST + 1
    for _ in range(3):
        limit.came(RANGE_BYTES, limit.most * RANGE_BYTES / (FAST * 1.5))
    assert limit.most == FEWEST


def test_a_small_rest_says_nothing():
    limit = RangeLimit()
    limit.came(MIB, 60.0)
    assert limit.most == FEWEST


def test_one_that_fails_makes_room():
    limit = RangeLimit()
    for _ in range(3 * FEWEST):
        with pytest.raises(OSError, match="gone"), limit.turn("a"):
            raise OSError("gone")
    assert limit.most == FEWEST


class Fetching:
    """Ranges that are fetched in threads, until they may end."""

    def __init__(self, limit: RangeLimit) -> None:
        self.limit = limit
        self.running: Counter[str] = Counter()
        self.most_seen = 0
        self._changed = threading.Condition()
        self._may_end: Counter[str] = Counter()
        self._threads: list[threading.Thread] = []

    def begin(self, file: str, count: int) -> None:
        for _ in range(count):
            thread = threading.Thread(target=self._fetch, args=(file,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def end(self, file: str, count: int) -> None:
        """Lets so many of the file's end."""
        with self._changed:
            self._may_end[file] += count
            self._changed.notify_all()

    def come_to(self, **running: int) -> bool:
        """Whether so many of each file are soon running."""
        with self._changed:
            return self._changed.wait_for(lambda: +self.running == Counter(running), timeout=30)

    def come_to_counts(self, *counts: int) -> bool:
        """The same, where it does not matter of which files."""
        with self._changed:
            return self._changed.wait_for(
                lambda: sorted((+self.running).values()) == sorted(counts), timeout=30
            )

    def _fetch(self, file: str) -> None:
        with self.limit.turn(file), self._changed:
            self.running[file] += 1
            self.most_seen = max(self.most_seen, self.running.total())
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._may_end[file] > 0, timeout=60)
            self._may_end[file] -= 1
            self.running[file] -= 1
            self._changed.notify_all()


def test_no_more_than_the_limit_are_fetched_at_once():
    fetching = Fetching(RangeLimit())
    fetching.begin("a", 3 * FEWEST)
    for _ in range(3):
        assert fetching.come_to(a=FEWEST)
        fetching.end("a", FEWEST)
    assert fetching.come_to()
    assert fetching.most_seen == FEWEST


def test_a_higher_limit_lets_those_begin_that_wait():
    limit = RangeLimit()
    fetching = Fetching(limit)
    fetching.begin("a", 2 * FEWEST)
    assert fetching.come_to(a=FEWEST)
    limit.came(RANGE_BYTES, SLOW_S)
    assert fetching.come_to(a=FEWEST + 1)
    fetching.end("a", 2 * FEWEST)
    assert fetching.come_to()


def test_the_file_that_has_the_fewest_is_next():
    fetching = Fetching(RangeLimit())
    fetching.begin("a", 10)
    assert fetching.come_to(a=4)
    for file in ("b", "c", "d"):
        fetching.begin(file, 10)
    for seen in ((3, 1), (2, 1, 1), (1, 1, 1, 1)):
        # Which of the others is next is open.
        fetching.end("a", 1)
        assert fetching.come_to_counts(*seen)
    for file in ("a", "b", "c", "d"):
        fetching.end(file, 10)
    assert fetching.come_to()
    assert fetching.most_seen == FEWEST
