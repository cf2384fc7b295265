"""Objects in the database: found, replaced, copied, deleted; each change in one transaction."""

# ruff: noqa: S608  (what goes into the statements is column names, all constants of this package)
from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from s3portal.server.storage import journal
from s3portal.server.storage.buckets import id_of
from s3portal.server.storage.parts import copy_parts, delete_parts, insert_parts
from s3portal.server.storage.records import Part, StoredObject
from s3portal.server.storage.removal import Doomed
from s3portal.server.storage.storage import Storage, decode_headers, encode_headers, now_ms
from s3portal.server.wire.checksums import Checksum
from s3portal.server.wire.errors import S3Error

COLUMNS = (
    "key, body_id, size_bytes, etag, modified_at, headers, "
    "checksum_algorithm, checksum_value, checksum_type, part_count, owner, version_id, sequence, "
    "tags, lock, acl"
)
_NAMES = COLUMNS.split(", ")
_PUT = (
    f"INSERT INTO objects (bucket_id, {COLUMNS}) VALUES ({', '.join('?' * (len(_NAMES) + 1))}) "
    # Not INSERT OR REPLACE, which would delete a row and call no trigger.
    f"ON CONFLICT DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _NAMES[1:])}"
)
# Given the object that is there (or None); raises to refuse the change. Runs inside the transaction.
Precondition = Callable[[StoredObject | None], None]


def find(storage: Storage, bucket: str, key: str) -> StoredObject | None:
    """Returns an object, or None. Raises NoSuchBucket."""
    with storage.database.read() as connection:
        row = connection.execute(
            f"SELECT {COLUMNS} FROM objects "
            "WHERE bucket_id = (SELECT bucket_id FROM buckets WHERE name = ?) AND key = ?",
            (bucket, key.encode()),
        ).fetchone()
        if row is None:
            id_of(connection, bucket)
    return object_of_row(bucket, row) if row else None


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


def put(
    storage: Storage,
    new: StoredObject,
    parts: Sequence[Part],
    precondition: Precondition,
    event: str = journal.PUT,
) -> None:
    """Makes an object of blobs that are on the disk already, in place of what was there.

    Raises NoSuchBucket, and what the precondition raises; the blobs are then their receiver's to remove.
    """

    def insert(connection: sqlite3.Connection) -> Doomed:
        doomed = replace(connection, new, precondition, event)
        insert_parts(connection, new.body_id, parts)
        return doomed

    storage.removal.attend(storage.database.write(insert))


def put_copy(storage: Storage, new: StoredObject, source: StoredObject, precondition: Precondition) -> bool:
    """Makes an object of the blobs of another, without reading them; ``new`` has a body id of its own.

    Returns False, and changes nothing, when the source's body has gone meanwhile. Raises as ``put`` does.
    """

    def copy(connection: sqlite3.Connection) -> Doomed | None:
        # Before anything of the target goes, which may be the source itself.
        if not copy_parts(connection, source.body_id, new.body_id):
            return None
        return replace(connection, new, precondition, journal.COPY)

    doomed = storage.database.write(copy)
    storage.removal.attend(doomed or ())
    return doomed is not None


def replace(
    connection: sqlite3.Connection, new: StoredObject, precondition: Precondition, event: str
) -> Doomed:
    """Within a transaction: puts an object's row in place of what was there, and returns what it dooms."""
    bucket_id = id_of(connection, new.bucket)
    old = _select(connection, new.bucket, bucket_id, new.key)
    precondition(old)
    sequence = journal.record(
        connection,
        event,
        new.modified_at,
        bucket_id,
        key=new.key,
        version_id=new.version_id,
        size_bytes=new.size_bytes,
        etag=new.etag,
    )
    connection.execute(
        _PUT,
        (
            bucket_id,
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
            new.owner,
            new.version_id,
            sequence,
            new.tags,
            new.lock,
            new.acl,
        ),
    )
    return [(old.body_id, delete_parts(connection, old.body_id))] if old else []


def delete(storage: Storage, bucket: str, keys: Sequence[str], precondition: Precondition) -> None:
    """Deletes objects, all or none; keys that are not there are no error. Raises NoSuchBucket.

    On a full disk, where not even the log of so many has room, it deletes as many at a time as possible.
    """

    def remove(connection: sqlite3.Connection) -> Doomed:
        bucket_id = id_of(connection, bucket)
        doomed = []
        now = now_ms()
        for key in keys:
            old = _select(connection, bucket, bucket_id, key)
            precondition(old)
            if old:
                connection.execute(
                    "DELETE FROM objects WHERE bucket_id = ? AND key = ?", (bucket_id, key.encode())
                )
                doomed.append((old.body_id, delete_parts(connection, old.body_id)))
                journal.record(
                    connection, journal.DELETED, now, bucket_id, key=key, version_id=old.version_id
                )
        return doomed

    try:
        storage.removal.attend(storage.database.write(remove, frees_space=True))
    except S3Error as refused:
        if refused.code != "InsufficientStorage" or len(keys) < 2:
            raise
        half = len(keys) // 2
        delete(storage, bucket, keys[:half], precondition)
        delete(storage, bucket, keys[half:], precondition)


def _select(connection: sqlite3.Connection, bucket: str, bucket_id: int, key: str) -> StoredObject | None:
    row = connection.execute(
        f"SELECT {COLUMNS} FROM objects WHERE bucket_id = ? AND key = ?", (bucket_id, key.encode())
    ).fetchone()
    return object_of_row(bucket, row) if row else None


def object_of_row(bucket: str, row: Sequence[Any]) -> StoredObject:
    """Returns the object of a row with COLUMNS."""
    key, body_id, size_bytes, etag, modified_at, headers, algorithm, value, kind, part_count, *named = row
    owner, version_id, sequence, tags, lock, acl = named
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
        owner=owner,
        version_id=version_id,
        sequence=sequence,
        tags=tags,
        lock=lock,
        acl=acl,
    )


def no_such_key(key: str) -> S3Error:
    return S3Error("NoSuchKey", facts={"Key": key})
