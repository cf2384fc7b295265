"""Multipart uploads in the database: begun, given parts, completed by reference, aborted."""

# ruff: noqa: S608  (what goes into the statements is column names, all constants of this package)
from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from s3portal.server.storage import journal
from s3portal.server.storage.buckets import id_of
from s3portal.server.storage.objects import Precondition, replace
from s3portal.server.storage.parts import COLUMNS as PART_COLUMNS
from s3portal.server.storage.parts import delete_parts, has_part, insert_parts
from s3portal.server.storage.quotas import limits_on
from s3portal.server.storage.records import Part, StoredObject, Upload
from s3portal.server.storage.removal import Doomed
from s3portal.server.storage.rows import decode_headers, encode_headers
from s3portal.server.storage.storage import Storage
from s3portal.server.wire.errors import S3Error

COLUMNS = (
    "upload_id, key, initiated_at, headers, "
    "checksum_algorithm, checksum_type, checksum_asked, initiator, owner, "
    "tags, lock, acl, writer"
)

# As blobs.new_body_id makes them.
_ID = re.compile(r"[0-9a-f]{32}")
# The bucket's number, then a value for each column.
_VALUES = ", ".join("?" * (len(COLUMNS.split(", ")) + 1))


def create(storage: Storage, upload: Upload) -> None:
    """Stores a new upload. Raises NoSuchBucket."""

    def insert(connection: sqlite3.Connection) -> None:
        bucket_id = id_of(connection, upload.bucket)
        connection.execute(
            f"INSERT INTO uploads (bucket_id, {COLUMNS}) VALUES ({_VALUES})",
            (
                bucket_id,
                upload.upload_id,
                upload.key.encode(),
                upload.initiated_at,
                encode_headers(upload.headers),
                upload.checksum_algorithm,
                upload.checksum_type,
                upload.checksum_asked,
                upload.initiator,
                upload.owner,
                upload.tags,
                upload.lock,
                upload.acl,
                upload.writer,
            ),
        )

    storage.database.write(insert)


def may_be_an_id(text: str) -> bool:
    """Whether an upload could have this id, be it there or not."""
    return _ID.fullmatch(text) is not None


def find(storage: Storage, bucket: str, key: str, upload_id: str) -> Upload:
    """Returns an upload of exactly this key; raises NoSuchBucket, NoSuchUpload."""
    with storage.database.read() as connection:
        return _require(connection, bucket, key, upload_id)


def put_part(storage: Storage, upload: Upload, part: Part, shared: tuple[str, Part] | None = None) -> bool:
    """Adds a part, in place of one with the same number.

    ``shared`` is a body and its part whose blob the new one refers to. Returns False, and changes nothing,
    when that part has gone meanwhile.
    Raises NoSuchUpload when the upload ended meanwhile, and QuotaExceeded; the blob is then its receiver's to
    remove.
    """
    body_id = upload.upload_id

    def insert(connection: sqlite3.Connection) -> list[str] | None:
        _require(connection, upload.bucket, upload.key, body_id)
        if shared is not None and not has_part(connection, *shared):
            return None
        bucket_id = id_of(connection, upload.bucket)
        limits = limits_on(connection, upload.bucket, bucket_id, upload.writer)
        replaced = delete_parts(connection, body_id, part.part_number)
        insert_parts(connection, body_id, [part])
        limits.check()
        return replaced

    replaced = storage.database.write(insert)
    storage.removal.attend([(body_id, replaced or ())])
    return replaced is not None


def complete(
    storage: Storage,
    bucket: str,
    key: str,
    upload_id: str,
    assemble: Callable[[Upload, dict[int, Part]], tuple[StoredObject, Sequence[Part]]],
    precondition: Precondition,
) -> StoredObject:
    """Makes an object of an upload's parts, in one transaction; no byte is copied.

    ``assemble`` gets the upload and its parts by number, and returns the object and the parts it is made
    of, with their offsets; what it raises leaves the upload as it was. Other parts are removed.
    Raises NoSuchUpload, QuotaExceeded.
    """

    def make(connection: sqlite3.Connection) -> tuple[StoredObject, Doomed]:
        upload = _require(connection, bucket, key, upload_id)
        rows = connection.execute(f"SELECT {PART_COLUMNS} FROM parts WHERE body_id = ?", (upload_id,))
        stored = {part.part_number: part for part in (Part(*row) for row in rows)}
        new, used = assemble(upload, stored)
        stored_object, replaced = replace(connection, new, precondition, journal.COMPLETED)
        doomed = [*replaced]
        for part_number in set(stored) - {part.part_number for part in used}:
            doomed.append((upload_id, delete_parts(connection, upload_id, part_number)))
        connection.executemany(
            "UPDATE parts SET start = ? WHERE body_id = ? AND part_number = ?",
            [(part.start, upload_id, part.part_number) for part in used],
        )
        connection.execute("DELETE FROM uploads WHERE upload_id = ?", (upload_id,))
        return stored_object, doomed

    new, doomed = storage.database.write(make)
    storage.removal.attend(doomed)
    return new


def abort(
    storage: Storage,
    bucket: str,
    key: str,
    upload_id: str,
    check: Callable[[Upload], None] = lambda upload: None,
) -> None:
    """Forgets an upload and removes its parts. Raises NoSuchUpload, and what ``check`` raises, which is given
    the upload."""

    def remove(connection: sqlite3.Connection) -> list[str]:
        check(_require(connection, bucket, key, upload_id))
        connection.execute("DELETE FROM uploads WHERE upload_id = ?", (upload_id,))
        return delete_parts(connection, upload_id)

    storage.removal.attend([(upload_id, storage.database.write(remove, frees_space=True))])


def _require(connection: sqlite3.Connection, bucket: str, key: str, upload_id: str) -> Upload:
    row = connection.execute(
        f"SELECT {COLUMNS} FROM uploads WHERE upload_id = ? "
        "AND bucket_id = (SELECT bucket_id FROM buckets WHERE name = ?) AND key = ?",
        (upload_id, bucket, key.encode()),
    ).fetchone()
    if row is None:
        id_of(connection, bucket)
        raise S3Error("NoSuchUpload", facts={"UploadId": upload_id})
    return upload_of_row(bucket, row)


def upload_of_row(bucket: str, row: Sequence[Any]) -> Upload:
    """Returns the upload of a row with COLUMNS."""
    upload_id, key, initiated_at, headers, algorithm, kind, asked, initiator, *named = row
    return Upload(
        upload_id,
        bucket,
        key.decode(),
        initiated_at,
        decode_headers(headers),
        algorithm,
        kind,
        bool(asked),
        initiator,
        *named,
    )
