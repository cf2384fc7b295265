"""Notifications that are still to be delivered."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from s3portal.server.storage.storage import Storage


@dataclass(frozen=True)
class Delivery:
    """A document for a target. Times are in ms since 1970; ``delivery_id`` is 0 until it is stored."""

    target: str
    body: str
    created_at: int
    delivery_id: int = 0
    attempts: int = 0


def insert(connection: sqlite3.Connection, new: Sequence[Delivery]) -> None:
    """Within a transaction: stores deliveries, due at once."""
    connection.executemany(
        "INSERT INTO deliveries (target, body, created_at, due_at) VALUES (?, ?, ?, ?)",
        [(one.target, one.body, one.created_at, one.created_at) for one in new],
    )


def due(storage: Storage, now: int, limit: int) -> list[Delivery]:
    """Returns up to ``limit`` deliveries whose time has come, the oldest first."""
    with storage.database.read() as connection:
        rows = connection.execute(
            "SELECT target, body, created_at, delivery_id, attempts FROM deliveries WHERE due_at <= ? "
            "ORDER BY delivery_id LIMIT ?",
            (now, limit),
        )
        return [Delivery(*row) for row in rows]


def waiting(storage: Storage) -> tuple[int, int | None]:
    """Returns how many deliveries there are, and when the oldest of them was made; None without any."""
    with storage.database.read() as connection:
        row = connection.execute("SELECT count(*), min(created_at) FROM deliveries").fetchone()
    return row[0], row[1]


def settle(storage: Storage, done: Sequence[int], postponed: Sequence[tuple[int, int]]) -> None:
    """Forgets deliveries, and postpones others: pairs of when they are due, and which."""

    def change(connection: sqlite3.Connection) -> None:
        connection.executemany("DELETE FROM deliveries WHERE delivery_id = ?", [(number,) for number in done])
        connection.executemany(
            "UPDATE deliveries SET attempts = attempts + 1, due_at = ? WHERE delivery_id = ?", postponed
        )

    storage.database.write(change, frees_space=True)
