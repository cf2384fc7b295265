"""Slows down who guesses: failures are counted by what they have in common, such as an address or a key.

In the memory of the process: a restart forgives, and an attacker cannot fill a disk.
Source: https://cheatsheetseries.owasp.org/cheatsheets/Authentication_Cheat_Sheet.html, *Login Throttling*
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

#: So many failures are forgiven before waiting begins, of one address and of one key.
FREE_FAILURES = 5
FIRST_WAIT_S = 2.0
LONGEST_WAIT_S = 900.0
#: After this time without a failure everything is forgiven.
FORGIVEN_AFTER_S = 3600.0
_KEPT = 10_000


class Throttle:
    """Counts failures by what they have in common. ``now`` is a monotonic clock in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._failures: OrderedDict[bytes, tuple[int, float]] = OrderedDict()

    def wait_s(self, *sources: str) -> float:
        """Returns how many seconds these have to wait before they may try again; 0 for now."""
        with self._lock:
            return self._longest_s(_digests(sources))

    def attempt(self, *sources: str) -> float:
        """Returns how many seconds these have to wait; where that is 0, an attempt is counted as failed until
        it has succeeded, so that many at the same time are no more than one after the other."""
        with self._lock:
            wait_s = self._longest_s(_digests(sources))
            if not wait_s:
                self._count(_digests(sources))
            return wait_s

    def failed(self, *sources: str) -> None:
        """Notes a failure of each."""
        with self._lock:
            self._count(_digests(sources))

    def succeeded(self, *sources: str) -> None:
        """Forgives these."""
        with self._lock:
            for source in _digests(sources):
                self._failures.pop(source, None)

    def _count(self, sources: Sequence[bytes]) -> None:
        now = self._now()
        for source in sources:
            count, at = self._failures.pop(source, (0, now))
            self._failures[source] = (1 if now - at > FORGIVEN_AFTER_S else count + 1, now)
        while len(self._failures) > _KEPT:
            self._failures.popitem(last=False)

    def _longest_s(self, sources: Sequence[bytes]) -> float:
        return max((self._left_s(source) for source in sources), default=0.0)

    def _left_s(self, source: bytes) -> float:
        count, at = self._failures.get(source, (0, 0.0))
        if count < FREE_FAILURES:
            return 0.0
        wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** (count - FREE_FAILURES))
        return max(0.0, at + wait_s - self._now())


def _digests(sources: Sequence[str]) -> list[bytes]:
    """What is kept of each, however long a key was typed."""
    return [hashlib.sha256(source.encode("utf-8", "replace")).digest() for source in sources]
