"""The parts of bodies in the database: where the bytes of an object or an upload are."""

# ruff: noqa: S608  (what goes into the statements is column names, all constants of this package)
from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from s3portal.server.storage.records import Part
from s3portal.server.storage.storage import Storage

_FACTS = "start, size_bytes, etag, checksum, modified_at"
_ENCRYPTION = "key_id, wrapped_key, nonce, stored_size_bytes"
#: The columns of a Part without its content.
COLUMNS = f"part_number, blob, {_FACTS}, NULL, {_ENCRYPTION}"


def parts_between(storage: Storage, body_id: str, first: int, last: int) -> list[Part]:
    """Returns the parts, in order, that hold the bytes from offset ``first`` to ``last``, both included."""
    with storage.database.read() as connection:
        rows = connection.execute(
            f"SELECT part_number, blob, {_FACTS}, content, {_ENCRYPTION} "
            "FROM parts LEFT JOIN contents USING (content_id) WHERE body_id = ? "
            "AND start <= ? AND start + size_bytes > ? ORDER BY part_number",
            (body_id, last, first),
        )
        return [Part(*row) for row in rows]


def find_part(storage: Storage, body_id: str, position: int) -> Part | None:
    """Returns the part that is at ``position`` in the object, counted from 1 without gaps."""
    with storage.database.read() as connection:
        row = connection.execute(
            f"SELECT {COLUMNS} FROM parts WHERE body_id = ? ORDER BY part_number LIMIT 1 OFFSET ?",
            (body_id, position - 1),
        ).fetchone()
    return Part(*row) if row else None


def list_parts(storage: Storage, body_id: str, after: int, limit: int) -> list[Part]:
    """Returns up to ``limit`` parts of a body with numbers over ``after``, in order."""
    with storage.database.read() as connection:
        rows = connection.execute(
            f"SELECT {COLUMNS} FROM parts WHERE body_id = ? AND part_number > ? ORDER BY part_number LIMIT ?",
            (body_id, after, limit),
        )
        return [Part(*row) for row in rows]


def kinds_of(storage: Storage, body_id: str) -> set[str | None]:
    """Returns how the parts of a body are encrypted, None for those that are stored plain."""
    with storage.database.read() as connection:
        rows = connection.execute("SELECT DISTINCT key_id FROM parts WHERE body_id = ?", (body_id,))
        return {kind for (kind,) in rows}


def has_part(connection: sqlite3.Connection, body_id: str, part: Part) -> bool:
    """Within a transaction: whether a body still has this part in this blob."""
    row = connection.execute(
        "SELECT 1 FROM parts WHERE body_id = ? AND part_number = ? AND blob = ?",
        (body_id, part.part_number, part.blob),
    ).fetchone()
    return row is not None


def insert_parts(connection: sqlite3.Connection, body_id: str, parts: Sequence[Part]) -> None:
    """Within a transaction: stores the rows of parts."""
    for part in parts:
        content_id = None
        if part.blob is None:
            content_id = _insert_content(connection, part.content or b"")
        connection.execute(
            f"INSERT INTO parts (body_id, part_number, blob, content_id, {_FACTS}, {_ENCRYPTION}) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                body_id,
                part.part_number,
                part.blob,
                content_id,
                part.start,
                part.size_bytes,
                part.etag,
                part.checksum,
                part.modified_at,
                part.key_id,
                part.wrapped_key,
                part.nonce,
                part.stored_size_bytes,
            ),
        )


def _insert_content(connection: sqlite3.Connection, content: bytes) -> int | None:
    return connection.execute("INSERT INTO contents (content) VALUES (?)", (content,)).lastrowid


def copy_parts(connection: sqlite3.Connection, body_id: str, new_body_id: str) -> int:
    """Within a transaction: gives another body the same parts. Blobs are shared; contents, which are small,
    are copied. Returns how many parts they are."""
    columns = f"part_number, blob, {_FACTS}, {_ENCRYPTION}"
    shared = connection.execute(
        f"INSERT INTO parts (body_id, {columns}) "
        f"SELECT ?2, {columns} FROM parts WHERE body_id = ?1 AND content_id IS NULL",
        (body_id, new_body_id),
    ).rowcount
    rows = connection.execute(
        f"SELECT part_number, blob, {_FACTS}, content, {_ENCRYPTION} "
        "FROM parts JOIN contents USING (content_id) WHERE body_id = ?",
        (body_id,),
    )
    parts = [Part(*row) for row in rows]
    insert_parts(connection, new_body_id, parts)
    return shared + len(parts)


def delete_parts(connection: sqlite3.Connection, body_id: str, part_number: int | None = None) -> list[str]:
    """Within a transaction: forgets the parts of a body, or one; returns the blobs that are doomed now."""
    rows = connection.execute(
        "DELETE FROM parts WHERE body_id = ?1 AND (?2 IS NULL OR part_number = ?2) RETURNING blob",
        (body_id, part_number),
    )
    return [blob for (blob,) in rows.fetchall() if blob is not None]
