"""What each session may see, remembered for a little while."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

LIFE_S = 60.0


class Sights:
    """Remembers what each session may see. ``clock`` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[tuple[bytes, str], tuple[float, frozenset[str]]] = {}

    def of(self, session: bytes, what: str, ask: Callable[[], Iterator[str]]) -> frozenset[str]:
        """Returns what ``ask`` says, or said for this session lately."""
        with self._lock:
            until, found = self._seen.get((session, what), (0.0, frozenset[str]()))
            if until > self._clock():
                return found
        found = frozenset(ask())
        with self._lock:
            now = self._clock()
            self._seen = {name: kept for name, kept in self._seen.items() if kept[0] > now}
            self._seen[session, what] = (now + LIFE_S, found)
        return found

    def forget(self, session: bytes) -> None:
        """Has a session asked for again: it has changed something."""
        with self._lock:
            self._seen = {name: kept for name, kept in self._seen.items() if name[0] != session}
