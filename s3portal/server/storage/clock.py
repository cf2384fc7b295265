"""The time, as it is stored. A test may move it for what runs in its context."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ahead_ms: ContextVar[int] = ContextVar("ahead_ms", default=0)


def now_ms() -> int:
    """Returns the time in milliseconds since 1970, as it is stored."""
    return time.time_ns() // 1_000_000 + _ahead_ms.get()


@contextmanager
def ahead_by(milliseconds: int) -> Iterator[None]:
    """The clock is ahead of the machine's by so much, for what this thread does meanwhile."""
    before = _ahead_ms.set(milliseconds)
    try:
        yield
    finally:
        _ahead_ms.reset(before)
