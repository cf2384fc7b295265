"""The console's own small database: sessions, uploads that pages have begun, sign-ins that have ended, and
drafts.

Its schema changes by numbered steps, each one transaction; none is ever changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STEPS = (
    """
    CREATE TABLE sessions (
        digest BLOB PRIMARY KEY,
        access_key_id TEXT NOT NULL,
        session_token TEXT,
        begun_at INTEGER NOT NULL,
        seen_at INTEGER NOT NULL,
        ends_at INTEGER NOT NULL,
        address TEXT NOT NULL,
        agent TEXT NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE uploads (
        id TEXT PRIMARY KEY,
        user TEXT NOT NULL,
        owner TEXT NOT NULL,
        state TEXT NOT NULL,
        state_before TEXT NOT NULL,
        idempotency_key TEXT,
        lease_token TEXT NOT NULL DEFAULT '',
        lease_until REAL NOT NULL DEFAULT 0,
        expires_at REAL NOT NULL,
        upload TEXT NOT NULL,
        UNIQUE (user, idempotency_key)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE used_states (
        digest BLOB PRIMARY KEY,
        ends_at INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
    "ALTER TABLE sessions ADD COLUMN person TEXT",
    """
    CREATE TABLE drafts (
        owner TEXT NOT NULL,
        name TEXT NOT NULL,
        text TEXT NOT NULL,
        kept_at INTEGER NOT NULL,
        PRIMARY KEY (owner, name)
    ) WITHOUT ROWID
    """,
)


class ConsoleDatabase:
    """The database ``path``: made where there is none, brought up to date, its owner's alone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.touch(mode=0o600)
        sqlite3.connect(path, timeout=10).execute("PRAGMA journal_mode = WAL").connection.close()
        with self.transaction() as connection:
            found: int = connection.execute("PRAGMA user_version").fetchone()[0]
            for number, step in enumerate(_STEPS[found:], found + 1):
                connection.execute(step)
                connection.execute(f"PRAGMA user_version = {number}")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction in a connection of its own: any thread may come, and few come at a time. It is the
        only one that writes."""
        connection = sqlite3.connect(self._path, timeout=10, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        finally:
            # Rolls back what was not committed.
            connection.close()
