"""The storage of one server: opens its folder, keeps others out of it, and cleans up after a crash."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path

from s3portal.server.storage.blobs import BlobStore, sync_folder
from s3portal.server.storage.database import Database
from s3portal.server.storage.leases import Leases

SERVER_KEY_BYTES = 32
_RUNNING = b"running\n"

log = logging.getLogger(__name__)


class StorageInUse(RuntimeError):
    """Another server works in this folder."""


class Storage:
    """Database, blobs and leases under one root folder, which belongs to one process at a time.

    Raises StorageInUse when another process has it, OSError when the folder cannot be written.
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
        self.database = Database(root / "metadata.sqlite3")
        self.blobs = BlobStore(root)
        self.leases = Leases(self.blobs.remove)
        if os.pread(self._lock, len(_RUNNING), 0) == _RUNNING:
            self._sweep()
        os.pwrite(self._lock, _RUNNING, 0)
        os.fsync(self._lock)

    def server_key(self) -> bytes:
        """Returns the server's own random secret, made at first use and kept in a file only it can read."""
        path = self.root / "server-key"
        if not path.exists():
            write_private_file(path, secrets.token_bytes(SERVER_KEY_BYTES))
        return path.read_bytes()

    def close(self) -> None:
        """Ends the use of the folder; the next start then has nothing to clean up."""
        clean = not self.leases.pending
        self.database.close()
        if clean:
            os.ftruncate(self._lock, 0)
        os.close(self._lock)

    def _sweep(self) -> None:
        """Removes what a crash left behind: half-written blobs, and blobs that no row knows."""
        removed = self.blobs.clear_incoming()
        with self.database.read() as connection:
            for name, body_id, part_number in self.blobs.names():
                row = connection.execute(
                    "SELECT blob FROM parts WHERE body_id = ? AND part_number = ?", (body_id, part_number)
                ).fetchone()
                if row is None or row[0] != name:
                    self.blobs.remove(name)
                    removed += 1
        if removed:
            log.info("removed %d files that an interrupted run left behind", removed)


def write_private_file(path: Path, content: bytes) -> None:
    """Writes a file that only its owner can read, whole or not at all."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    temporary.rename(path)
    sync_folder(path.parent)


def now_ms() -> int:
    """Returns the time in milliseconds since 1970, as it is stored."""
    return time.time_ns() // 1_000_000


def encode_headers(headers: Mapping[str, str]) -> str:
    return json.dumps(dict(headers), separators=(",", ":"))


def decode_headers(text: str) -> Mapping[str, str]:
    headers: dict[str, str] = json.loads(text)
    return headers
