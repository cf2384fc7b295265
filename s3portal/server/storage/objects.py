"""Objects in the database: found, replaced, deleted; each change in one transaction."""

# ruff: noqa: S608  (what goes into the statements is column names, all constants of this package)
from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from s3portal.server.storage.buckets import delete_parts, no_such_bucket
from s3portal.server.storage.records import Part, StoredObject
from s3portal.server.storage.storage import Storage, decode_headers, encode_headers
from s3portal.server.wire.checksums import Checksum
from s3portal.server.wire.errors import S3Error

COLUMNS = (
    "bucket, key, body_id, size_bytes, etag, modified_at, headers, "
    "checksum_algorithm, checksum_value, checksum_type, part_count"
)
PART_COLUMNS = "part_number, blob, start, size_bytes, etag, checksum, modified_at"
# Bodies with their blobs that a transaction forgot, to be removed after its commit.
Doomed = list[tuple[str, list[str | None]]]
# Given the object that is there (or None); raises to refuse the change. Runs inside the transaction.
Precondition = Callable[[StoredObject | None], None]


def find(storage: Storage, bucket: str, key: str) -> StoredObject | None:
    """Returns an object, or None. Raises NoSuchBucket."""
    with storage.database.read() as connection:
        found = _select(connection, bucket, key)
        if found is None and not _bucket_exists(connection, bucket):
            raise no_such_bucket(bucket)
    return found


def lease(storage: Storage, bucket: str, key: str) -> StoredObject | None:
    """Returns an object whose bytes stay readable until its body id is released, or None.

    Raises NoSuchBucket.
    """
    while True:
        found = find(storage, bucket, key)
        if found is None:
            return None
        storage.leases.acquire(found.body_id)
        # Whoever replaces the object from now on sees the lease; look again, because it may have been
        # replaced just before.
        again = find(storage, bucket, key)
        if again is not None and again.body_id == found.body_id:
            return again
        storage.leases.release(found.body_id)


def parts_between(storage: Storage, body_id: str, first: int, last: int) -> list[Part]:
    """Returns the parts, in order, that hold the bytes from offset ``first`` to ``last``, both included."""
    with storage.database.read() as connection:
        rows = connection.execute(
            f"SELECT {PART_COLUMNS}, content FROM parts WHERE body_id = ? "
            "AND start <= ? AND start + size_bytes > ? ORDER BY part_number",
            (body_id, last, first),
        )
        return [Part(*row) for row in rows]


def find_part(storage: Storage, body_id: str, position: int) -> Part | None:
    """Returns the part that is at ``position`` in the object, counted from 1 without gaps."""
    with storage.database.read() as connection:
        row = connection.execute(
            f"SELECT {PART_COLUMNS} FROM parts WHERE body_id = ? ORDER BY part_number LIMIT 1 OFFSET ?",
            (body_id, position - 1),
        ).fetchone()
    return Part(*row) if row else None


def put(storage: Storage, new: StoredObject, parts: Sequence[Part], precondition: Precondition) -> None:
    """Makes an object of blobs that are on the disk already, in place of what was there.

    Raises NoSuchBucket, and what the precondition raises; the blobs are then their receiver's to remove.
    """

    def insert(connection: sqlite3.Connection) -> Doomed:
        doomed = replace(connection, new, precondition)
        insert_parts(connection, new.body_id, parts)
        return doomed

    remove_doomed(storage, storage.database.write(insert))


def replace(connection: sqlite3.Connection, new: StoredObject, precondition: Precondition) -> Doomed:
    """Within a transaction: puts an object's row in place of what was there, and returns the latter."""
    if not _bucket_exists(connection, new.bucket):
        raise no_such_bucket(new.bucket)
    old = _select(connection, new.bucket, new.key)
    precondition(old)
    connection.execute(
        f"INSERT OR REPLACE INTO objects ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            new.bucket,
            new.key.encode(),
            new.body_id,
            new.size_bytes,
            new.etag,
            new.modified_at,
            encode_headers(new.headers),
            new.checksum.algorithm,
            new.checksum.value,
            new.checksum.type,
            new.part_count,
        ),
    )
    return [(old.body_id, delete_parts(connection, old.body_id))] if old else []


def delete(storage: Storage, bucket: str, keys: Sequence[str], precondition: Precondition) -> None:
    """Deletes objects, all or none; keys that are not there are no error. Raises NoSuchBucket."""

    def remove(connection: sqlite3.Connection) -> Doomed:
        if not _bucket_exists(connection, bucket):
            raise no_such_bucket(bucket)
        doomed: Doomed = []
        for key in keys:
            old = _select(connection, bucket, key)
            precondition(old)
            if old:
                connection.execute("DELETE FROM objects WHERE bucket = ? AND key = ?", (bucket, key.encode()))
                doomed.append((old.body_id, delete_parts(connection, old.body_id)))
        return doomed

    remove_doomed(storage, storage.database.write(remove, frees_space=True))


def remove_doomed(storage: Storage, doomed: Doomed) -> None:
    """After the commit: removes what was replaced or deleted."""
    for body_id, blobs in doomed:
        storage.leases.doom(body_id, blobs)


def insert_parts(connection: sqlite3.Connection, body_id: str, parts: Sequence[Part]) -> None:
    """Within a transaction: stores the rows of parts."""
    connection.executemany(
        f"INSERT INTO parts (body_id, {PART_COLUMNS}, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                body_id,
                p.part_number,
                p.blob,
                p.start,
                p.size_bytes,
                p.etag,
                p.checksum,
                p.modified_at,
                p.content,
            )
            for p in parts
        ],
    )


def _select(connection: sqlite3.Connection, bucket: str, key: str) -> StoredObject | None:
    row = connection.execute(
        f"SELECT {COLUMNS} FROM objects WHERE bucket = ? AND key = ?",
        (bucket, key.encode()),
    ).fetchone()
    return object_of_row(row) if row else None


def object_of_row(row: Sequence[Any]) -> StoredObject:
    """Returns the object of a row with COLUMNS."""
    bucket, key, body_id, size_bytes, etag, modified_at, headers, algorithm, value, kind, part_count = row
    return StoredObject(
        bucket=bucket,
        key=key.decode(),
        body_id=body_id,
        size_bytes=size_bytes,
        etag=etag,
        modified_at=modified_at,
        headers=decode_headers(headers),
        checksum=Checksum(algorithm, value, kind),
        part_count=part_count,
    )


def _bucket_exists(connection: sqlite3.Connection, bucket: str) -> bool:
    return connection.execute("SELECT 1 FROM buckets WHERE name = ?", (bucket,)).fetchone() is not None


def no_such_key(key: str) -> S3Error:
    return S3Error("NoSuchKey", facts={"Key": key})
