"""What each bucket holds, as counters that change in the transaction of the change itself."""

from __future__ import annotations

from s3portal.server.storage.buckets import no_such_bucket
from s3portal.server.storage.records import Usage
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


def of_bucket(storage: Storage, name: str) -> Usage:
    """Returns what a bucket holds. Raises NoSuchBucket."""
    return _read(storage, name, _COUNTED)


def recounted(storage: Storage, name: str) -> Usage:
    """Returns the same by counting everything. Raises NoSuchBucket."""
    return _read(storage, name, _RECOUNTED)


def _read(storage: Storage, name: str, statement: str) -> Usage:
    with storage.database.read() as connection:
        row = connection.execute(statement, {"name": name}).fetchone()
    if row is None:
        raise no_such_bucket(name)
    return Usage(*row)
