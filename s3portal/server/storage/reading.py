"""The connections to read with, borrowed for a block."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable

#: A reader has three files open, and to open one takes longer than most reads: so many are enough for any
#: number of callers, unless some read for long.
FEW_READERS = 8
READERS_LIMIT = 32
#: How long one waits for another's before a reader more is opened.
PATIENCE_S = 0.25


class Readers:
    """Connections to read with, each for one caller at a time, opened by ``connect`` as they are needed."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], patience_s: float = PATIENCE_S) -> None:
        self._connect = connect
        self._patience_s = patience_s
        # Taken and put without the lock; the one that was used last has the most in its cache.
        self._idle: list[sqlite3.Connection] = []
        self._freed = threading.Condition()
        self._open = self._waiting = 0
        self._is_closed = False

    def borrow(self) -> sqlite3.Connection:
        """Returns a connection, to be given back; waits while ``READERS_LIMIT`` are in use."""
        return self._taken() or self._waited_for() or self._opened()

    def _taken(self) -> sqlite3.Connection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _waited_for(self) -> sqlite3.Connection | None:
        """One that another gave back; None where one is to be opened, which is counted by then."""
        with self._freed:
            until_s = time.monotonic() + self._patience_s
            # Before it looks: who gives one back looks for those who wait after that.
            self._waiting += 1
            try:
                while (found := self._taken()) is None:
                    left_s = until_s - time.monotonic()
                    if self._open < (FEW_READERS if left_s > 0 else READERS_LIMIT):
                        self._open += 1
                        return None
                    self._freed.wait(left_s if left_s > 0 else None)
                return found
            finally:
                self._waiting -= 1

    def _opened(self) -> sqlite3.Connection:
        """A connection that is counted already."""
        try:
            return self._connect()
        except BaseException:
            with self._freed:
                self._open -= 1
                self._freed.notify()
            raise

    def give_back(self, connection: sqlite3.Connection) -> None:
        """The end of a borrowing."""
        self._idle.append(connection)
        if self._waiting or self._open > FEW_READERS or self._is_closed:
            with self._freed:
                self._close_surplus()
                self._freed.notify()

    def _close_surplus(self) -> None:
        """Not the last that idles, or the next caller would wait for another again."""
        while self._is_closed or (self._open > FEW_READERS and len(self._idle) > max(1, self._waiting)):
            try:
                connection = self._idle.pop(0)
            except IndexError:
                return
            self._open -= 1
            connection.close()

    def close(self) -> None:
        """Closes those that nobody uses, and the others when they are given back."""
        with self._freed:
            self._is_closed = True
            self._close_surplus()


class Reading:
    """A reader's connection for the length of a block. Not a generator: every request reads several times."""

    __slots__ = ("_connection", "_readers")

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    def __enter__(self) -> sqlite3.Connection:
        self._connection = self._readers.borrow()
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._readers.give_back(self._connection)
