"""Buckets in the database."""

# ruff: noqa: S608  (what goes into the statements is column names, all constants of this package)
from __future__ import annotations

import sqlite3

from s3portal.server.storage.records import Bucket
from s3portal.server.storage.storage import Storage, now_ms
from s3portal.server.wire.errors import S3Error

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

    def insert(connection: sqlite3.Connection) -> bool:
        cursor = connection.execute(
            "INSERT OR IGNORE INTO buckets (name, created_at, cors) VALUES (?, ?, ?)", (name, now_ms(), cors)
        )
        return cursor.rowcount == 1

    return storage.database.write(insert)


def delete(storage: Storage, name: str) -> None:
    """Deletes an empty bucket and aborts the uploads in it.

    Raises NoSuchBucket, or BucketNotEmpty while it has objects.
    """

    def remove(connection: sqlite3.Connection) -> list[tuple[str, list[str | None]]]:
        if connection.execute("SELECT 1 FROM objects WHERE bucket = ? LIMIT 1", (name,)).fetchone():
            raise S3Error("BucketNotEmpty", facts={"BucketName": name})
        if connection.execute("DELETE FROM buckets WHERE name = ?", (name,)).rowcount == 0:
            raise no_such_bucket(name)
        uploads = connection.execute("DELETE FROM uploads WHERE bucket = ? RETURNING upload_id", (name,))
        return [(upload_id, delete_parts(connection, upload_id)) for (upload_id,) in uploads.fetchall()]

    for upload_id, blobs in storage.database.write(remove, frees_space=True):
        storage.leases.doom(upload_id, blobs)


def delete_parts(connection: sqlite3.Connection, body_id: str) -> list[str | None]:
    """Within a transaction: forgets the parts of a body and returns their blobs."""
    rows = connection.execute("DELETE FROM parts WHERE body_id = ? RETURNING blob", (body_id,))
    return [blob for (blob,) in rows.fetchall()]


def set_cors(storage: Storage, name: str, cors: str | None) -> None:
    """Replaces a bucket's CORS rules (JSON; None removes them). Raises NoSuchBucket."""

    def update(connection: sqlite3.Connection) -> None:
        cursor = connection.execute("UPDATE buckets SET cors = ? WHERE name = ?", (cors, name))
        if cursor.rowcount == 0:
            raise no_such_bucket(name)

    storage.database.write(update)


def no_such_bucket(name: str) -> S3Error:
    return S3Error("NoSuchBucket", facts={"BucketName": name})
