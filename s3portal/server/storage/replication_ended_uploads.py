"""Multipart uploads that replication has begun at targets, and that nothing here continues any more.

They are noted by the database itself (``migrations/step_0011``) when a rule, a bucket or whatever else takes
the task of an upload with it, and are forgotten once they are aborted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from s3portal.server.storage.storage import Storage


@dataclass(frozen=True)
class EndedUpload:
    """An upload to be aborted in a ``bucket`` at the target of a ``connection``. ``ended_at`` is in ms since
    1970; ``attempts`` is how often aborting it has failed."""

    number: int
    connection: str
    bucket: str
    key: str
    upload_id: str
    ended_at: int
    attempts: int


def connections_due(storage: Storage, now: int) -> list[str]:
    """Returns the names of the connections that have an upload to abort now (ms since 1970)."""
    with storage.database.read() as connection:
        query = "SELECT DISTINCT connection FROM replication_ended_uploads WHERE due_at <= ?"
        return [name for (name,) in connection.execute(query, (now,))]


def due(storage: Storage, name: str, now: int, limit: int = 100) -> list[EndedUpload]:
    """Returns up to ``limit`` uploads to abort by a connection."""
    with storage.database.read() as connection:
        rows = connection.execute(
            "SELECT number, connection, bucket, key, upload_id, ended_at, attempts "
            "FROM replication_ended_uploads WHERE connection = ? AND due_at <= ? ORDER BY number LIMIT ?",
            (name, now, limit),
        )
        return [
            EndedUpload(number, of, bucket, key.decode(), upload_id, ended_at, attempts)
            for number, of, bucket, key, upload_id, ended_at, attempts in rows
        ]


def settle(
    storage: Storage, done: Sequence[EndedUpload], postponed: Sequence[EndedUpload], due_at: int
) -> None:
    """Forgets uploads, and tries others again at ``due_at``, in ms since 1970."""

    def change(connection: sqlite3.Connection) -> None:
        connection.executemany(
            "DELETE FROM replication_ended_uploads WHERE number = ?", [(one.number,) for one in done]
        )
        connection.executemany(
            "UPDATE replication_ended_uploads SET attempts = attempts + 1, due_at = ? WHERE number = ?",
            [(due_at, one.number) for one in postponed],
        )

    storage.database.write(change, frees_space=True)
