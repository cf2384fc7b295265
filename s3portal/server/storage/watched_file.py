"""A file that somebody else writes, read again when it has changed."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

# Within one tick of the kernel's clock, a file can change without its time showing it.
_TICK_NS = 50_000_000

Content = TypeVar("Content")
log = logging.getLogger(__name__)


class WatchedFile(Generic[Content]):
    """What a file says. Each look costs a few microseconds. A file that cannot be read, or has a mistake, is
    logged once, and what it said before counts on.

    ``read`` raises OSError, ValueError or RecursionError for a mistake. ``first`` is what counts until it was
    read; ``content`` names it in the log, and ``path`` None never changes. One that ``may_be_missing`` is no
    mistake until it was there.
    """

    def __init__(
        self,
        path: Path | None,
        read: Callable[[], Content],
        first: Content,
        content: str,
        *,
        may_be_missing: bool = False,
    ) -> None:
        self._may_be_missing = may_be_missing
        # As a text: making one of a path would take longer than the look itself.
        self._path = "" if path is None else str(path)
        self._read = read
        self._found = first
        self._content = content
        self._lock = threading.Lock()
        # Not known: the file may have changed between the start of the server and that of this process.
        self._state: tuple[int, ...] | None = None
        self._was_read = False

    def current(self) -> Content:
        """Returns what is in the file now. May be called from any thread."""
        if self._path and state_of(self._path) != self._state:
            with self._lock:
                self._read_again()
        return self._found

    def _read_again(self) -> None:
        state = state_of(self._path)
        if state == self._state:
            # Another thread has read it meanwhile.
            return
        settled = not state or not 0 <= time.time_ns() - state[0] < _TICK_NS
        try:
            self._found = self._read()
        except (OSError, ValueError, RecursionError) as problem:
            if self._may_be_missing and not self._was_read and isinstance(problem, FileNotFoundError):
                log.info("there are no %s: %s is not there", self._content, self._path)
            else:
                log.error("%s stay as they were: %s", self._content, problem)
        else:
            if self._was_read:
                log.info("%s of %s were read again", self._content, self._path)
            self._was_read = True
        # Noted last, so that nobody takes what was there before for what is there now.
        self._state = state if settled else None


def state_of(path: str) -> tuple[int, ...]:
    """What changes with a file; () while it is not there."""
    try:
        found = os.stat(path)  # noqa: PTH116  (of a text: see above)
    except OSError:
        return ()
    return (found.st_mtime_ns, found.st_size, found.st_ino)
