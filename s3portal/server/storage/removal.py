"""Removes the blobs that transactions doomed, once no part refers to them and they are not being read.

Whatever deletes a part dooms its blob in the same transaction. A blob that no part refers to never gets a
reference again, because copies are made of parts that are there. So these are the steps, in an order that
breaks no download: no part refers to the blob; no body that had it is read (a reader takes the body's lease
and then looks again whether the object is still there); its file goes; its row in ``doomed`` goes, with the
next commit.
"""

# ruff: noqa: S608  (what goes into the statement is conditions, all constants of this file)

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterable, Sequence

from s3portal.server.storage.blobs import BlobStore
from s3portal.server.storage.database import Database
from s3portal.server.storage.leases import Leases

# How long a blob may stay after its last reader in another process has gone.
POLL_S = 10.0
BLOBS_AT_ONCE = 1000

# Bodies with their blobs that a transaction forgot, to be removed after its commit.
Doomed = Sequence[tuple[str, Sequence[str]]]

log = logging.getLogger(__name__)


class Removal:
    """Removes doomed blobs right after their commit, when the last reader here has gone, and by a look at the
    table every few seconds (``start``)."""

    def __init__(self, database: Database, blobs: BlobStore, leases: Leases) -> None:
        self._database = database
        self._blobs = blobs
        self._leases = leases
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._look_again, name="s3-removal", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join()

    def _look_again(self) -> None:
        while not self._stopping.wait(POLL_S):
            self.run()

    def run(self) -> None:
        """Removes what can be removed of all that is doomed."""
        last = ""
        while names := self._doomed("WHERE blob > ? ORDER BY blob LIMIT ?", last, BLOBS_AT_ONCE):
            self.remove(names)
            last = names[-1]

    def attend(self, doomed: Doomed) -> None:
        """After the commit: removes what a transaction doomed, or lets it wait for its readers."""
        for body_id, blobs in doomed:
            if blobs and not self._leases.watch(body_id):
                self.remove(blobs)

    def freed(self, body_id: str) -> None:
        """Removes the blobs of a body whose last reader here has gone."""
        self.remove(self._doomed("WHERE body_id = ?", body_id))

    def remove(self, blobs: Iterable[str]) -> None:
        """Removes those blobs that no part refers to and that are not being read; the others stay."""
        for blob in blobs:
            try:
                with self._database.read() as connection:
                    is_referred_to, bodies = self._references(connection, blob)
            except sqlite3.Error as problem:
                log.warning("%s stays for now: %s", blob, problem)
                return
            if any(self._leases.is_held(body_id) for body_id in bodies):
                continue
            if is_referred_to or self._blobs.remove(blob):
                self._forget(blob, bodies)

    def settle(self, blob: str) -> bool:
        """Removes a blob unless it has a row, or a reader; returns whether it was removed.

        Where the database cannot tell, it stays for the next sweep.
        """
        try:
            with self._database.read() as connection:
                is_referred_to, bodies = self._references(connection, blob)
        except sqlite3.Error as problem:
            log.warning("%s stays until the next sweep: %s", blob, problem)
            return False
        if is_referred_to or any(self._leases.is_held(body_id) for body_id in bodies):
            return False
        return self._blobs.remove(blob)

    @staticmethod
    def _references(connection: sqlite3.Connection, blob: str) -> tuple[bool, list[str]]:
        """Whether a part refers to a blob, and the bodies that had it. In this order: what no part refers to
        gets no more of them."""
        row = connection.execute("SELECT 1 FROM parts WHERE blob = ? LIMIT 1", (blob,)).fetchone()
        bodies = connection.execute("SELECT body_id FROM doomed WHERE blob = ?", (blob,))
        return row is not None, [body_id for (body_id,) in bodies]

    def _forget(self, blob: str, bodies: Sequence[str]) -> None:
        pairs = [(blob, body_id) for body_id in bodies]

        def forget(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM doomed WHERE blob = ? AND body_id = ?", pairs)

        if pairs:
            self._database.ride_along(forget)

    def _doomed(self, condition: str, *values: object) -> list[str]:
        try:
            with self._database.read() as connection:
                rows = connection.execute(f"SELECT DISTINCT blob FROM doomed {condition}", values)
                return [blob for (blob,) in rows]
        except sqlite3.Error as problem:
            log.warning("what is to be removed stays for now: %s", problem)
            return []
