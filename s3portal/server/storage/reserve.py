"""Space that is kept free, so that on a full disk something can still be deleted.

A file of the reserve's size lies in the root folder. A deletion that finds the disk full takes its place, for
the little that the database has to write; nothing new is stored until the reserve is back.
"""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

from s3portal.server.storage.blobs import DISK_IS_FULL

RESERVE_BYTES = 16 * 1024 * 1024
# A small disk gives no more than this part of what is free.
_SHARE = 8
_BLOCK_BYTES = 1024 * 1024

log = logging.getLogger(__name__)


class Reserve:
    """The file, from the start on unless the disk is full by then. ``size_bytes`` 0 keeps nothing free."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._size_bytes = min(size_bytes, _free_bytes(path.parent) // _SHARE)
        if path.exists():
            self._size_bytes = min(size_bytes, max(path.stat().st_size, self._size_bytes))
        self._is_whole = False
        self.restore()

    def release(self) -> bool:
        """Gives the space back to the disk; returns whether there was any."""
        with self._lock:
            was_there = self._path.exists()
            self._path.unlink(missing_ok=True)
            self._is_whole = not self._size_bytes
            if was_there:
                log.warning("the disk is full: nothing is stored until there is space again")
            return was_there

    def restore(self) -> bool:
        """Whether the space is kept; tries to keep it again where it was given back."""
        # Another process of this server may have given it back.
        if self._is_whole and (not self._size_bytes or self._path.exists()):
            return True
        with self._lock:
            try:
                descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
                try:
                    _allocate(descriptor, self._size_bytes)
                    os.ftruncate(descriptor, self._size_bytes)
                finally:
                    os.close(descriptor)
            except OSError as problem:
                self._path.unlink(missing_ok=True)
                if problem.errno in DISK_IS_FULL:
                    return False
                # A file system without this must not prevent storing.
                log.warning("no reserve can be kept for a full disk: %s", problem)
                self._size_bytes = 0
            self._is_whole = True
            return True


def _allocate(descriptor: int, size_bytes: int) -> None:
    """Takes space for a file. Where the system has no call for it (macOS), by writing."""
    if not size_bytes:
        return
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size_bytes)
        return
    for offset in range(0, size_bytes, _BLOCK_BYTES):
        os.pwrite(descriptor, bytes(min(_BLOCK_BYTES, size_bytes - offset)), offset)


def _free_bytes(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
