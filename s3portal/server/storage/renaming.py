"""A new key for an object, in one transaction: its bytes, its date and all that it has stay as they are."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from s3portal.server.storage import journal, replicas
from s3portal.server.storage.buckets import has_setting
from s3portal.server.storage.objects import no_such_key
from s3portal.server.storage.parts import delete_parts
from s3portal.server.storage.records import StoredObject, Versioning
from s3portal.server.storage.removal import Doomed
from s3portal.server.storage.rows import select_current
from s3portal.server.storage.storage import Storage, now_ms
from s3portal.server.storage.versioning import bucket_in
from s3portal.server.wire.errors import S3Error

# A caller repeats a request within seconds.
_REMEMBERED_CHANGES = 10_000


@dataclass(frozen=True)
class Renaming:
    """``token`` is the caller's name of this one request, None without; who repeats it gets the same
    answer."""

    bucket: str
    source: str
    target: str
    token: str | None


def rename(
    storage: Storage, asked: Renaming, check: Callable[[StoredObject, StoredObject | None], None]
) -> None:
    """Gives an object another key, in place of what has that key.

    ``check`` gets the object and what is at the new key, and raises to refuse.
    Raises NoSuchBucket, NoSuchKey, IdempotencyParameterMismatch, and InvalidRequest in a bucket that keeps
    versions, or has kept them.
    """

    def move(connection: sqlite3.Connection) -> Doomed:
        bucket_id, versioning = bucket_in(connection, asked.bucket)
        if versioning is not Versioning.NEVER:
            raise S3Error(
                "InvalidRequest",
                "RenameObject is not possible in a bucket that keeps versions. Copy the object, then delete "
                "it.",
            )
        source = select_current(connection, asked.bucket, bucket_id, asked.source)
        if asked.token is not None and _is_done(connection, bucket_id, asked):
            return ()
        if source is None:
            raise no_such_key(asked.source)
        old = select_current(connection, asked.bucket, bucket_id, asked.target)
        check(source, old)
        connection.execute(
            "DELETE FROM objects WHERE bucket_id = ? AND key = ?", (bucket_id, asked.target.encode())
        )
        doomed = [(old.body_id, delete_parts(connection, old.body_id))] if old else []
        now = now_ms()
        journal.record(
            connection, journal.DELETED, now, bucket_id, key=asked.source, version_id=source.version_id
        )
        sequence = journal.record(
            connection,
            journal.COPY,
            now,
            bucket_id,
            key=asked.target,
            version_id=source.version_id,
            size_bytes=source.size_bytes,
            etag=source.etag,
            details=_details(asked) if asked.token is not None else None,
        )
        # Replication goes by dates: under its new key it is as new as its renaming.
        is_replicated = has_setting(connection, bucket_id, replicas.KIND)
        connection.execute(
            "UPDATE objects SET key = ?, sequence = ?, modified_at = ? WHERE bucket_id = ? AND key = ?",
            (
                asked.target.encode(),
                sequence,
                now if is_replicated else source.modified_at,
                bucket_id,
                asked.source.encode(),
            ),
        )
        return doomed

    storage.removal.attend(storage.database.write(move))


def _is_done(connection: sqlite3.Connection, bucket_id: int, asked: Renaming) -> bool:
    """Whether the journal has this very request; raises IdempotencyParameterMismatch for another one with the
    same token."""
    rows = connection.execute(
        "SELECT details FROM journal WHERE sequence > (SELECT max(sequence) FROM journal) - ? "
        "AND bucket_id = ? AND event = ? AND details IS NOT NULL",
        (_REMEMBERED_CHANGES, bucket_id, journal.COPY),
    )
    done = [details for (details,) in rows if json.loads(details)["token"] == asked.token]
    if done and done[-1] != _details(asked):
        raise S3Error("IdempotencyParameterMismatch")
    return bool(done)


def _details(asked: Renaming) -> str:
    return json.dumps({"token": asked.token, "source": asked.source, "target": asked.target})
