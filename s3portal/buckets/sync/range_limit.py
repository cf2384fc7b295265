"""How many ranges are fetched at once, of all files together.

Where each comes fast, more of them only wait for each other, at the processors and at the file that they
belong to. Where each comes slowly, as from far away, more of them use more of the way.
"""

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from s3portal.transfer import MIB

FEWEST = 4
MOST = 16
#: Where all together come faster than this, in bytes a second, more of them are of no use.
FAST = 256 * MIB
#: A smaller range says nothing of how fast they come: it is mostly waited for.
_TELLING_BYTES = 4 * MIB


class RangeLimit:
    """Begins with ``FEWEST`` at once, and adapts by one with each range. Safe in threads."""

    def __init__(self) -> None:
        self.most = FEWEST
        self._running: Counter[Hashable] = Counter()
        self._waiting: defaultdict[Hashable, deque[threading.Event]] = defaultdict(deque)
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, file: Hashable) -> Iterator[None]:
        """Waits until a range of the file may be fetched; the file that has the fewest is next."""
        may_begin = threading.Event()
        with self._lock:
            self._waiting[file].append(may_begin)
            self._let_begin()
        may_begin.wait()
        try:
            yield
        finally:
            with self._lock:
                self._running[file] -= 1
                if not self._running[file]:
                    del self._running[file]
                self._let_begin()

    def came(self, size_bytes: int, waited_s: float) -> None:
        """A range is there. ``waited_s`` is without the time that it took to write it: a slow disk does not
        become faster by more of them."""
        if size_bytes < _TELLING_BYTES:
            return
        with self._lock:
            # Each has its share of the way: what counts is what they are together.
            more = 1 if size_bytes * self.most < FAST * waited_s else -1
            self.most = min(max(self.most + more, FEWEST), MOST)
            self._let_begin()

    def _let_begin(self) -> None:
        """Wakes those alone whose turn it is."""
        while self._waiting and self._running.total() < self.most:
            file = min(self._waiting, key=lambda waiting: self._running[waiting])
            waiting = self._waiting[file]
            waiting.popleft().set()
            if not waiting:
                del self._waiting[file]
            self._running[file] += 1
