"""Objects that do not fit into memory, fetched in parts, several at a time, straight to the disk.

What was fetched of an object stays when it is interrupted, beside a note of which parts these are, and the
next attempt fetches the rest. The note names the ETag, so what is put together is of one object.
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from s3portal.dtool.big_files import PART_BYTES
from s3portal.dtool.bucket_objects import BucketObjects
from s3portal.dtool.errors import StoreFailed
from s3portal.dtool.file_lock import try_lock
from s3portal.dtool.s3_errors import s3_errors
from s3portal.dtool.workers import big_file_workers, in_parallel
from s3portal.transfer import Body, BrokenOff, ResumingBody

_BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The object as it was when the first part of it was fetched."""

    key: str
    etag: str
    size_bytes: int


def fetch_file(objects: BucketObjects, key: str, path: Path) -> None:
    """Writes the object's content to ``path``, a file that stays where this is interrupted. Raises
    DtoolS3Error.

    Where ``path`` has parts of it already, the others are fetched. The caller has the file for itself.
    """
    head = objects.head(key)
    wanted = _Wanted(key, head.etag, head.size_bytes)
    path.touch()
    with _note_of(path).open("a+b", buffering=0) as note:
        there = _read_note(note, wanted)
        starts = [start for start in range(0, wanted.size_bytes, PART_BYTES) if start not in there]

        def fetch(start: int) -> None:
            _fetch_part(objects, wanted, start, path)
            note.write(b"%d\n" % start)

        in_parallel(fetch, starts, big_file_workers())
    with path.open("r+b") as file:
        file.truncate(wanted.size_bytes)


def forget_fetched(path: Path) -> None:
    """Removes the part fetched to ``path``, and the note of it."""
    path.unlink(missing_ok=True)
    _note_of(path).unlink(missing_ok=True)


def forget_note(path: Path) -> None:
    """Removes the note alone: the file is complete."""
    _note_of(path).unlink(missing_ok=True)


@contextlib.contextmanager
def for_this_process_alone(path: Path) -> Iterator[bool]:
    """Whether no other process is fetching to ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        yield try_lock(file)


def _fetch_part(objects: BucketObjects, wanted: _Wanted, start: int, path: Path) -> None:
    end = min(start + PART_BYTES, wanted.size_bytes)
    with path.open("r+b") as file:
        for block in read_range(objects, wanted.key, wanted.etag, start, end):
            file.seek(start)
            file.write(block)
            start += len(block)


def read_range(objects: BucketObjects, key: str, etag: str, start: int, end: int) -> Iterator[bytes]:
    """The bytes from ``start`` to before ``end``, in blocks; where an answer breaks off, another continues.

    Raises DtoolS3Error, also where the object has another ETag by now.
    """

    def open_from(position: int) -> Body:
        with s3_errors(objects.bucket, key):
            answer: Any = objects.store.client().get_object(
                Bucket=objects.bucket, Key=key, Range=f"bytes={position}-{end - 1}", IfMatch=etag
            )
        if answer["ResponseMetadata"]["HTTPStatusCode"] != 206:
            raise StoreFailed(f"s3://{objects.bucket}/{key}: the store does not answer a part of an object.")
        return cast(Body, answer["Body"])

    try:
        yield from ResumingBody(open_from, start, end).blocks(_BLOCK_BYTES)
    except BrokenOff as error:
        raise StoreFailed(f"s3://{objects.bucket}/{key}: the answer broke off: {error}") from error


def _note_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.note")


def _read_note(note: BinaryIO, wanted: _Wanted) -> set[int]:
    """The starts of the parts that are there; after a note of another object none, and the note begins
    again.
    """
    note.seek(0)
    first, *lines = note.read().split(b"\n")
    of_this = json.dumps([wanted.etag, wanted.size_bytes, PART_BYTES]).encode()
    if first == of_this:
        # What follows the last newline was cut off.
        return {int(line) for line in lines[:-1] if line.isdigit()}
    note.seek(0)
    note.truncate()
    note.write(of_this + b"\n")
    return set()
