"""What is attached to a version of an object and may change without a new version: tags, a lock, an ACL."""

# ruff: noqa: S608  (what goes into the statements is names of tables and columns, all constants of this file)
from __future__ import annotations

import sqlite3

from s3portal.server.storage import journal
from s3portal.server.storage.buckets import id_of
from s3portal.server.storage.storage import Storage, now_ms

TAGS, LOCK, ACL = "tags", "lock", "acl"
_COLUMNS = (TAGS, LOCK, ACL)


def change(
    storage: Storage,
    bucket: str,
    key: str,
    version_id: str | None,
    column: str,
    value: str | None,
    event: str,
) -> bool:
    """Replaces what is attached to a version, the current one where ``version_id`` is None.

    Returns False, and changes nothing, where there is no such version or it is a delete marker.
    Raises NoSuchBucket.
    """
    assert column in _COLUMNS

    def update(connection: sqlite3.Connection) -> bool:
        bucket_id = id_of(connection, bucket)
        where, values = "bucket_id = ? AND key = ?", [bucket_id, key.encode()]
        if version_id is not None:
            where, values = f"{where} AND version_id = ?", [*values, version_id]
        query = f"UPDATE {{}} SET {column} = ? WHERE {where}{{}} RETURNING version_id"
        changed = connection.execute(query.format("objects", ""), (value, *values)).fetchall()
        if not changed and version_id is not None:
            query = query.format("versions", " AND NOT is_delete_marker")
            changed = connection.execute(query, (value, *values)).fetchall()
        for (name,) in changed:
            journal.record(connection, event, now_ms(), bucket_id, key=key, version_id=name)
        return bool(changed)

    return storage.database.write(update)
