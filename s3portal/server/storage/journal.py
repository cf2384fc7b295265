"""The journal: a line for each change, written in the transaction of the change itself.

Notifications, replication and lifecycle read it; nothing else writes it. The newest lines stay.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from s3portal.server.storage.records import Change
from s3portal.server.storage.storage import Storage

# S3's names: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
PUT, POST, COPY = "ObjectCreated:Put", "ObjectCreated:Post", "ObjectCreated:Copy"
COMPLETED = "ObjectCreated:CompleteMultipartUpload"
DELETED, MARKED = "ObjectRemoved:Delete", "ObjectRemoved:DeleteMarkerCreated"
TAGGED, UNTAGGED = "ObjectTagging:Put", "ObjectTagging:Delete"
# By a lifecycle rule.
EXPIRED, EXPIRY_MARKED = "LifecycleExpiration:Delete", "LifecycleExpiration:DeleteMarkerCreated"
RECLASSED = "LifecycleTransition"
ACL_PUT = "ObjectAcl:Put"
# Ours, for what S3 notifies nobody of.
BUCKET_CREATED, BUCKET_DELETED, BUCKET_CHANGED = "Bucket:Created", "Bucket:Deleted", "Bucket:Changed"
LOCKED = "ObjectLock:Put"

LINES_LIMIT = 100_000
_TRIMMED_EVERY = 1000


def record(
    connection: sqlite3.Connection,
    event: str,
    at: int,
    bucket_id: int,
    *,
    key: str | None = None,
    version_id: str | None = None,
    size_bytes: int | None = None,
    etag: str | None = None,
    details: str | None = None,
) -> int:
    """Within a transaction: writes a line; returns its number, which is larger than any before."""
    cursor = connection.execute(
        "INSERT INTO journal (at, event, bucket_id, key, version_id, size_bytes, etag, details) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (at, event, bucket_id, None if key is None else key.encode(), version_id, size_bytes, etag, details),
    )
    sequence = cursor.lastrowid or 0
    if sequence % _TRIMMED_EVERY == 0:
        connection.execute("DELETE FROM journal WHERE sequence <= ?", (sequence - LINES_LIMIT,))
    return sequence


def next_sequence(connection: sqlite3.Connection) -> int:
    """Within a transaction: returns the number that the next line will have."""
    row = connection.execute("SELECT coalesce(max(sequence), 0) + 1 FROM journal").fetchone()
    number: int = row[0]
    return number


def last_sequence(storage: Storage) -> int:
    """Returns the number of the newest line, 0 before there is one."""
    with storage.database.read() as connection:
        number: int = connection.execute("SELECT coalesce(max(sequence), 0) FROM journal").fetchone()[0]
    return number


def changes_after(storage: Storage, sequence: int, limit: int) -> list[Change]:
    """Returns up to ``limit`` changes with numbers over ``sequence``, in order."""
    with storage.database.read() as connection:
        rows = connection.execute(
            "SELECT sequence, at, event, bucket_id, key, version_id, size_bytes, etag, details FROM journal "
            "WHERE sequence > ? ORDER BY sequence LIMIT ?",
            (sequence, limit),
        )
        return [_change_of_row(*row) for row in rows]


def _change_of_row(
    sequence: int, at: int, event: str, bucket_id: int, key: bytes | None, *rest: Any
) -> Change:
    return Change(sequence, at, event, bucket_id, None if key is None else key.decode(), *rest)
