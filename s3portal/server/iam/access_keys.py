"""Access keys of users. All functions work within the caller's transaction.

The secret is shown once, when the key is made; it is kept sealed with the master key.
"""

# ruff: noqa: S608  (what goes into the statements is column names, all constants of this file)

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from s3portal.server.iam import identities, limits
from s3portal.server.iam.records import AccessKey, Identity
from s3portal.server.kms.sealed_columns import SealedColumn
from s3portal.server.storage.storage import now_ms
from s3portal.server.wire.errors import S3Error

SECRETS = SealedColumn("access_keys", "secret", "access-key/{access_key_id}")
_COLUMNS = "access_key_id, user_id, is_active, created_at, used_at, used_service, used_region"


def no_such_key(access_key_id: str) -> S3Error:
    return S3Error("NoSuchEntity", f"The Access Key with id {access_key_id} cannot be found.")


def add(rows: sqlite3.Connection, user: Identity, access_key_id: str, sealed_secret: bytes) -> AccessKey:
    """Raises LimitExceeded for a third key, NoSuchEntity."""
    identities.require_there(rows, user)
    limits.check("AccessKeysPerUser", len(of_user(rows, user)) + 1, limits.ACCESS_KEYS_OF_USER)
    now = now_ms()
    rows.execute(
        "INSERT INTO access_keys (access_key_id, user_id, is_active, created_at, secret)"
        " VALUES (?, ?, 1, ?, ?)",
        (access_key_id, user.identity_id, now, sealed_secret),
    )
    return AccessKey(access_key_id, user.identity_id, True, now)


def of_user(rows: sqlite3.Connection, user: Identity) -> Sequence[AccessKey]:
    found = rows.execute(
        f"SELECT {_COLUMNS} FROM access_keys WHERE user_id = ? ORDER BY created_at, access_key_id",
        (user.identity_id,),
    )
    return [_key(row) for row in found]


def find(rows: sqlite3.Connection, access_key_id: str) -> AccessKey | None:
    row = rows.execute(
        f"SELECT {_COLUMNS} FROM access_keys WHERE access_key_id = ?",
        (access_key_id,),
    ).fetchone()
    return _key(row) if row else None


def sealed_secret(rows: sqlite3.Connection, access_key_id: str) -> bytes | None:
    row = rows.execute("SELECT secret FROM access_keys WHERE access_key_id = ?", (access_key_id,)).fetchone()
    return bytes(row[0]) if row else None


def set_active(rows: sqlite3.Connection, user: Identity, access_key_id: str, *, is_active: bool) -> None:
    """Raises NoSuchEntity for a key that is not the user's."""
    changed = rows.execute(
        "UPDATE access_keys SET is_active = ? WHERE access_key_id = ? AND user_id = ?",
        (is_active, access_key_id, user.identity_id),
    )
    if changed.rowcount == 0:
        raise no_such_key(access_key_id)


def delete(rows: sqlite3.Connection, user: Identity, access_key_id: str) -> None:
    """Raises NoSuchEntity for a key that is not the user's."""
    removed = rows.execute(
        "DELETE FROM access_keys WHERE access_key_id = ? AND user_id = ?", (access_key_id, user.identity_id)
    )
    if removed.rowcount == 0:
        raise no_such_key(access_key_id)


def note_use(rows: sqlite3.Connection, access_key_id: str, used_at: int, service: str, region: str) -> None:
    rows.execute(
        "UPDATE access_keys SET used_at = ?, used_service = ?, used_region = ? WHERE access_key_id = ?",
        (used_at, service, region, access_key_id),
    )


def _key(row: tuple[str, str, int, int, int | None, str | None, str | None]) -> AccessKey:
    access_key_id, user_id, is_active, created_at, used_at, service, region = row
    return AccessKey(access_key_id, user_id, bool(is_active), created_at, used_at, service, region)
