"""The folder of one server: others are kept out of it, and it remembers whether it was left in order."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from s3portal.server.storage.known_buckets import new_mark

_RUNNING = b"running\n"


class StorageInUse(RuntimeError):
    """Another server works in this folder."""


class Folder:
    """A folder that belongs to one server. Processes forked by its owner share it, and it stays taken until
    the last of them has ended.

    Raises StorageInUse when another server has it, OSError when it cannot be written.
    """

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.root = root
        self._lock = os.open(root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as held:
            os.close(self._lock)
            raise StorageInUse(f"another server is using {root}") from held
        #: Whether the server before was killed, or the machine went down.
        self.was_interrupted = os.pread(self._lock, len(_RUNNING), 0) == _RUNNING
        #: By which its processes tell each other that a bucket has changed.
        self.bucket_changes = new_mark()
        #: And that a user, group, role, access key or policy has.
        self.identity_changes = new_mark()

    def mark_running(self) -> None:
        os.pwrite(self._lock, _RUNNING, 0)
        os.fsync(self._lock)

    def mark_in_order(self) -> None:
        """Records that every process of the server ended in the ordinary way."""
        os.ftruncate(self._lock, 0)

    def close(self) -> None:
        os.close(self._lock)
