"""A clock that a test moves. Signatures, sessions, lifecycle rules, retention and the times of what is stored
are all held against it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

from s3portal.server.gateway.exchange import Exchange
from s3portal.server.gateway.pipeline import Around
from s3portal.server.storage import clock
from s3portal.server.wire.reply import Reply


class MovableClock:
    """The machine's clock and what a test added to it. Moved from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Returns the time, in UTC."""
        return datetime.now(timezone.utc) + self._ahead

    def advance(self, seconds: float) -> None:
        """Moves the clock; backwards by a negative number."""
        with self._lock:
            self._ahead += timedelta(seconds=seconds)

    def set(self, moment: datetime) -> None:
        """Moves the clock to a moment, which needs a time zone; it goes on from there."""
        if moment.tzinfo is None:
            raise ValueError(
                "the clock needs a moment with a time zone, as in datetime(…, tzinfo=timezone.utc)"
            )
        with self._lock:
            self._ahead = moment - datetime.now(timezone.utc)

    def reset(self) -> None:
        """Back to the machine's time."""
        with self._lock:
            self._ahead = timedelta()

    @contextmanager
    def applied(self) -> Iterator[None]:
        """What this thread stores meanwhile has this clock's time."""
        with clock.ahead_by(self._ahead // timedelta(milliseconds=1)):
            yield


class Clocked:
    """Stands around the gateway: answers requests by a movable clock."""

    def __init__(self, moved: MovableClock, around: Around) -> None:
        self._moved = moved
        self._around = around

    def answer(self, exchange: Exchange, answer: Callable[[Exchange], Reply]) -> Reply:
        """See ``gateway.pipeline.Around``."""

        def by_the_clock(exchange: Exchange) -> Reply:
            # After a fault's delay or a hold, during which the clock may have been moved.
            with self._moved.applied():
                return answer(exchange)

        return self._around.answer(exchange, by_the_clock)

    def close(self) -> None:
        self._around.close()
