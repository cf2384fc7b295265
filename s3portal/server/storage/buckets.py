"""Buckets in the database."""

# ruff: noqa: S608  (what goes into the statements is column names, all constants of this package)
from __future__ import annotations

from s3portal.server.errors import S3Error
from s3portal.server.storage.records import Bucket
from s3portal.server.storage.storage import Storage, now_ms

_COLUMNS = "name, created_at, cors"


def find(storage: Storage, name: str) -> Bucket:
    """Returns a bucket; raises NoSuchBucket."""
    with storage.database.read() as connection:
        row = connection.execute(f"SELECT {_COLUMNS} FROM buckets WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise no_such_bucket(name)
    return Bucket(*row)


def find_all(storage: Storage) -> list[Bucket]:
    """Returns all buckets, sorted by name."""
    with storage.database.read() as connection:
        rows = connection.execute(f"SELECT {_COLUMNS} FROM buckets ORDER BY name")
        return [Bucket(*row) for row in rows]


def create(storage: Storage, name: str, cors: str | None = None) -> bool:
    """Creates a bucket; returns False, and changes nothing, when it is there already."""
    with storage.database.write() as connection:
        cursor = connection.execute(
            "INSERT OR IGNORE INTO buckets (name, created_at, cors) VALUES (?, ?, ?)", (name, now_ms(), cors)
        )
        return cursor.rowcount == 1


def delete(storage: Storage, name: str) -> None:
    """Deletes an empty bucket and aborts the uploads in it.

    Raises NoSuchBucket, or BucketNotEmpty while it has objects.
    """
    doomed: list[tuple[str, list[str]]] = []
    with storage.database.write() as connection:
        if connection.execute("SELECT 1 FROM objects WHERE bucket = ? LIMIT 1", (name,)).fetchone():
            raise S3Error("BucketNotEmpty", facts={"BucketName": name})
        if connection.execute("DELETE FROM buckets WHERE name = ?", (name,)).rowcount == 0:
            raise no_such_bucket(name)
        uploads = connection.execute("DELETE FROM uploads WHERE bucket = ? RETURNING upload_id", (name,))
        for (upload_id,) in uploads.fetchall():
            blobs = connection.execute("DELETE FROM parts WHERE body_id = ? RETURNING blob", (upload_id,))
            doomed.append((upload_id, [blob for (blob,) in blobs]))
    for upload_id, blob_names in doomed:
        storage.leases.doom(upload_id, blob_names)


def set_cors(storage: Storage, name: str, cors: str | None) -> None:
    """Replaces a bucket's CORS rules (JSON; None removes them). Raises NoSuchBucket."""
    with storage.database.write() as connection:
        cursor = connection.execute("UPDATE buckets SET cors = ? WHERE name = ?", (cors, name))
        if cursor.rowcount == 0:
            raise no_such_bucket(name)


def no_such_bucket(name: str) -> S3Error:
    return S3Error("NoSuchBucket", facts={"BucketName": name})
