"""Leases: who reads a body may read it to its end, even when the object is replaced or deleted meanwhile."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence


class Leases:
    """Counts the readers of each body and puts off the removal of its blobs until the last has gone.

    Lives in memory: after a crash there are no readers, and the sweep finds what was still to be removed.
    """

    def __init__(self, remove_blob: Callable[[str], None]) -> None:
        self._remove_blob = remove_blob
        self._lock = threading.Lock()
        self._readers: Counter[str] = Counter()
        self._doomed: dict[str, list[str]] = {}

    def acquire(self, body_id: str) -> None:
        with self._lock:
            self._readers[body_id] += 1

    def release(self, body_id: str) -> None:
        with self._lock:
            self._readers[body_id] -= 1
            if self._readers[body_id]:
                return
            del self._readers[body_id]
            blobs = self._doomed.pop(body_id, [])
        self._remove(blobs)

    def doom(self, body_id: str, blobs: Iterable[str | None]) -> None:
        """Removes blobs that no row knows any more: now, or when the body's last reader has gone.

        None stands for a part that had no blob.
        """
        named = [blob for blob in blobs if blob is not None]
        with self._lock:
            if body_id in self._readers:
                self._doomed.setdefault(body_id, []).extend(named)
                return
        self._remove(named)

    def _remove(self, blobs: Sequence[str]) -> None:
        for blob in blobs:
            self._remove_blob(blob)

    def is_read(self, body_id: str) -> bool:
        """Whether somebody reads a body now."""
        with self._lock:
            return body_id in self._readers

    @property
    def pending(self) -> bool:
        """Whether some blobs still wait for their readers."""
        return bool(self._doomed)
