"""What becomes of a key's versions, within a transaction: kept, replaced, removed, current again.

At most one version of a key is current: its row in ``objects``, or the newest one in ``versions`` where that
is a delete marker. At most one is the null version.
"""

# ruff: noqa: S608  (what goes into the statements is column names, all constants of this package)
from __future__ import annotations

import sqlite3

from s3portal.server.storage.parts import delete_parts
from s3portal.server.storage.records import NULL_VERSION, StoredObject, Version, Versioning
from s3portal.server.storage.removal import Doomed
from s3portal.server.storage.rows import COLUMNS

_KEEP = (
    f"INSERT INTO versions (bucket_id, {COLUMNS}, is_delete_marker, noncurrent_at) "
    f"SELECT bucket_id, {COLUMNS}, 0, ? FROM objects WHERE bucket_id = ? AND key = ?"
)
_RESTORE = (
    f"INSERT INTO objects (bucket_id, {COLUMNS}) SELECT bucket_id, {COLUMNS} FROM versions "
    "WHERE bucket_id = ? AND key = ? AND sequence = ?"
)
_MARK = """
INSERT INTO versions (bucket_id, key, sequence, version_id, owner, is_delete_marker, body_id, size_bytes,
    etag, modified_at, noncurrent_at, checksum_algorithm, checksum_value, checksum_type, part_count, headers)
VALUES (?, ?, ?, ?, ?, 1, NULL, 0, '', ?, NULL, '', '', '', 0, '{}')
"""
_NEWEST = (
    "SELECT sequence, is_delete_marker, modified_at FROM versions WHERE bucket_id = ? AND key = ? "
    "ORDER BY sequence DESC LIMIT 1"
)


def make_way(
    connection: sqlite3.Connection,
    bucket_id: int,
    key: str,
    old: StoredObject | None,
    versioning: Versioning,
    now: int,
) -> tuple[Doomed, int]:
    """Prepares for a new current version: the old one becomes one of the others, or goes for good, as the
    null version does where versioning is suspended.

    Returns what it dooms, and the time of the new version: ``now``, but no earlier than that of the version
    before, whose writer may have taken its time later and come earlier.

    ``old`` is the row in ``objects``, which is the caller's to replace or to delete.
    """
    place = (bucket_id, key.encode())
    keeps_null = versioning is Versioning.ENABLED
    if old is not None and old.version_id == NULL_VERSION and not keeps_null:
        return [(old.body_id, delete_parts(connection, old.body_id))], now
    if versioning is Versioning.NEVER:
        return [], now
    if old is not None:
        moment = max(now, old.modified_at)
        connection.execute(_KEEP, (moment, *place))
    else:
        moment = _age_marker(connection, place, now)
    doomed = _remove_null(connection, place) if versioning is Versioning.SUSPENDED else []
    return doomed, moment


def _age_marker(connection: sqlite3.Connection, place: tuple[int, bytes], now: int) -> int:
    newest = connection.execute(_NEWEST, place).fetchone()
    if newest is None:
        return now
    sequence, _, modified_at = newest
    moment: int = max(now, modified_at)
    connection.execute(
        "UPDATE versions SET noncurrent_at = coalesce(noncurrent_at, ?) "
        "WHERE bucket_id = ? AND key = ? AND sequence = ?",
        (moment, *place, sequence),
    )
    return moment


def _remove_null(connection: sqlite3.Connection, place: tuple[int, bytes]) -> Doomed:
    rows = connection.execute(
        "DELETE FROM versions WHERE bucket_id = ? AND key = ? AND version_id = ? RETURNING body_id",
        (*place, NULL_VERSION),
    )
    bodies = [body_id for (body_id,) in rows.fetchall() if body_id is not None]
    return [(body_id, delete_parts(connection, body_id)) for body_id in bodies]


def insert_marker(connection: sqlite3.Connection, bucket_id: int, marker: Version) -> None:
    """Makes a delete marker the current version, where way was made for it."""
    place = (bucket_id, marker.key.encode())
    connection.execute("DELETE FROM objects WHERE bucket_id = ? AND key = ?", place)
    connection.execute(_MARK, (*place, marker.sequence, marker.version_id, marker.owner, marker.modified_at))


def remove(connection: sqlite3.Connection, bucket_id: int, version: Version) -> Doomed:
    """Removes a version for good; where it was the current one, the one before it is current again."""
    place = (bucket_id, version.key.encode())
    is_object = version.is_current and not version.is_delete_marker
    table = "objects" if is_object else "versions"
    connection.execute(
        f"DELETE FROM {table} WHERE bucket_id = ? AND key = ? AND version_id = ?",
        (*place, version.version_id),
    )
    if version.is_current:
        _promote(connection, place)
    if version.found is None:
        return []
    return [(version.found.body_id, delete_parts(connection, version.found.body_id))]


def _promote(connection: sqlite3.Connection, place: tuple[int, bytes]) -> None:
    newest = connection.execute(_NEWEST, place).fetchone()
    if newest is None:
        return
    sequence, is_delete_marker, _ = newest
    row = (*place, sequence)
    where = "WHERE bucket_id = ? AND key = ? AND sequence = ?"
    if is_delete_marker:
        connection.execute(f"UPDATE versions SET noncurrent_at = NULL {where}", row)
    else:
        connection.execute(_RESTORE, row)
        connection.execute(f"DELETE FROM versions {where}", row)
