"""Leases: who reads a body may read it to its end, and who stores a blob may commit its row, whatever other
threads and processes remove in the meantime.

A lease is counted in memory and, for other processes, a shared lock on one byte of a file, whose offset is
made from the name. The system gives a process's locks back when it ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections import Counter
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path


class Leases:
    """Leases on names: body ids that are read, and blobs whose row is not committed yet.

    ``on_free`` is called with a name that was asked for by ``watch`` once this process has given it back.
    """

    def __init__(self, path: Path, on_free: Callable[[str], None]) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._on_free = on_free
        self._lock = threading.Lock()
        self._holders: Counter[str] = Counter()
        self._watched: set[str] = set()
        self._is_closed = False

    def acquire(self, name: str) -> None:
        with self._lock:
            if not self._holders[name]:
                # Another process holds the byte for itself for no longer than a look takes.
                fcntl.lockf(self._descriptor, fcntl.LOCK_SH, 1, _offset(name))
            self._holders[name] += 1

    def release(self, name: str) -> None:
        with self._lock:
            self._holders[name] -= 1
            if self._holders[name]:
                return
            del self._holders[name]
            if self._is_closed:
                # An answer that was cut off when the server stopped.
                return
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, _offset(name))
            is_watched = name in self._watched
            self._watched.discard(name)
        if is_watched:
            self._on_free(name)

    def is_held(self, name: str) -> bool:
        """Whether any process has a lease now."""
        with self._lock:
            return name in self._holders or self._is_held_elsewhere(name)

    def watch(self, name: str) -> bool:
        """Returns ``is_held``; where this process holds it, ``on_free`` will be called."""
        with self._lock:
            if name in self._holders:
                self._watched.add(name)
                return True
            return self._is_held_elsewhere(name)

    def _is_held_elsewhere(self, name: str) -> bool:
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _offset(name))
        except (BlockingIOError, PermissionError):
            # POSIX allows either.
            return True
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, _offset(name))
        return False

    def close(self) -> None:
        """Gives all leases back."""
        with self._lock:
            self._is_closed = True
            os.close(self._descriptor)


def _offset(name: str) -> int:
    """Two names with the same offset only keep each other's blobs longer than needed."""
    return int.from_bytes(blake2b(name.encode(), digest_size=7).digest(), "big")
