"""The files of a folder as objects of a bucket."""

from __future__ import annotations

import hashlib
import io
import json
import mimetypes
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from s3portal.server.kms.administrator import AdministratorsKeys
from s3portal.server.kms.envelopes import Sealing, Wrapping
from s3portal.server.storage import objects
from s3portal.server.storage.blobs import new_body_id
from s3portal.server.storage.buckets import find as find_bucket
from s3portal.server.storage.records import Bucket, Part, StoredObject
from s3portal.server.storage.storage import Storage, now_ms
from s3portal.server.upkeep.exporting import MANIFEST
from s3portal.server.upkeep.modification_time import MTIME_HEADER, header_of_ns
from s3portal.server.upkeep.plain_names import OWN_FOLDER
from s3portal.server.wire.checksums import (
    ALGORITHMS,
    DEFAULT_ALGORITHM,
    FULL_OBJECT,
    Checksum,
    checksum_of_parts,
    encode,
)
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.s3_request import KEY_LIMIT_BYTES

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html: what one PUT may carry.
SINGLE_LIMIT_BYTES = 5 * 1024**3
PART_BYTES = 1024**3
DEFAULT_CONTENT_TYPE = "binary/octet-stream"
# The table that comes with Python, so that every machine guesses the same.
_TYPES = mimetypes.MimeTypes()


class Readable(Protocol):
    """What bytes are read from."""

    def readinto(self, buffer: memoryview, /) -> int | None: ...


class Changed(OSError):
    """A file was written to while it was read."""


@dataclass
class Imported:
    """What an import did so far. ``skipped`` and ``failed`` say of each file why."""

    files: int = 0
    bytes_read: int = 0
    unchanged: int = 0
    skipped: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def import_folder(
    storage: Storage,
    folder: Path,
    bucket: str,
    *,
    keys: AdministratorsKeys | None = None,
    on_problem: Callable[[str], None] = lambda message: None,
) -> Imported:
    """Stores every file below ``folder`` under its path. Files that were exported under another name get
    their key back.

    May be run again: what has a file's size and time is left as it is. Links are not followed. With
    ``keys`` objects are encrypted as the bucket does by default.
    Raises NoSuchBucket, InsufficientStorage, OSError where the folder cannot be read.
    """
    target = Target(find_bucket(storage, bucket), keys)
    done = Imported()
    for path, key, problem in _files(folder):
        if problem is not None:
            done.skipped.append(f"{_shown(path)}: {problem}")
            on_problem(done.skipped[-1])
            continue
        try:
            _import(storage, path, target, key, done)
        except OSError as failure:
            done.failed.append(f"{_shown(path)}: {failure.strerror or failure}")
            on_problem(done.failed[-1])
        except S3Error as refused:
            if refused.code in ("NoSuchBucket", "InsufficientStorage"):
                raise
            done.failed.append(f"{_shown(path)}: {refused.message}")
            on_problem(done.failed[-1])
    return done


def _shown(path: Path) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def content_type_of(name: str) -> str:
    """Returns the content type that a file's name suggests."""
    kind, encoding = _TYPES.guess_type(name, strict=False)
    # A compressed table is not a table to whom downloads it.
    compressed = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}
    return (compressed.get(encoding) if encoding else kind) or DEFAULT_CONTENT_TYPE


def _files(folder: Path) -> Iterator[tuple[Path, str, str | None]]:
    """Yields each file with its key, and why it is left out, or None."""
    yield from _files_below(folder, folder)
    odd = folder / MANIFEST
    if odd.is_file() and not odd.is_symlink() and not odd.parent.is_symlink():
        with odd.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                yield _odd_file(folder, number, line)


def _files_below(top: Path, folder: Path) -> Iterator[tuple[Path, str, str | None]]:
    for path in sorted(folder.iterdir()):
        if folder == top and path.name == OWN_FOLDER:
            continue
        key = path.relative_to(top).as_posix()
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            yield from _files_below(top, path)
        elif stat.S_ISLNK(mode):
            yield path, key, "a symbolic link is not followed"
        elif not stat.S_ISREG(mode):
            yield path, key, "not a plain file"
        else:
            yield path, key, _problem_of_key(key)


def _problem_of_key(key: str) -> str | None:
    try:
        size_bytes = len(key.encode())
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    return f"its path has more than {KEY_LIMIT_BYTES} bytes" if size_bytes > KEY_LIMIT_BYTES else None


def _odd_file(folder: Path, number: int, line: str) -> tuple[Path, str, str | None]:
    place = folder / MANIFEST
    try:
        entry = json.loads(line)
        key, name = entry["key"], Path(entry["file"]).name
        path = folder / OWN_FOLDER / "odd" / name
        if not isinstance(key, str) or not key or not path.is_file() or path.is_symlink():
            return place, "", f"line {number} names no file"
    except (ValueError, KeyError, TypeError):
        return place, "", f"line {number} is not one of an export"
    return path, key, _problem_of_key(key)


@dataclass(frozen=True)
class Target:
    """The bucket that files go to; ``keys`` encrypt them where it was given a default encryption."""

    bucket: Bucket
    keys: AdministratorsKeys | None


def _import(storage: Storage, path: Path, target: Target, key: str, done: Imported) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise Changed("not a plain file any more")
        mtime = header_of_ns(before.st_mtime_ns)
        found = objects.find(storage, target.bucket.name, key)
        if found and found.size_bytes == before.st_size and found.headers.get(MTIME_HEADER) == mtime:
            done.unchanged += 1
            return
        headers = {"content-type": content_type_of(key.split("/")[-1]), MTIME_HEADER: mtime}
        place = StoredPlace(target.bucket.name, key, target.bucket.owner)
        encryption, wrapping = target.keys.of_new_object(target.bucket, key) if target.keys else ({}, None)

        def require_unchanged(parts: Sequence[Part]) -> None:
            after = os.fstat(file.fileno())
            if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
                raise Changed("it changed while it was read; import it again")

        store_stream(
            storage, file, before.st_size, place, headers | encryption, wrapping, check=require_unchanged
        )
    done.files += 1
    done.bytes_read += before.st_size


@dataclass(frozen=True)
class StoredPlace:
    """Where a file goes."""

    bucket: str
    key: str
    owner: str


def store_stream(
    storage: Storage,
    file: Readable,
    size_bytes: int,
    place: StoredPlace,
    headers: dict[str, str],
    wrapping: Wrapping | None,
    *,
    check: Callable[[Sequence[Part]], None],
    tags: str | None = None,
) -> None:
    """Receives so many bytes, in one part or, over S3's limit for one, in several, and makes the object.
    ``check`` is called once all are received; it raises to store nothing."""
    algorithm = ALGORITHMS[DEFAULT_ALGORITHM]
    is_single = size_bytes <= SINGLE_LIMIT_BYTES
    part_bytes = size_bytes if is_single else PART_BYTES
    body_id = new_body_id()
    parts: list[Part] = []
    with ExitStack() as received:
        start = 0
        while not parts or start < size_bytes:
            source = _FileSource(file, min(part_bytes, size_bytes - start))
            number = len(parts) + 1
            sealing = Sealing(wrapping, source) if wrapping else None
            receiving = storage.receive(sealing.source if sealing else source, body_id, number)
            blob, content = received.enter_context(receiving)
            etag, digest = source.md5.hexdigest(), source.checksum.digest()
            part = Part(number, blob, start, source.size_bytes, etag, digest, now_ms(), content)
            parts.append(sealing.sealed(part) if sealing else part)
            start += source.size_bytes
        check(parts)
        checksum = checksum_of_parts(
            algorithm, FULL_OBJECT, [part.checksum for part in parts], [part.size_bytes for part in parts]
        )
        made = replace(_object(place, body_id, parts, headers, checksum), tags=tags)
        objects.put(storage, made, parts, lambda found: None)


def store_content(storage: Storage, place: StoredPlace, content: bytes, headers: dict[str, str]) -> None:
    """Stores an object of bytes that are in memory."""
    body_id = new_body_id()
    source = _FileSource(io.BytesIO(content), len(content))
    with storage.receive(source, body_id, 1) as (blob, small):
        etag, digest = source.md5.hexdigest(), source.checksum.digest()
        part = Part(1, blob, 0, len(content), etag, digest, now_ms(), small)
        checksum = Checksum(DEFAULT_ALGORITHM, encode(digest))
        stored = _object(place, body_id, [part], headers, checksum)
        objects.put(storage, stored, [part], lambda found: None)


def _object(
    place: StoredPlace, body_id: str, parts: Sequence[Part], headers: dict[str, str], checksum: Checksum
) -> StoredObject:
    etag = parts[0].etag
    if len(parts) > 1:
        joined = b"".join(bytes.fromhex(part.etag) for part in parts)
        etag = f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(parts)}"
    return StoredObject(
        bucket=place.bucket,
        key=place.key,
        body_id=body_id,
        size_bytes=sum(part.size_bytes for part in parts),
        etag=etag,
        modified_at=now_ms(),
        headers=headers,
        checksum=checksum,
        part_count=len(parts) if len(parts) > 1 else 0,
        owner=place.owner,
    )


class _FileSource:
    """The next bytes of a file, with their digests; a blob store's Source."""

    def __init__(self, file: Readable, size_bytes: int) -> None:
        self._file = file
        self._left_bytes = size_bytes
        self.size_bytes = size_bytes
        self.md5 = hashlib.md5(usedforsecurity=False)
        self.checksum = ALGORITHMS[DEFAULT_ALGORITHM].start()

    def readinto(self, buffer: memoryview, /) -> int:
        view = buffer[: self._left_bytes]
        count = self._file.readinto(view) or 0
        if not count and self._left_bytes:
            raise Changed("it became shorter while it was read; import it again")
        self._left_bytes -= count
        self.md5.update(view[:count])
        self.checksum.update(view[:count])
        return count

    def read_all(self) -> bytes:
        content = bytearray(self.size_bytes)
        view = memoryview(content)
        while view:
            view = view[self.readinto(view) :]
        return bytes(content)
