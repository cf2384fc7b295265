"""What was read from the database and stays true until somebody changes something of its kind.

Processes of one server tell each other by a piece of memory that all share: whoever makes a change writes a
new random mark into it before its caller gets an answer.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

MARK_BYTES = 8
_KEPT_LIMIT = 1024

Value = TypeVar("Value")


class Known(Generic[Value]):
    """Values by their keys. ``mark`` is the memory with the mark."""

    def __init__(self, mark: mmap.mmap) -> None:
        self._mark = mark
        self._kept: dict[Hashable, tuple[bytes, Value]] = {}
        # What a process that was killed had changed, and could tell nobody of.
        self.forget()

    def find(self, key: Hashable, read: Callable[[], Value | None]) -> Value | None:
        """Returns a value: remembered, or what ``read`` returns. That there is none is not remembered, so
        that asking for what is not there fills no memory."""
        # Before reading: a change that is committed while this is read has another mark by its end.
        mark = self._mark[:]
        kept = self._kept.get(key)
        if kept is not None and kept[0] == mark:
            return kept[1]
        found = read()
        if found is not None:
            if len(self._kept) >= _KEPT_LIMIT:
                self._kept = {}
            self._kept[key] = (mark, found)
        return found

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Whatever became of the change that is committed inside, everybody reads again afterwards."""
        try:
            yield
        finally:
            self.forget()

    def forget(self) -> None:
        self._mark[:] = os.urandom(MARK_BYTES)
