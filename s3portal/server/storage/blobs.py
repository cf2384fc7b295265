"""Blobs: the bytes of parts, each in a plain file that is written once and never changed (but for very small
parts: their bytes are in the database).

``<root>/incoming/<name>`` while it is written, ``<root>/blobs/<xx>/<name>`` once it is whole.
A name is ``<body id>.<part number>.<random>``, of the body that it was received for: unique, so nothing is
ever overwritten. Parts refer to a blob by its name, those of copies too. Keys never become paths.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from s3portal.server.storage.leases import Leases
from s3portal.server.wire.errors import S3Error

BUFFER_BYTES = 256 * 1024
# A file costs two syncs and a block of the disk; content up to this size goes into the database instead,
# where the commit syncs it anyway.
SMALL_CONTENT_BYTES = 16 * 1024
DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NAME = re.compile(r"[0-9a-f]{32}\.\d{1,5}\.[0-9a-f]{8}")

log = logging.getLogger(__name__)


class Source(Protocol):
    """Where content comes from: ``readinto`` fills a buffer and returns the bytes read, 0 at the end."""

    @property
    def size_bytes(self) -> int: ...

    def readinto(self, buffer: memoryview, /) -> int: ...

    def read_all(self) -> bytes: ...


def new_body_id() -> str:
    return secrets.token_hex(16)


class BlobStore:
    """The blobs under one root folder."""

    def __init__(self, root: Path, leases: Leases) -> None:
        self._leases = leases
        self._incoming = root / "incoming"
        self._blobs = root / "blobs"
        for folder in (self._incoming, self._blobs):
            folder.mkdir(parents=True, exist_ok=True)
        sync_folder(root)
        # 256 folders, so that none holds all the files; made when the first blob needs one.
        self._folders = {folder.name for folder in self._blobs.iterdir()}

    def path(self, name: str) -> Path:
        return self._blobs / name[:2] / name

    def receive(self, source: Source, body_id: str, part_number: int) -> tuple[str | None, bytes | None]:
        """Takes all that ``source`` gives; returns the name of the blob that has it, safe on the disk, or
        the bytes themselves when they are few, to be stored with the row.

        The blob is leased until its receiver releases it, so that the sweep leaves it alone. Nothing stays
        behind when this raises.
        Raises InsufficientStorage when the disk is full.
        """
        if source.size_bytes <= SMALL_CONTENT_BYTES:
            return None, source.read_all()
        return self._write(source, body_id, part_number), None

    def _write(self, source: Source, body_id: str, part_number: int) -> str:
        name = f"{body_id}.{part_number}.{secrets.token_hex(4)}"
        temporary, path = self._incoming / name, self.path(name)
        self._leases.acquire(name)
        try:
            with temporary.open("xb", buffering=0) as file:
                buffer = memoryview(bytearray(BUFFER_BYTES))
                while count := source.readinto(buffer):
                    _write_all(file.fileno(), buffer[:count])
                # Renamed first: one commit of the file system's journal then has both. No row knows the
                # name before both are synced.
                self._make_folder(path.parent)
                temporary.rename(path)
                os.fsync(file.fileno())
            sync_folder(path.parent)
        except BaseException as problem:
            # Also where the folder could not be synced after the renaming.
            for place in (temporary, path):
                place.unlink(missing_ok=True)
            self._leases.release(name)
            if isinstance(problem, OSError) and problem.errno in DISK_IS_FULL:
                raise S3Error("InsufficientStorage") from problem
            raise
        return name

    def _make_folder(self, folder: Path) -> None:
        if folder.name not in self._folders:
            folder.mkdir(exist_ok=True)
            sync_folder(self._blobs)
            self._folders.add(folder.name)

    def remove(self, name: str) -> bool:
        """Removes a blob that no row knows; returns whether it has gone. If not, it is tried again later."""
        try:
            self.path(name).unlink(missing_ok=True)
        except OSError as problem:
            log.warning("%s could not be removed yet: %s", name, problem)
            return False
        return True

    def names(self) -> Iterator[str]:
        """Yields the name of every blob, one folder at a time."""
        for folder in self._blobs.iterdir():
            with os.scandir(folder) as entries:
                for entry in entries:
                    if _NAME.fullmatch(entry.name):
                        yield entry.name

    def clear_incoming(self) -> int:
        """Removes what a process was writing when it ended; returns how many files they were."""
        count = 0
        with os.scandir(self._incoming) as entries:
            for entry in entries:
                if _NAME.fullmatch(entry.name) and not self._leases.is_held(entry.name):
                    (self._incoming / entry.name).unlink(missing_ok=True)
                    count += 1
        return count


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, view: memoryview) -> None:
    while view:
        view = view[os.write(descriptor, view) :]
