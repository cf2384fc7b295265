"""What each bucket holds, as counters that change in the transaction of the change itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from s3portal.server.storage.buckets import no_such_bucket
from s3portal.server.storage.records import Usage, UserUsage
from s3portal.server.storage.storage import Storage

_COUNTED = """
SELECT objects, object_bytes, versions, version_bytes, uploads, upload_bytes
FROM usage JOIN buckets USING (bucket_id) WHERE name = :name
"""
_RECOUNTED = """
WITH b AS (SELECT bucket_id FROM buckets WHERE name = :name),
o AS (SELECT count(*) AS n, coalesce(sum(size_bytes), 0) AS bytes FROM objects, b USING (bucket_id)),
v AS (
    SELECT count(*) AS n, coalesce(sum(size_bytes), 0) AS bytes FROM versions, b USING (bucket_id)
    WHERE NOT is_delete_marker
),
u AS (SELECT count(*) AS n FROM uploads, b USING (bucket_id)),
p AS (
    SELECT coalesce(sum(size_bytes), 0) AS bytes
    FROM uploads JOIN b USING (bucket_id) JOIN parts ON body_id = upload_id
)
SELECT o.n, o.bytes, v.n, v.bytes, u.n, p.bytes FROM b, o, v, u, p
"""
_COUNTED_OF_USER = "SELECT objects, bytes, upload_bytes FROM user_usage WHERE writer = :writer"
# What each user and role has stored, by counting everything.
_RECOUNTED_USERS = """
SELECT writer, sum(n), sum(size_bytes), sum(upload_bytes) FROM (
    SELECT writer, 1 AS n, size_bytes, 0 AS upload_bytes FROM objects UNION ALL
    SELECT writer, 1, size_bytes, 0 FROM versions WHERE NOT is_delete_marker UNION ALL
    SELECT writer, 0, 0, size_bytes FROM uploads JOIN parts ON body_id = upload_id
) WHERE writer IS NOT NULL GROUP BY writer
"""


#: What somebody has stored who has stored nothing.
NOTHING = UserUsage()


def of_bucket(storage: Storage, name: str) -> Usage:
    """Returns what a bucket holds. Raises NoSuchBucket."""
    return _read(storage, name, _COUNTED)


def recounted(storage: Storage, name: str) -> Usage:
    """Returns the same by counting everything. Raises NoSuchBucket."""
    return _read(storage, name, _RECOUNTED)


def of_user(storage: Storage, writer: str) -> UserUsage:
    """Returns what a user or a role, by its ARN, has stored."""
    with storage.database.read() as connection:
        row = connection.execute(_COUNTED_OF_USER, {"writer": writer}).fetchone()
    return UserUsage(*row) if row else NOTHING


def buckets_in(connection: sqlite3.Connection) -> dict[str, Usage]:
    """Returns what the buckets hold, by their names, on a connection."""
    rows = connection.execute(
        "SELECT name, objects, object_bytes, versions, version_bytes, uploads, upload_bytes "
        "FROM usage JOIN buckets USING (bucket_id) ORDER BY name"
    )
    return {name: Usage(*counted) for name, *counted in rows}


def users_in(connection: sqlite3.Connection) -> dict[str, UserUsage]:
    """Returns what users and roles have stored, by their ARNs, on a connection."""
    return _by_writer(connection.execute("SELECT writer, objects, bytes, upload_bytes FROM user_usage"))


def recounted_users_in(connection: sqlite3.Connection) -> dict[str, UserUsage]:
    """Returns the same by counting everything, without those who have nothing."""
    return _by_writer(connection.execute(_RECOUNTED_USERS))


def count_users_again(connection: sqlite3.Connection) -> None:
    """Within a transaction: makes the counters of users what counting gives."""
    connection.execute("DELETE FROM user_usage")
    connection.execute(f"INSERT INTO user_usage (writer, objects, bytes, upload_bytes) {_RECOUNTED_USERS}")


def _by_writer(rows: Iterable[Sequence[Any]]) -> dict[str, UserUsage]:
    return {writer: UserUsage(*counted) for writer, *counted in rows}


def _read(storage: Storage, name: str, statement: str) -> Usage:
    with storage.database.read() as connection:
        row = connection.execute(statement, {"name": name}).fetchone()
    if row is None:
        raise no_such_bucket(name)
    return Usage(*row)
