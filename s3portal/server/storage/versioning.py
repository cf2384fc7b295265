"""Whether a bucket keeps versions, and the ids that versions get."""

from __future__ import annotations

import re
import secrets
import sqlite3
from functools import partial

from s3portal.server.storage import buckets, journal
from s3portal.server.storage.known_buckets import Changing
from s3portal.server.storage.records import NULL_VERSION, Versioning
from s3portal.server.storage.storage import Storage, now_ms
from s3portal.server.wire.errors import S3Error

OBJECT_LOCK = "object-lock"
# 16 digits for the number of the change that made the version, so that a listing knows its place even after
# it has been deleted, and 16 that nobody can guess.
_OUR_ID = re.compile(r"[0-9a-f]{32}")
# Ids are opaque, and S3's have 32 of these characters. What looks like none is refused as S3 refuses it; what
# looks like one of another server is just not here.
_ANY_ID = re.compile(r"[A-Za-z0-9._]{26,1024}")


def bucket_in(connection: sqlite3.Connection, name: str) -> tuple[int, Versioning]:
    """Within a transaction: returns a bucket's number, and whether it keeps versions. Raises NoSuchBucket."""
    row = connection.execute(
        "SELECT b.bucket_id, document FROM buckets AS b LEFT JOIN bucket_settings AS s "
        "ON s.bucket_id = b.bucket_id AND s.kind = ? WHERE b.name = ?",
        (buckets.VERSIONING, name),
    ).fetchone()
    if row is None:
        raise buckets.no_such_bucket(name)
    return row[0], Versioning(row[1] or "")


def put(storage: Storage, name: str, state: Versioning) -> None:
    """Turns versioning on or off (``SUSPENDED``: what is kept stays). Raises NoSuchBucket.

    Raises InvalidBucketState where objects may be locked: their versions are what the lock protects.
    """

    def put(connection: sqlite3.Connection, change: Changing) -> None:
        bucket_id, _ = bucket_in(connection, name)
        if state is not Versioning.ENABLED and buckets.has_setting(connection, bucket_id, OBJECT_LOCK):
            raise S3Error(
                "InvalidBucketState",
                "An Object Lock configuration is present on this bucket, so the versioning state cannot be "
                "changed.",
                facts={"BucketName": name},
            )
        buckets.put_setting_in(connection, change, bucket_id, buckets.VERSIONING, state.value)
        journal.record(connection, journal.BUCKET_CHANGED, now_ms(), bucket_id, details=buckets.VERSIONING)

    with storage.known_buckets.changing() as change:
        storage.database.write(partial(put, change=change))


def put_object_lock(storage: Storage, name: str, document: str) -> None:
    """Lets the objects of a bucket be locked, by a document of its own. Raises NoSuchBucket.

    Raises InvalidBucketState unless the bucket keeps versions: they are what the lock protects.
    """

    def put(connection: sqlite3.Connection, change: Changing) -> None:
        bucket_id, state = bucket_in(connection, name)
        if state is not Versioning.ENABLED:
            raise S3Error(
                "InvalidBucketState",
                "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
            )
        buckets.put_setting_in(connection, change, bucket_id, OBJECT_LOCK, document)
        journal.record(connection, journal.BUCKET_CHANGED, now_ms(), bucket_id, details=OBJECT_LOCK)

    with storage.known_buckets.changing() as change:
        storage.database.write(partial(put, change=change))


def new_version_id(sequence: int) -> str:
    """Returns the id of the version that the change of this number makes."""
    return f"{sequence:016x}{secrets.token_hex(8)}"


def sequence_of(version_id: str) -> int | None:
    """Returns the number of the change that made a version of ours; None for another id."""
    return int(version_id[:16], 16) if _OUR_ID.fullmatch(version_id) else None


def looks_like_version_id(text: str) -> bool:
    return text == NULL_VERSION or _ANY_ID.fullmatch(text) is not None
