"""Changes that a command makes beside a server that runs: few, small, and none that a server remembers.

The database is SQLite's, so that processes may write in turn; what a server keeps in its memory, as buckets
with their settings, is not for this.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from s3portal.server.storage.reader import ReadingStorage

_BUSY_S = 60


def change_beside(root: Path, change: Callable[[sqlite3.Connection], None]) -> None:
    """Makes a change in a transaction of its own, once it is on the disk.

    Raises NoStorage for a folder of another schema, sqlite3.Error, and what ``change`` raises, which undoes
    it.
    """
    ReadingStorage(root).close()
    path = root / "metadata.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None, timeout=_BUSY_S)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        with _turn(root / "turns"):
            connection.execute("BEGIN IMMEDIATE")
            try:
                change(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """Waits for the processes of a server that has several."""
    if not path.exists():
        yield
        return
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
