"""The users by whom other servers replicate to this one, as an administrator named them."""

from __future__ import annotations

import sqlite3

from s3portal.server.storage.storage import Storage


def is_named(storage: Storage, account_id: str, name: str) -> bool:
    with storage.database.read() as connection:
        query = "SELECT 1 FROM replication_users WHERE account_id = ? AND name = ?"
        return connection.execute(query, (account_id, name)).fetchone() is not None


def find_all(storage: Storage) -> list[tuple[str, str]]:
    """Returns account and name of each."""
    with storage.database.read() as connection:
        rows = connection.execute("SELECT account_id, name FROM replication_users ORDER BY account_id, name")
        return [(account_id, name) for account_id, name in rows]


def add(storage: Storage, account_id: str, name: str) -> None:
    def insert(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT OR IGNORE INTO replication_users VALUES (?, ?)", (account_id, name))

    storage.database.write(insert)


def rename_in(connection: sqlite3.Connection, account_id: str, old: str, new: str) -> None:
    """Within a transaction: a user who is named keeps that under another name."""
    statement = "UPDATE OR REPLACE replication_users SET name = ? WHERE account_id = ? AND name = ?"
    connection.execute(statement, (new, account_id, old))


def remove_in(connection: sqlite3.Connection, account_id: str, name: str) -> bool:
    """Within a transaction: returns whether the user was named, who is not any more."""
    statement = "DELETE FROM replication_users WHERE account_id = ? AND name = ?"
    return connection.execute(statement, (account_id, name)).rowcount > 0


def remove(storage: Storage, account_id: str, name: str) -> bool:
    """Returns whether the user was named."""
    return storage.database.write(
        lambda connection: remove_in(connection, account_id, name), frees_space=True
    )
