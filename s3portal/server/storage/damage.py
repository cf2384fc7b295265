"""The damage that the integrity scan found and that is still there."""

# ruff: noqa: S608  (what goes into the statements is constants of this file)
from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from s3portal.server.storage.clock import now_ms
from s3portal.server.storage.storage import Storage

# An upload that was damaged and then completed is an object with the same body.
_STILL_THERE = (
    "EXISTS (SELECT 1 FROM objects AS o WHERE o.bucket_id = d.bucket_id AND o.key = d.key "
    "AND o.body_id = d.body_id) "
    "OR EXISTS (SELECT 1 FROM versions AS v WHERE v.bucket_id = d.bucket_id AND v.key = d.key "
    "AND v.body_id = d.body_id) "
    "OR EXISTS (SELECT 1 FROM uploads AS u WHERE u.upload_id = d.body_id)"
)


@dataclass(frozen=True)
class Damage:
    """What is wrong with a body; ``found_at`` in ms since 1970."""

    body_id: str
    kind: str
    bucket_id: int
    key: str
    version_id: str
    message: str
    found_at: int = 0


def replace(storage: Storage, body_id: str, found: Sequence[Damage]) -> None:
    """Notes what is wrong with a body now, in place of what was noted; nothing, where it is well."""
    now = now_ms()

    def change(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM damage WHERE body_id = ?", (body_id,))
        for one in found:
            connection.execute(
                "INSERT OR REPLACE INTO damage VALUES (?, ?, ?, ?, ?, ?, ?)",
                (body_id, one.kind, one.bucket_id, one.key.encode(), one.version_id, one.message, now),
            )

    storage.database.write(change, frees_space=not found)


def find_all(storage: Storage) -> list[Damage]:
    """Returns the damage of bodies that are still there."""
    with storage.database.read() as connection:
        rows = connection.execute(
            "SELECT body_id, kind, bucket_id, key, version_id, message, found_at FROM damage AS d "
            f"WHERE {_STILL_THERE} ORDER BY bucket_id, key, found_at"
        )
        return [
            Damage(body_id, kind, bucket_id, key.decode(), version_id, message, found_at)
            for body_id, kind, bucket_id, key, version_id, message, found_at in rows
        ]


def body_ids(storage: Storage) -> set[str]:
    """Returns the bodies that have a note, whether they are there or not."""
    with storage.database.read() as connection:
        return {body_id for (body_id,) in connection.execute("SELECT DISTINCT body_id FROM damage")}


def forget_removed(storage: Storage) -> None:
    """Forgets the damage of bodies that are no longer there."""

    def change(connection: sqlite3.Connection) -> None:
        connection.execute(f"DELETE FROM damage AS d WHERE NOT ({_STILL_THERE})")

    storage.database.write(change, frees_space=True)
