"""The last version of a document that somebody sent, saved or refused, for browsers without scripts."""

from __future__ import annotations

import time

from s3portal.console.database import ConsoleDatabase

KEPT_S = 30 * 24 * 3600
#: S3 takes no larger policy than 20 KB.
LIMIT_CHARACTERS = 64 * 1024


def keep_draft(database: ConsoleDatabase, owner: str, name: str, text: str) -> None:
    """Keeps a text of ``owner``, an ARN, instead of what was kept under this name; none that is too long."""
    if len(text) > LIMIT_CHARACTERS:
        return
    now = int(time.time())
    with database.transaction() as connection:
        connection.execute("DELETE FROM drafts WHERE kept_at <= ?", (now - KEPT_S,))
        connection.execute("INSERT OR REPLACE INTO drafts VALUES (?, ?, ?, ?)", (owner, name, text, now))


def draft_of(database: ConsoleDatabase, owner: str, name: str) -> str | None:
    with database.transaction() as connection:
        row = connection.execute(
            "SELECT text FROM drafts WHERE owner = ? AND name = ?", (owner, name)
        ).fetchone()
    return None if row is None else str(row[0])
