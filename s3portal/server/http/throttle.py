"""Slows down who guesses: failures are counted by what they have in common, such as an address or a key.

In memory that the processes of a server share: a restart forgives, and an attacker cannot fill a disk.
Source: https://cheatsheetseries.owasp.org/cheatsheets/Authentication_Cheat_Sheet.html, *Login Throttling*
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from s3portal.server.http.failure_counts import FailureCounts

#: So many failures are forgiven before waiting begins, of one address and of one key.
FREE_FAILURES = 5
FIRST_WAIT_S = 2.0
LONGEST_WAIT_S = 900.0
#: After this time without a failure everything is forgiven.
FORGIVEN_AFTER_S = 3600.0


class Throttle:
    """Counts failures by what they have in common. ``now`` is a monotonic clock in seconds. Throttles of one
    ``name`` with the same ``counts`` count together, in all processes that share them."""

    def __init__(self, now: Callable[[], float], counts: FailureCounts | None = None, name: str = "") -> None:
        self._now = now
        self._counts = counts or FailureCounts()
        self._name = name

    def wait_s(self, *sources: str) -> float:
        """Returns how many seconds these have to wait before they may try again; 0 for now."""
        with self._counts.locked():
            return self._longest_s(sources)

    def attempt(self, *sources: str) -> float:
        """Returns how many seconds these have to wait; where that is 0, an attempt is counted as failed until
        it has succeeded, so that many at the same time are no more than one after the other."""
        with self._counts.locked():
            wait_s = self._longest_s(sources)
            if not wait_s:
                self._count(sources)
            return wait_s

    def failed(self, *sources: str) -> None:
        """Notes a failure of each."""
        with self._counts.locked():
            self._count(sources)

    def succeeded(self, *sources: str) -> None:
        """Forgives these."""
        with self._counts.locked():
            for source in sources:
                self._counts.put(self._named(source), 0, 0.0)

    def _count(self, sources: Sequence[str]) -> None:
        now = self._now()
        for source in sources:
            count, at = self._counts.find(self._named(source))
            self._counts.put(self._named(source), 1 if now - at > FORGIVEN_AFTER_S else count + 1, now)

    def _longest_s(self, sources: Sequence[str]) -> float:
        return max((self._left_s(source) for source in sources), default=0.0)

    def _left_s(self, source: str) -> float:
        count, at = self._counts.find(self._named(source))
        if count < FREE_FAILURES:
            return 0.0
        wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(count - FREE_FAILURES, 64))
        return max(0.0, at + wait_s - self._now())

    def _named(self, source: str) -> str:
        return f"{self._name} {source}"
