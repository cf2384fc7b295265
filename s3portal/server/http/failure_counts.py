"""Counts of failures in memory that all processes of a server share.

A table of a fixed size: whoever fails with ever new names pushes out what is oldest, and takes no more
memory. It is made before any process is forked that counts in it. The clock must be one for all processes,
as ``time.monotonic`` is.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import secrets
import struct
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SETS, WAYS = 2048, 8
# The digest of what is counted, how often it has failed, and when it did last; a count of 0 is a free slot.
_SLOT = struct.Struct("=16sQd")
_SET_BYTES = WAYS * _SLOT.size


class FailureCounts:
    """How often something has failed, and when it did last, in seconds of a monotonic clock. What is counted
    is given as text, of which a keyed digest is kept."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, SETS * _SET_BYTES)
        # So that nobody can choose names that push out another one.
        self._key = secrets.token_bytes(16)
        self._threads = threading.Lock()
        # A lock on it belongs to the process, and ends with it, however it ends.
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  (as long as the counts)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps all other threads and processes out."""
        with self._threads:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)

    def find(self, name: str) -> tuple[int, float]:
        """Returns how often it has failed and when it did last; (0, 0.0) where it has not. Under the lock."""
        digest = self._digest(name)
        for _, found, count, at in self._set_of(digest):
            if count and found == digest:
                return count, at
        return 0, 0.0

    def put(self, name: str, count: int, at: float) -> None:
        """Notes a count, in place of the oldest one where there is no room; 0 forgets it. Under the lock."""
        digest = self._digest(name)
        slots = list(self._set_of(digest))
        offset = next((slot[0] for slot in slots if slot[2] and slot[1] == digest), None)
        if offset is None:
            if not count:
                return
            offset = min(slots, key=lambda slot: (slot[2] > 0, slot[3]))[0]
        _SLOT.pack_into(self._memory, offset, digest, count, at)

    def _set_of(self, digest: bytes) -> Iterator[tuple[int, bytes, int, float]]:
        start = int.from_bytes(digest[:4], "big") % SETS * _SET_BYTES
        for offset in range(start, start + _SET_BYTES, _SLOT.size):
            found, count, at = _SLOT.unpack_from(self._memory, offset)
            yield offset, found, count, at

    def _digest(self, name: str) -> bytes:
        return hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=16, key=self._key).digest()
