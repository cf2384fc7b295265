"""Buckets in the database, and their settings: a document for each kind of setting."""

# ruff: noqa: S608  (what goes into the statement is the names of two tables)

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from s3portal.server.storage import journal
from s3portal.server.storage.known_buckets import Changing
from s3portal.server.storage.parts import delete_parts
from s3portal.server.storage.records import FIRST_ACCOUNT, Bucket
from s3portal.server.storage.storage import Storage, now_ms
from s3portal.server.wire.errors import S3Error

CORS, VERSIONING = "cors", "versioning"
_HAS_VERSIONS = "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
_SELECT = (
    "SELECT b.bucket_id, b.name, b.owner, b.created_at, s.kind, s.document "
    "FROM buckets AS b LEFT JOIN bucket_settings AS s USING (bucket_id)"
)


def find(storage: Storage, name: str) -> Bucket:
    """Returns a bucket; raises NoSuchBucket."""

    def read() -> Bucket:
        with storage.database.read() as connection:
            found = _buckets_of_rows(connection.execute(f"{_SELECT} WHERE b.name = ?", (name,)))
        if not found:
            raise no_such_bucket(name)
        return found[0]

    return storage.known_buckets.find(name, read)


def find_all(storage: Storage) -> list[Bucket]:
    """Returns all buckets, sorted by name."""
    with storage.database.read() as connection:
        return _buckets_of_rows(connection.execute(f"{_SELECT} ORDER BY b.name"))


def _buckets_of_rows(rows: sqlite3.Cursor) -> list[Bucket]:
    """Returns the buckets of rows: one for each setting, those of a bucket one after the other."""
    found: list[Bucket] = []
    settings: dict[str, str] = {}
    for bucket_id, name, owner, created_at, kind, document in rows:
        if not found or found[-1].bucket_id != bucket_id:
            settings = {}
            found.append(Bucket(bucket_id, name, owner, created_at, settings))
        if kind is not None:
            settings[kind] = document
    return found


def create(
    storage: Storage,
    name: str,
    cors: str | None = None,
    owner: str = FIRST_ACCOUNT,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> bool:
    """Creates a bucket with ``settings``, documents by their kind, and CORS rules.

    Returns False, and changes nothing, when it is there already.
    """

    def insert(connection: sqlite3.Connection, change: Changing) -> bool:
        now = now_ms()
        cursor = connection.execute(
            "INSERT INTO buckets (name, owner, created_at) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING",
            (name, owner, now),
        )
        if cursor.rowcount == 0:
            return False
        bucket_id = cursor.lastrowid or 0
        documents = settings if cors is None else {**settings, CORS: cors}
        for kind, document in documents.items():
            put_setting_in(connection, change, bucket_id, kind, document)
        journal.record(connection, journal.BUCKET_CREATED, now, bucket_id)
        return True

    with storage.known_buckets.changing() as change:
        return storage.database.write(partial(insert, change=change))


def delete(storage: Storage, name: str) -> None:
    """Deletes an empty bucket and aborts the uploads in it.

    Raises NoSuchBucket, or BucketNotEmpty while it has objects or versions.
    """

    def remove(connection: sqlite3.Connection) -> list[tuple[str, list[str]]]:
        bucket_id = id_of(connection, name)
        for table, message in (("versions", _HAS_VERSIONS), ("objects", None)):
            query = f"SELECT 1 FROM {table} WHERE bucket_id = ? LIMIT 1"
            if connection.execute(query, (bucket_id,)).fetchone():
                raise S3Error("BucketNotEmpty", message, facts={"BucketName": name})
        uploads = connection.execute(
            "DELETE FROM uploads WHERE bucket_id = ? RETURNING upload_id", (bucket_id,)
        )
        doomed = [(upload_id, delete_parts(connection, upload_id)) for (upload_id,) in uploads.fetchall()]
        connection.execute("DELETE FROM buckets WHERE bucket_id = ?", (bucket_id,))
        journal.record(connection, journal.BUCKET_DELETED, now_ms(), bucket_id)
        return doomed

    with storage.known_buckets.changing():
        doomed = storage.database.write(remove, frees_space=True)
    storage.removal.attend(doomed)


def set_cors(storage: Storage, name: str, cors: str | None) -> None:
    """Replaces a bucket's CORS rules (JSON; None removes them). Raises NoSuchBucket."""
    put_setting(storage, name, CORS, cors)


def put_setting(storage: Storage, name: str, kind: str, document: str | None) -> None:
    """Replaces one of a bucket's settings; None removes it. Raises NoSuchBucket."""

    def put(connection: sqlite3.Connection, change: Changing) -> None:
        bucket_id = id_of(connection, name)
        put_setting_in(connection, change, bucket_id, kind, document)
        journal.record(connection, journal.BUCKET_CHANGED, now_ms(), bucket_id, details=kind)

    with storage.known_buckets.changing() as change:
        storage.database.write(partial(put, change=change))


def put_setting_in(
    connection: sqlite3.Connection, _change: Changing, bucket_id: int, kind: str, document: str | None
) -> None:
    """Within a transaction: replaces one of a bucket's settings; None removes it."""
    if document is None:
        connection.execute("DELETE FROM bucket_settings WHERE bucket_id = ? AND kind = ?", (bucket_id, kind))
        return
    connection.execute(
        "INSERT INTO bucket_settings (bucket_id, kind, document) VALUES (?, ?, ?) "
        "ON CONFLICT DO UPDATE SET document = excluded.document",
        (bucket_id, kind, document),
    )


def has_setting(connection: sqlite3.Connection, bucket_id: int, kind: str) -> bool:
    """Within a transaction: whether a bucket has a setting of this kind."""
    query = "SELECT 1 FROM bucket_settings WHERE bucket_id = ? AND kind = ?"
    return connection.execute(query, (bucket_id, kind)).fetchone() is not None


def id_of(connection: sqlite3.Connection, name: str) -> int:
    """Returns a bucket's number; raises NoSuchBucket."""
    row = connection.execute("SELECT bucket_id FROM buckets WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise no_such_bucket(name)
    bucket_id: int = row[0]
    return bucket_id


def no_such_bucket(name: str) -> S3Error:
    return S3Error("NoSuchBucket", facts={"BucketName": name})
