"""The sweep: removes the blobs that no row knows, which crashes and failed removals leave behind."""

from __future__ import annotations

import logging
import sqlite3
import threading

from s3portal.server.storage.blobs import BlobStore
from s3portal.server.storage.database import Database
from s3portal.server.storage.leases import Leases

BLOBS_BETWEEN_PAUSES = 200
PAUSE_S = 0.01

log = logging.getLogger(__name__)


class Sweep:
    """Looks at every blob once: in the caller's thread (``run``) or in one of its own (``start``), while the
    server works. A blob whose row is not committed yet, and one that is still read, stay."""

    def __init__(self, database: Database, blobs: BlobStore, leases: Leases) -> None:
        self._database = database
        self._blobs = blobs
        self._leases = leases
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self.run, name="s3-sweep", daemon=True)
        self._thread.start()

    def wait(self, timeout_s: float) -> None:
        """Waits until a sweep that was started has ended; raises TimeoutError."""
        if self._thread:
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                raise TimeoutError("the sweep is still running")

    def stop(self) -> None:
        """Ends a sweep that was started, where it is."""
        self._stopping.set()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join()

    def run(self) -> None:
        removed = 0
        for count, (name, body_id, part_number) in enumerate(self._blobs.names(), 1):
            # Beside a working server it takes its time.
            pause_s = PAUSE_S if self._thread and count % BLOBS_BETWEEN_PAUSES == 0 else 0
            if self._stopping.wait(pause_s):
                break
            # In this order: what is settled by now has its row, or is to go.
            if name not in self._blobs.unsettled:
                removed += self.settle(name, body_id, part_number)
        if removed:
            log.info("removed %d files that an interrupted run left behind", removed)

    def settle(self, name: str, body_id: str, part_number: int) -> bool:
        """Removes a blob unless its row is there, which may be so even where the commit seemed to fail.

        Returns whether it was removed. Where the database cannot tell, it stays for the next sweep.
        """
        try:
            with self._database.read() as connection:
                row = connection.execute(
                    "SELECT blob FROM parts WHERE body_id = ? AND part_number = ?", (body_id, part_number)
                ).fetchone()
        except sqlite3.Error as problem:
            log.warning("%s stays until the next sweep: %s", name, problem)
            return False
        if (row is not None and row[0] == name) or self._leases.is_read(body_id):
            return False
        self._blobs.remove(name)
        return True
