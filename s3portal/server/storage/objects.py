"""Objects in the database: found, put, copied; each change in one transaction."""

# ruff: noqa: S608  (what goes into the statements is column names, all constants of this package)
from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace as with_changes

from s3portal.server.storage import history, journal, replicas
from s3portal.server.storage.buckets import id_of
from s3portal.server.storage.parts import copy_parts, insert_parts
from s3portal.server.storage.quotas import limits_on
from s3portal.server.storage.records import NULL_VERSION, Part, StoredObject, Versioning
from s3portal.server.storage.removal import Doomed
from s3portal.server.storage.rows import (
    COLUMNS,
    NAMES,
    encode_headers,
    object_of_row,
    select_current,
    select_version,
)
from s3portal.server.storage.storage import Storage
from s3portal.server.storage.versioning import bucket_in, new_version_id
from s3portal.server.wire.errors import S3Error

_PUT = (
    f"INSERT INTO objects (bucket_id, {COLUMNS}) VALUES ({', '.join('?' * (len(NAMES) + 1))}) "
    # Not INSERT OR REPLACE, which would delete a row and call no trigger.
    f"ON CONFLICT DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in NAMES[1:])}"
)
# Given the object that is there (or None); raises to refuse the change. Runs inside the transaction.
Precondition = Callable[[StoredObject | None], None]


def find(storage: Storage, bucket: str, key: str, version_id: str | None = None) -> StoredObject | None:
    """Returns an object, or one version of it; None where there is none or a delete marker.

    Raises NoSuchBucket.
    """
    with storage.database.read() as connection:
        if version_id is not None:
            version = select_version(connection, bucket, id_of(connection, bucket), key, version_id)
            return None if version is None else version.found
        row = connection.execute(
            f"SELECT {COLUMNS} FROM objects "
            "WHERE bucket_id = (SELECT bucket_id FROM buckets WHERE name = ?) AND key = ?",
            (bucket, key.encode()),
        ).fetchone()
        if row is None:
            id_of(connection, bucket)
    return object_of_row(bucket, row) if row else None


def lease(storage: Storage, bucket: str, key: str, version_id: str | None = None) -> StoredObject | None:
    """Returns an object, or one version of it, whose bytes stay readable until its body id is released; None
    where there is none or a delete marker.

    Raises NoSuchBucket.
    """
    while True:
        found = find(storage, bucket, key, version_id)
        if found is None:
            return None
        if lease_found(storage, found, version_id):
            return found


def lease_found(storage: Storage, found: StoredObject, version_id: str | None = None) -> bool:
    """Leases the body of an object that was just found; False where it has been replaced or deleted since.

    Raises NoSuchBucket.
    """
    storage.leases.acquire(found.body_id)
    # Whoever replaces or deletes the object from now on sees the lease; look again, because that may have
    # been done just before.
    try:
        again = find(storage, found.bucket, found.key, version_id)
    except BaseException:
        storage.leases.release(found.body_id)
        raise
    if again is not None and again.body_id == found.body_id:
        return True
    storage.leases.release(found.body_id)
    return False


def put(
    storage: Storage,
    new: StoredObject,
    parts: Sequence[Part],
    precondition: Precondition,
    event: str = journal.PUT,
) -> StoredObject:
    """Makes an object of blobs that are on the disk already, in place of what was there. Returns it as it is
    stored.

    Raises NoSuchBucket, QuotaExceeded, NotNeeded for a replica, and what the precondition raises; the blobs
    are then their receiver's to remove.
    """

    def insert(connection: sqlite3.Connection) -> tuple[StoredObject, Doomed]:
        stored, doomed = replace(connection, new, precondition, event)
        insert_parts(connection, new.body_id, parts)
        return stored, doomed

    stored, doomed = storage.database.write(insert)
    storage.removal.attend(doomed)
    return stored


def put_copy(
    storage: Storage, new: StoredObject, source: StoredObject, precondition: Precondition
) -> StoredObject | None:
    """Makes an object of the blobs of another, without reading them; ``new`` has a body id of its own.

    Returns it as it is stored; None, and changes nothing, when the source's body has gone meanwhile. Raises
    as ``put`` does.
    """

    def copy(connection: sqlite3.Connection) -> tuple[StoredObject, Doomed] | None:
        # Before anything of the target goes, which may be the source itself.
        if not copy_parts(connection, source.body_id, new.body_id):
            return None
        return replace(connection, new, precondition, journal.COPY)

    made = storage.database.write(copy)
    if made is None:
        return None
    stored, doomed = made
    storage.removal.attend(doomed)
    return stored


def replace(
    connection: sqlite3.Connection, new: StoredObject, precondition: Precondition, event: str
) -> tuple[StoredObject, Doomed]:
    """Within a transaction: makes an object the current version of its key. What was current before is kept
    where the bucket keeps versions. Returns the object as it is stored, and what is doomed.

    Raises NoSuchBucket, QuotaExceeded, and what the precondition raises.
    """
    bucket_id, versioning = bucket_in(connection, new.bucket)
    old = select_current(connection, new.bucket, bucket_id, new.key)
    precondition(old)
    limits = limits_on(connection, new.bucket, bucket_id, new.writer)
    version_id = NULL_VERSION
    origin = replicas.origin_of(new.headers)
    if origin is not None:
        new, is_current = replicas.admit(connection, bucket_id, versioning, new, origin)
        if not is_current:
            sequence = replicas.insert_older(connection, bucket_id, new)
            limits.check()
            return with_changes(new, sequence=sequence), []
        version_id = new.version_id
    else:
        moment = replicas.moment_of_change(connection, new.bucket, bucket_id, new.key, new.modified_at)
        new = with_changes(new, modified_at=moment)
        if versioning is Versioning.ENABLED:
            version_id = new_version_id(journal.next_sequence(connection))
    doomed, modified_at = history.make_way(connection, bucket_id, new.key, old, versioning, new.modified_at)
    sequence = journal.record(
        connection,
        event,
        modified_at,
        bucket_id,
        key=new.key,
        version_id=version_id,
        size_bytes=new.size_bytes,
        etag=new.etag,
        details=None if origin is None else replicas.BY_REPLICATION,
    )
    connection.execute(
        _PUT,
        (
            bucket_id,
            new.key.encode(),
            new.body_id,
            new.size_bytes,
            new.etag,
            modified_at,
            encode_headers(new.headers),
            new.checksum.algorithm,
            new.checksum.value,
            new.checksum.type,
            new.part_count,
            new.owner,
            version_id,
            sequence,
            new.tags,
            new.lock,
            new.acl,
            new.writer,
        ),
    )
    limits.check()
    stored = with_changes(new, modified_at=modified_at, version_id=version_id, sequence=sequence)
    return stored, doomed


def no_such_key(key: str, headers: Mapping[str, str] | None = None) -> S3Error:
    return S3Error("NoSuchKey", facts={"Key": key}, headers=headers)
