"""A file that arrives in a local folder: beside its place first, verified, and then moved there."""

import hashlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

from s3portal.portal.migration.interface import AlreadyThere, NotVerified

_CHUNK_BYTES = 1024 * 1024


def receive_file(
    path: Path,
    open_source: Callable[[], AbstractContextManager[IO[bytes]]],
    size_bytes: int,
    md5: str,
    check: Callable[[Path], object] = lambda arrived: None,
) -> None:
    """Brings a file to ``path``. ``md5`` in hex, "" where it is not known. ``check`` gets what arrived before
    it is moved into its place, and raises NotVerified where it is not the file.

    Raises AlreadyThere where a file is in its place, and NotVerified where what arrives is not what the
    portal has on record.
    """
    if path.exists():
        raise AlreadyThere(f"there is a file in its place: {path}")
    path.parent.mkdir(parents=True, exist_ok=True)
    arriving = path.with_name(f".{path.name[:200]}.arriving")
    digest = hashlib.md5(usedforsecurity=False)
    with open_source() as source, arriving.open("wb") as copy:
        while chunk := source.read(_CHUNK_BYTES):
            digest.update(chunk)
            copy.write(chunk)
        copy.flush()
        os.fsync(copy.fileno())
    if not _matches(size_bytes, md5, arriving.stat().st_size, digest.hexdigest()):
        arriving.unlink()
        raise NotVerified("what arrived differs in size or MD5 from what the database says")
    try:
        check(arriving)
    except NotVerified:
        arriving.unlink()
        raise
    arriving.rename(path)
    _keep_names(path.parent)


def verify_local_file(path: Path, size_bytes: int, md5: str) -> None:
    """Compares the file at ``path`` with its record. Raises NotVerified."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as content:
        while chunk := content.read(_CHUNK_BYTES):
            digest.update(chunk)
    if not _matches(size_bytes, md5, path.stat().st_size, digest.hexdigest()):
        raise NotVerified(f"there is a different file in its place: {path}")


def _keep_names(folder: Path) -> None:
    """Makes the names in a folder survive a failure of the machine."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _matches(size_bytes: int, md5: str, found_bytes: int, found_md5: str) -> bool:
    return found_bytes == size_bytes and (not md5 or found_md5 == md5.lower())
