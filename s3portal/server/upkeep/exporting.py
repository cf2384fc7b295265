"""A bucket's objects as plain files."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from s3portal.server.kms.administrator import AdministratorsKeys
from s3portal.server.kms.envelopes import etag_of_part
from s3portal.server.kms.segments import opened
from s3portal.server.storage import objects
from s3portal.server.storage.blobs import DISK_IS_FULL
from s3portal.server.storage.buckets import find as find_bucket
from s3portal.server.storage.listing import list_objects
from s3portal.server.storage.parts import parts_between
from s3portal.server.storage.records import ListedObject, Part, StoredObject
from s3portal.server.storage.storage import Storage
from s3portal.server.upkeep.bodies import printable
from s3portal.server.upkeep.modification_time import MTIME_HEADER, ns_of_header
from s3portal.server.upkeep.plain_names import ODD_FOLDER, OWN_FOLDER, Names, distinguishes_case

KEYS_AT_ONCE = 1000
CHUNK_BYTES = 1024 * 1024
MANIFEST = f"{OWN_FOLDER}/odd.jsonl"
_BUCKET_FILE = f"{OWN_FOLDER}/bucket"


class CannotExport(RuntimeError):
    """The folder is not one that this bucket may be exported to."""


@dataclass
class Exported:
    """What an export did so far. ``odd`` are objects whose file is not named like the key; ``failed`` says of
    each object that could not be written why."""

    files: int = 0
    bytes_written: int = 0
    unchanged: int = 0
    odd: int = 0
    failed: list[str] = field(default_factory=list)


def export_bucket(
    storage: Storage,
    bucket: str,
    folder: Path,
    *,
    portable: bool = False,
    keys: AdministratorsKeys | None = None,
    on_failure: Callable[[str], None] = lambda message: None,
) -> Exported:
    """Writes every object of a bucket into a file below ``folder``.

    May be run again: files with the size and the time of their object are left as they are. Bytes are
    compared with their ETag before a file gets its name. What is stored encrypted is opened with ``keys``.
    Raises NoSuchBucket, CannotExport, OSError where nothing can be written at all.
    """
    find_bucket(storage, bucket)
    _take_folder(folder, bucket)
    names = Names(
        folder / OWN_FOLDER / "names.sqlite3",
        portable=portable,
        folds=portable or not distinguishes_case(folder / OWN_FOLDER),
        is_folder=lambda prefix: _has_keys_below(storage, bucket, prefix),
    )
    done = Exported()
    manifest = folder / f"{MANIFEST}.new"
    try:
        with manifest.open("w", encoding="utf-8") as lines:
            for entry in _listed(storage, bucket):
                key = entry.key
                path, reason = names.choose(key, entry.size_bytes)
                try:
                    found = _export(storage, keys, bucket, key, folder, path, done)
                except OSError as problem:
                    if problem.errno in DISK_IS_FULL:
                        raise
                    done.failed.append(f"{bucket}/{printable(key)}: {problem.strerror or problem}")
                    on_failure(done.failed[-1])
                    continue
                if found is not None and reason is not None:
                    done.odd += 1
                    line = {"key": key, "file": path, "reason": reason, "etag": found.etag}
                    lines.write(json.dumps(line) + "\n")
        manifest.replace(folder / MANIFEST)
    finally:
        names.close()
    return done


def _take_folder(folder: Path, bucket: str) -> None:
    """Makes the folder, or checks that it is one of an earlier export of the same bucket."""
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / _BUCKET_FILE
    if mark.is_symlink() or mark.parent.is_symlink():
        raise CannotExport(f"{mark.parent} is a symbolic link")
    if mark.is_file():
        earlier = mark.read_text("utf-8").strip()
        if earlier != bucket:
            raise CannotExport(f"{folder} has an export of bucket {earlier}; choose another folder")
        return
    if any(folder.iterdir()):
        raise CannotExport(f"{folder} is not empty and has no earlier export; choose another folder")
    (folder / ODD_FOLDER).mkdir(parents=True)
    mark.write_text(f"{bucket}\n", "utf-8")


def _listed(storage: Storage, bucket: str) -> Iterator[ListedObject]:
    after: bytes | None = b""
    while after is not None:
        page = list_objects(storage, bucket, prefix="", delimiter="", after=after, limit=KEYS_AT_ONCE)
        for entry in page.entries:
            if isinstance(entry, ListedObject):
                yield entry
        after = page.next_after


def _has_keys_below(storage: Storage, bucket: str, prefix: str) -> bool:
    return bool(list_objects(storage, bucket, prefix=prefix, delimiter="", after=b"", limit=1).entries)


def _export(
    storage: Storage,
    keys: AdministratorsKeys | None,
    bucket: str,
    key: str,
    folder: Path,
    path: str,
    done: Exported,
) -> StoredObject | None:
    """Writes one object as it is by then; returns it, None where it was deleted meanwhile. Raises OSError."""
    while True:
        found = objects.lease(storage, bucket, key)
        if found is None:
            return None
        try:
            _export_found(storage, keys, found, folder, path, done)
        except OSError as problem:
            # A lease keeps the files of a body, but not its rows. Only what is still the object counts.
            if problem.errno in DISK_IS_FULL or not _was_replaced(storage, found):
                raise
        else:
            return found
        finally:
            storage.leases.release(found.body_id)


def _was_replaced(storage: Storage, found: StoredObject) -> bool:
    current = objects.find(storage, found.bucket, found.key)
    return current is None or current.body_id != found.body_id


def _export_found(
    storage: Storage,
    keys: AdministratorsKeys | None,
    found: StoredObject,
    folder: Path,
    path: str,
    done: Exported,
) -> None:
    target = folder / path
    _make_folders(folder, path)
    if path.endswith("/") and not found.size_bytes:
        # What consoles store for an empty folder.
        if not target.is_dir():
            target.mkdir()
            done.files += 1
        else:
            done.unchanged += 1
        return
    if path.endswith("/"):
        raise OSError("it got content meanwhile; export again")
    modified_ns = ns_of_header(found.headers.get(MTIME_HEADER)) or found.modified_at * 1_000_000
    if _is_there(target, found.size_bytes, modified_ns):
        done.unchanged += 1
        return
    _write(storage, keys, found, folder, target, modified_ns)
    done.files += 1
    done.bytes_written += found.size_bytes


def _make_folders(folder: Path, path: str) -> None:
    """Makes the folders of a path; raises OSError for a link in it, which would lead elsewhere."""
    place = folder
    for name in path.removesuffix("/").split("/")[:-1]:
        place = place / name
        if place.is_symlink():
            raise OSError(f"{place} is a symbolic link")
        place.mkdir(exist_ok=True)


def _is_there(target: Path, size_bytes: int, modified_ns: int) -> bool:
    try:
        found = target.lstat()
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(found.st_mode):
        raise OSError(f"{target} is there and is not a plain file")
    return found.st_size == size_bytes and found.st_mtime_ns == modified_ns


def _write(
    storage: Storage,
    keys: AdministratorsKeys | None,
    found: StoredObject,
    folder: Path,
    target: Path,
    modified_ns: int,
) -> None:
    """Writes an object's bytes under a passing name and renames them once they are proven and synced."""
    passing = folder / OWN_FOLDER / "writing"
    passing.unlink(missing_ok=True)
    try:
        with passing.open("xb") as file:
            for part in parts_between(storage, found.body_id, 0, max(found.size_bytes - 1, 0)):
                md5 = hashlib.md5(usedforsecurity=False)
                chunks, data_key = _content_of(storage, keys, part)
                for chunk in chunks:
                    md5.update(chunk)
                    file.write(chunk)
                etag = md5.hexdigest()
                if data_key is not None:
                    etag = etag_of_part(part.key_id or "", data_key, etag)
                if etag != part.etag:
                    raise OSError("its bytes have changed since they were stored; run s3portal server fsck")
            file.flush()
            if file.tell() != found.size_bytes:
                raise OSError("some of its bytes are missing; run s3portal server fsck")
            os.utime(file.fileno(), ns=(modified_ns, modified_ns))
            os.fsync(file.fileno())
        passing.rename(target)
    finally:
        passing.unlink(missing_ok=True)


def _content_of(
    storage: Storage, keys: AdministratorsKeys | None, part: Part
) -> tuple[Iterator[bytes | memoryview], bytes | None]:
    """Returns the plain content of a part, and its data key where it is stored encrypted. Raises OSError."""
    if part.key_id is None:
        return _chunks(storage, part.blob, part.content), None
    if keys is None:
        raise OSError("it is encrypted, and there is no key to open it")
    cipher, data_key = keys.open_part(part)
    source = (part.content or b"") if part.blob is None else storage.blobs.path(part.blob)
    return opened(source, cipher, part.size_bytes, 0, part.size_bytes), data_key


def _chunks(storage: Storage, blob: str | None, content: bytes | None) -> Iterator[bytes]:
    if blob is None:
        yield content or b""
        return
    with storage.blobs.path(blob).open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
