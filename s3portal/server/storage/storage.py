"""The storage of one server: opens its folder, keeps others out of it, and cleans up after a crash."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

from s3portal.server.storage.blobs import BlobStore, Source, sync_folder
from s3portal.server.storage.clock import now_ms
from s3portal.server.storage.database import Database
from s3portal.server.storage.folder import Folder, StorageInUse
from s3portal.server.storage.known_buckets import KnownBuckets
from s3portal.server.storage.known_values import Known
from s3portal.server.storage.leases import Leases
from s3portal.server.storage.removal import Removal
from s3portal.server.storage.reserve import RESERVE_BYTES, Reserve
from s3portal.server.storage.sweep import Sweep
from s3portal.server.wire.errors import S3Error

__all__ = [
    "Role",
    "Storage",
    "StorageInUse",
    "now_ms",
    "write_private_file",
]

SERVER_KEY_BYTES = 32


class Role(Enum):
    """Whose a storage is: of a server in one process, or of one in several."""

    ALONE = "alone"
    #: Puts the folder in order and closes the storage again, before there are workers.
    SUPERVISOR = "supervisor"
    WORKER = "worker"
    #: Takes the place of a worker that was killed, and removes what that one left behind.
    SUCCESSOR = "successor"


class Storage:
    """Database, blobs and leases under one root folder, which belongs to one server at a time.

    ``reserve_bytes`` are kept free for deletions on a full disk. Where a server has several processes, each
    is given the ``folder`` that its supervisor took.
    Raises StorageInUse when another server has it, OSError when the folder cannot be written.
    """

    def __init__(
        self,
        root: Path,
        reserve_bytes: int = RESERVE_BYTES,
        *,
        role: Role = Role.ALONE,
        folder: Folder | None = None,
    ) -> None:
        self.root = root
        self._role = role
        self._folder = folder or Folder(root)
        try:
            self._open(reserve_bytes)
            if role in (Role.ALONE, Role.SUPERVISOR):
                self._put_in_order()
            elif role is Role.SUCCESSOR:
                self.sweep.start()
            if role is not Role.SUPERVISOR:
                self.removal.start()
        except BaseException:
            if role is Role.ALONE:
                self._folder.close()
            raise

    def _open(self, reserve_bytes: int) -> None:
        root = self.root
        self._reserve = Reserve(root / "reserve", reserve_bytes)
        self.database = Database(
            root / "metadata.sqlite3",
            require_room=self.require_room,
            make_room=self._reserve.release,
            turns=None if self._role is Role.ALONE else root / "turns",
        )
        self.known_buckets = KnownBuckets(self._folder.bucket_changes)
        self.known_identities = Known[object](self._folder.identity_changes)
        self.leases = Leases(root / "leases", on_free=lambda name: self.removal.freed(name))
        self.blobs = BlobStore(root, self.leases)
        self.removal = Removal(self.database, self.blobs, self.leases)
        self.sweep = Sweep(self.removal, self.blobs, self.leases)

    def _put_in_order(self) -> None:
        self.blobs.clear_incoming()
        if self._folder.was_interrupted:
            self.sweep.run()
        elif self._role is Role.ALONE:
            # A folder that could not be synced, or a file that could not be removed, leaves something too.
            self.sweep.start()
        self._folder.mark_running()

    @contextmanager
    def receive(
        self, source: Source, body_id: str, part_number: int
    ) -> Iterator[tuple[str | None, bytes | None]]:
        """Takes all that ``source`` gives, and yields the name of the blob that has it, or the bytes
        themselves when they are few. The block commits the row that names the blob; whatever it raises, no
        blob stays behind without a row.
        """
        self.require_room()
        blob, content = self.blobs.receive(source, body_id, part_number)
        try:
            yield blob, content
        except BaseException:
            if blob is not None:
                self.removal.settle(blob)
            raise
        finally:
            if blob is not None:
                self.leases.release(blob)

    def require_room(self) -> None:
        """Raises InsufficientStorage while the disk is too full to keep the reserve."""
        if not self._reserve.restore():
            self.database.shrink()
            if not self._reserve.restore():
                raise S3Error("InsufficientStorage")

    def server_key(self) -> bytes:
        """Returns the server's own random secret, made at first use and kept in a file only it can read."""
        path = self.root / "server-key"
        if not path.exists():
            write_private_file(path, secrets.token_bytes(SERVER_KEY_BYTES))
        return path.read_bytes()

    def close(self) -> None:
        """Ends the use of the folder; the next start then has little to clean up."""
        self.sweep.stop()
        self.removal.stop()
        self.database.close()
        self.leases.close()
        if self._role is Role.ALONE:
            self._folder.mark_in_order()
            self._folder.close()


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
