"""The sweep: removes the blobs that no row knows, which crashes and failed removals leave behind."""

from __future__ import annotations

import logging
import threading

from s3portal.server.storage.blobs import BlobStore
from s3portal.server.storage.leases import Leases
from s3portal.server.storage.removal import Removal

BLOBS_BETWEEN_PAUSES = 200
PAUSE_S = 0.01

log = logging.getLogger(__name__)


class Sweep:
    """Looks at every blob once: in the caller's thread (``run``) or in one of its own (``start``), while the
    server works. A blob whose row is not committed yet, and one that is still read, stay."""

    def __init__(self, removal: Removal, blobs: BlobStore, leases: Leases) -> None:
        self._removal = removal
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
        self._removal.run()
        removed = self._blobs.clear_incoming()
        for count, name in enumerate(self._blobs.names(), 1):
            # Beside a working server it takes its time.
            pause_s = PAUSE_S if self._thread and count % BLOBS_BETWEEN_PAUSES == 0 else 0
            if self._stopping.wait(pause_s):
                break
            # In this order: a blob that is no longer being stored has its row by now, or is to go.
            if not self._leases.is_held(name):
                removed += self._removal.settle(name)
        if removed:
            log.info("removed %d files that an interrupted run left behind", removed)
