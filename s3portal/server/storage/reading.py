"""A reader's connection to the database, borrowed for a block."""

from __future__ import annotations

import sqlite3
from queue import SimpleQueue
from typing import Protocol


class Readers(Protocol):
    """Lends connections to read with."""

    def borrow_reader(self) -> sqlite3.Connection: ...

    def return_reader(self, connection: sqlite3.Connection) -> None: ...


class Reading:
    """A reader's connection for the length of a block. Not a generator: every request reads several times."""

    __slots__ = ("_connection", "_readers")

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    def __enter__(self) -> sqlite3.Connection:
        self._connection = self._readers.borrow_reader()
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._readers.return_reader(self._connection)


def tokens(count: int) -> SimpleQueue[None]:
    """Returns a queue that ``count`` may hold something of at once; a semaphore costs ten times as much."""
    queue: SimpleQueue[None] = SimpleQueue()
    for _ in range(count):
        queue.put(None)
    return queue
