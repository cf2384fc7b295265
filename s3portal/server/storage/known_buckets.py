"""Buckets as they were last read, for as long as no bucket changes: every request needs one.

Processes of one server tell each other of changes by a piece of memory that all share: whoever changes a
bucket writes a new random mark into it before its caller gets an answer.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from s3portal.server.storage.records import Bucket

MARK_BYTES = 8
# Policies can have 20 KB each.
_KEPT_LIMIT = 256


class Changing:
    """Says that buckets are read again once a change is through."""


class KnownBuckets:
    """``mark`` is the memory with the mark; without it, nothing is remembered."""

    def __init__(self, mark: mmap.mmap | None) -> None:
        self._mark = mark
        self._kept: dict[str, tuple[bytes, Bucket]] = {}
        # What a process that was killed had changed, and could tell nobody of.
        self.forget()

    def find(self, name: str, read: Callable[[], Bucket]) -> Bucket:
        """Returns a bucket: remembered, or what ``read`` returns, whose errors are not remembered."""
        if self._mark is None:
            return read()
        # Before reading: a change that is committed while this is read has another mark by its end.
        mark = self._mark[:]
        kept = self._kept.get(name)
        if kept is not None and kept[0] == mark:
            return kept[1]
        found = read()
        if len(self._kept) >= _KEPT_LIMIT:
            self._kept = {}
        self._kept[name] = (mark, found)
        return found

    @contextmanager
    def changing(self) -> Iterator[Changing]:
        """Whatever became of the change that is committed inside, everybody reads again afterwards. What
        changes a bucket asks for what this yields, so that none is changed outside."""
        try:
            yield Changing()
        finally:
            self.forget()

    def forget(self) -> None:
        if self._mark is not None:
            self._mark[:] = os.urandom(MARK_BYTES)


def new_mark() -> mmap.mmap:
    """Returns memory for a mark, which this process shares with those that it forks from now on."""
    return mmap.mmap(-1, MARK_BYTES)
