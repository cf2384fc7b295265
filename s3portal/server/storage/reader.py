"""A storage that only reads, also beside the server that owns its folder."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from s3portal.server.storage.blobs import BlobStore
from s3portal.server.storage.database import Database, Result
from s3portal.server.storage.known_buckets import KnownBuckets
from s3portal.server.storage.leases import Leases
from s3portal.server.storage.migrations import SCHEMA_VERSION
from s3portal.server.storage.reading import Readers
from s3portal.server.storage.storage import Storage


class NoStorage(RuntimeError):
    """There is no folder of a server, or one that this version cannot read; the message says what to do."""


class ReadingDatabase(Database):
    """A database that nothing is written to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._readers = Readers(self._connect)

    def _connect(self) -> sqlite3.Connection:
        place = f"{self._path.resolve().as_uri()}?mode=ro"
        return sqlite3.connect(place, uri=True, isolation_level=None, check_same_thread=False, timeout=30)

    def write(self, change: Callable[[sqlite3.Connection], Result], *, frees_space: bool = False) -> NoReturn:
        raise RuntimeError("this storage was opened for reading alone")

    def ride_along(self, change: Callable[[sqlite3.Connection], None]) -> NoReturn:
        raise RuntimeError("this storage was opened for reading alone")

    def close(self) -> None:
        self._readers.close()


class ReadingStorage(Storage):
    """The storage in a folder, for all that only reads. Bodies can be leased, so that a server that runs does
    not remove what is being read.

    Raises NoStorage.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        path = root / "metadata.sqlite3"
        if not path.is_file():
            raise NoStorage(f"{root} is not the folder of a server: it has no metadata.sqlite3")
        self.database = ReadingDatabase(path)
        try:
            _require_schema(self.database, path)
            self.known_buckets = KnownBuckets(None)
            self.leases = Leases(root / "leases", on_free=lambda name: None)
            self.blobs = BlobStore(root, self.leases)
        except BaseException:
            self.database.close()
            raise

    def require_room(self) -> NoReturn:
        raise RuntimeError("this storage was opened for reading alone")

    def close(self) -> None:
        self.database.close()
        self.leases.close()


def _require_schema(database: Database, path: Path) -> None:
    try:
        with database.read() as connection:
            found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.DatabaseError as problem:
        raise NoStorage(f"{path} cannot be read: {problem}") from problem
    if found > SCHEMA_VERSION:
        raise NoStorage(
            f"{path} was written by a newer version of this server: its schema is {found}, this one knows "
            f"{SCHEMA_VERSION}. Use the newer version."
        )
    if found < SCHEMA_VERSION:
        raise NoStorage(
            f"{path} was written by an earlier version: its schema is {found}, this one works with "
            f"{SCHEMA_VERSION}. Start this version's server once, which upgrades the folder."
        )
