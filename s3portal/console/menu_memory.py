"""Who is led to the pages of the server, remembered for a while.

The menu of every page asks for it, and each refusal would be one more line among those that are told to who
runs the server.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

REMEMBERED_S = 60.0
_SESSIONS_LIMIT = 10_000


class MenuMemory:
    """What was found out for each session, by the digest of its number. ``now`` is a clock in seconds.

    Used by several threads."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._found: OrderedDict[bytes, tuple[float, bool]] = OrderedDict()

    def find(self, session: bytes) -> bool | None:
        """Returns what was noted in the last minute, None where nothing was."""
        with self._lock:
            noted_at_s, is_operator = self._found.get(session, (0.0, None))
        return None if is_operator is None or self._now() - noted_at_s > REMEMBERED_S else is_operator

    def note(self, session: bytes, is_operator: bool) -> None:
        with self._lock:
            self._found[session] = self._now(), is_operator
            self._found.move_to_end(session)
            while len(self._found) > _SESSIONS_LIMIT:
                self._found.popitem(last=False)
