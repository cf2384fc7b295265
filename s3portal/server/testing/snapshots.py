"""Snapshots of a server's whole state, taken and restored in milliseconds: many tests share one server.

The database is copied in memory; the blobs, which never change, get a second name.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
from pathlib import Path

from s3portal.server.storage.storage import Storage

# As that of the server's own database: SQLite copies only between equal ones.
_PAGE_BYTES = 8192


class Snapshot:
    """What a server had stored at one moment: buckets with their settings, objects, versions, uploads.

    ``RunningServer.snapshot`` makes it. It may be restored any number of times, until it is closed or the
    server has stopped.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._folder = storage.root / "snapshots" / secrets.token_hex(4)
        self._folder.mkdir(parents=True)
        # First the names, then the rows: a blob whose row is there is there.
        self._names = set(storage.blobs.names())
        for name in self._names:
            os.link(storage.blobs.path(name), self._folder / name)
        self._rows = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._rows.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        storage.database.copy_to(self._rows)

    def restore(self) -> None:
        """Makes the server's state what it was. No request may be running."""
        there = set(self._storage.blobs.names())
        for name in self._names - there:
            path = self._storage.blobs.path(name)
            path.parent.mkdir(exist_ok=True)
            os.link(self._folder / name, path)
        self._storage.database.replace_by(self._rows)
        self._storage.known_buckets.forget()
        self._storage.known_identities.forget()
        for name in there - self._names:
            self._storage.blobs.path(name).unlink(missing_ok=True)

    def close(self) -> None:
        """Forgets it."""
        self._rows.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def forget_all(root: Path) -> None:
    """Removes what the snapshots of a server that was killed left."""
    shutil.rmtree(root / "snapshots", ignore_errors=True)
