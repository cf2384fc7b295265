"""Connections: where replication sends to, and with which keys. Secrets are sealed; nothing shows them."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from s3portal.server.storage.storage import Storage

#: The origin of a connection that is removed, and still has uploads to abort at its target.
REMOVED = "removed"
_COLUMNS = "name, endpoint, region, access_key_id, secret, account, origin, saved_at"


@dataclass(frozen=True)
class Connection:
    """A connection as it is stored. ``sealed_secret`` is the secret access key, sealed by the master
    key (``replication.connections.SECRETS``). ``account`` is the one that PutBucketReplication names it by,
    None without; ``origin`` says who made it, as of rules; ``saved_at`` is in ms since 1970."""

    name: str
    endpoint: str
    region: str
    access_key_id: str
    sealed_secret: bytes
    account: str | None = None
    origin: str = ""
    saved_at: int = 0

    def __repr__(self) -> str:
        return f"Connection({self.name!r}, {self.endpoint!r}, {self.access_key_id!r})"


def find_all(storage: Storage) -> list[Connection]:
    """Returns all connections, sorted by name."""
    return [found for found in with_removed(storage) if found.origin != REMOVED]


def with_removed(storage: Storage) -> list[Connection]:
    """Returns all connections, also those that are only kept until nothing is left at their targets."""
    with storage.database.read() as connection:
        rows = connection.execute(f"SELECT {_COLUMNS} FROM replication_connections ORDER BY name")  # noqa: S608
        return [Connection(*row) for row in rows]


def find(storage: Storage, name: str) -> Connection | None:
    return next((found for found in find_all(storage) if found.name == name), None)


def put(storage: Storage, new: Connection) -> None:
    """Stores a connection, in place of the one with its name."""

    def change(connection: sqlite3.Connection) -> None:
        connection.execute(
            f"INSERT OR REPLACE INTO replication_connections ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (
                new.name,
                new.endpoint,
                new.region,
                new.access_key_id,
                new.sealed_secret,
                new.account,
                new.origin,
                new.saved_at,
            ),
        )

    storage.database.write(change)


def delete(storage: Storage, name: str) -> bool:
    """Removes a connection; returns whether there was one. It is kept, unseen, while uploads are to be
    aborted at its target."""

    def change(connection: sqlite3.Connection) -> bool:
        was_there = connection.execute(
            "UPDATE replication_connections SET origin = ? WHERE name = ? AND origin != ?",
            (REMOVED, name, REMOVED),
        ).rowcount
        _forget_removed(connection)
        return was_there > 0

    return storage.database.write(change, frees_space=True)


def forget_removed(storage: Storage) -> None:
    """Forgets the connections that are removed and have nothing left to abort."""
    storage.database.write(_forget_removed, frees_space=True)


def _forget_removed(connection: sqlite3.Connection) -> None:
    connection.execute(
        "DELETE FROM replication_connections WHERE origin = ? "
        "AND name NOT IN (SELECT connection FROM replication_ended_uploads)",
        (REMOVED,),
    )
