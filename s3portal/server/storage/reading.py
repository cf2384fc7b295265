"""The connections to read with, borrowed for a block."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

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
        self._idle: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        self._open = 0
        self._lock = threading.Lock()

    def borrow(self) -> sqlite3.Connection:
        """Returns a connection, to be given back; waits while ``READERS_LIMIT`` are in use."""
        try:
            return self._idle.get_nowait()
        except Empty:
            pass
        while True:
            with self._lock:
                opens = self._open < FEW_READERS
                self._open += opens
            if opens:
                return self._opened()
            try:
                return self._idle.get(timeout=self._patience_s)
            except Empty:
                pass
            with self._lock:
                opens = self._open < READERS_LIMIT
                self._open += opens
            if opens:
                return self._opened()

    def _opened(self) -> sqlite3.Connection:
        """A connection that is counted already."""
        try:
            return self._connect()
        except BaseException:
            with self._lock:
                self._open -= 1
            raise

    def give_back(self, connection: sqlite3.Connection) -> None:
        """The end of a borrowing."""
        if self._open > FEW_READERS:
            with self._lock:
                closes = self._open > FEW_READERS
                self._open -= closes
            if closes:
                connection.close()
                return
        self._idle.put(connection)

    def close(self) -> None:
        """Closes those that nobody uses."""
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return


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
