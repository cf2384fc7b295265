"""Keys, materials and aliases in the database. All functions work within the caller's transaction."""

# ruff: noqa: S608  (what goes into the statements is column names, all constants of this file)
from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from s3portal.server.kms.key_records import Alias, Key, Rotation
from s3portal.server.kms.sealed_columns import SealedColumn

MATERIALS = SealedColumn("kms_materials", "material", "kms/{key_id}/{number}")
_KEY = (
    "key_id, account_id, manager, created_at, is_enabled, deletion_at, description, policy, tags, "
    "rotation_days, rotates_at"
)
_ALIAS = "account_id, name, key_id, created_at, updated_at"


def insert(rows: sqlite3.Connection, key: Key) -> None:
    rows.execute(f"INSERT INTO kms_keys ({_KEY}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", _values(key))


def update(rows: sqlite3.Connection, key: Key) -> None:
    """Stores all that can change of a key."""
    rows.execute(
        "UPDATE kms_keys SET is_enabled = ?, deletion_at = ?, description = ?, policy = ?, tags = ?, "
        "rotation_days = ?, rotates_at = ? WHERE key_id = ?",
        (*_values(key)[4:], key.key_id),
    )


def _values(key: Key) -> tuple[object, ...]:
    return (
        key.key_id,
        key.account_id,
        key.manager,
        key.created_at,
        key.is_enabled,
        key.deletion_at,
        key.description,
        key.policy,
        json.dumps(dict(key.tags), separators=(",", ":")),
        key.rotation_days,
        key.rotates_at,
    )


def find(rows: sqlite3.Connection, key_id: str, region: str) -> Key | None:
    row = rows.execute(f"SELECT {_KEY} FROM kms_keys WHERE key_id = ?", (key_id,)).fetchone()
    return _key(row, region) if row else None


def of_account(rows: sqlite3.Connection, account_id: str, after: str, limit: int, region: str) -> list[Key]:
    """Returns up to ``limit`` keys of an account with ids over ``after``, in order."""
    found = rows.execute(
        f"SELECT {_KEY} FROM kms_keys WHERE account_id = ? AND key_id > ? ORDER BY key_id LIMIT ?",
        (account_id, after, limit),
    )
    return [_key(row, region) for row in found]


def _key(row: Sequence[Any], region: str) -> Key:
    key_id, account_id, manager, created_at, enabled, deletion_at, description, policy, tags, *rotation = row
    days, rotates_at = rotation
    return Key(
        key_id=key_id,
        account_id=account_id,
        manager=manager,
        created_at=created_at,
        is_enabled=bool(enabled),
        deletion_at=deletion_at,
        description=description,
        policy=policy,
        tags=json.loads(tags),
        rotation_days=days,
        rotates_at=rotates_at,
        region=region,
    )


def delete_expired(rows: sqlite3.Connection, now: int) -> int:
    """Deletes the keys whose waiting period has ended, with their material: nothing that was encrypted with
    them can be opened any more. Returns how many they were."""
    expired = [
        key_id
        for (key_id,) in rows.execute("SELECT key_id FROM kms_keys WHERE deletion_at <= ?", (now,)).fetchall()
    ]
    for key_id in expired:
        for table in ("kms_materials", "kms_aliases", "kms_keys"):
            rows.execute(f"DELETE FROM {table} WHERE key_id = ?", (key_id,))
    return len(expired)


def has_expired(rows: sqlite3.Connection, now: int) -> bool:
    row = rows.execute("SELECT 1 FROM kms_keys WHERE deletion_at <= ? LIMIT 1", (now,)).fetchone()
    return row is not None


def add_material(
    rows: sqlite3.Connection, key_id: str, number: int, sealed: bytes, created_at: int, kind: str
) -> None:
    rows.execute(
        "INSERT INTO kms_materials (key_id, number, material, created_at, kind) VALUES (?, ?, ?, ?, ?)",
        (key_id, number, sealed, created_at, kind),
    )


def material(rows: sqlite3.Connection, key_id: str, number: int | None = None) -> tuple[int, bytes] | None:
    """Returns the number and the sealed bytes of a key's material; the newest without a number."""
    row = rows.execute(
        "SELECT number, material FROM kms_materials WHERE key_id = ?1 AND (?2 IS NULL OR number = ?2) "
        "ORDER BY number DESC LIMIT 1",
        (key_id, number),
    ).fetchone()
    return (row[0], bytes(row[1])) if row else None


def rotations(rows: sqlite3.Connection, key_id: str) -> list[Rotation]:
    """Returns the rotations of a key, the first one first."""
    found = rows.execute(
        "SELECT number, created_at, kind FROM kms_materials WHERE key_id = ? AND number > 1 ORDER BY number",
        (key_id,),
    )
    return [Rotation(*row) for row in found]


def find_alias(rows: sqlite3.Connection, account_id: str, name: str) -> Alias | None:
    row = rows.execute(
        f"SELECT {_ALIAS} FROM kms_aliases WHERE account_id = ? AND name = ?", (account_id, name)
    ).fetchone()
    return Alias(*row) if row else None


def aliases(rows: sqlite3.Connection, account_id: str, key_id: str | None = None) -> Iterator[Alias]:
    """Yields the aliases of an account, or those of one key, by name."""
    found = rows.execute(
        f"SELECT {_ALIAS} FROM kms_aliases WHERE account_id = ?1 AND (?2 IS NULL OR key_id = ?2) "
        "ORDER BY name",
        (account_id, key_id),
    )
    return (Alias(*row) for row in found)


def put_alias(rows: sqlite3.Connection, alias: Alias) -> None:
    rows.execute(
        f"INSERT INTO kms_aliases ({_ALIAS}) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET key_id = excluded.key_id, updated_at = excluded.updated_at",
        (alias.account_id, alias.name, alias.key_id, alias.created_at, alias.updated_at),
    )


def delete_alias(rows: sqlite3.Connection, account_id: str, name: str) -> None:
    rows.execute("DELETE FROM kms_aliases WHERE account_id = ? AND name = ?", (account_id, name))
