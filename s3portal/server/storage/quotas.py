"""Quotas: how many bytes and objects a bucket may hold, and how many a user may have stored in all buckets.

They are decided in the transaction that makes an object or a part, from the counters that its triggers have
just changed: exact for any number of writers and processes. What does not grow a counter is never refused,
also where a quota was lowered below what is there: deletions, and replacing an object by one no larger.

Versions that are no longer current count as objects do. Parts of unfinished uploads do not, since they may
never become an object; they have an allowance of their own, as large as the quota. So nobody's abandoned
upload keeps another from storing, an object in a full bucket can be replaced in parts, and no more than twice
the quota is ever on the disk.
"""

# ruff: noqa: S608  (what goes into the statements is the names of two tables and their columns)

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from s3portal.server.storage import journal
from s3portal.server.storage.buckets import id_of
from s3portal.server.storage.records import NULL_VERSION, Quota, Upload
from s3portal.server.storage.storage import Storage, now_ms
from s3portal.server.wire.errors import S3Error

NO_QUOTA = Quota()
_LIMITS = """
SELECT 0, max_bytes, max_objects FROM bucket_quotas WHERE bucket_id = ?1 UNION ALL
SELECT 1, max_bytes, max_objects FROM user_quotas WHERE writer = ?2
"""
_OF_BUCKET = """
SELECT objects + versions, object_bytes + version_bytes, upload_bytes FROM usage WHERE bucket_id = ?
"""
_OF_USER = "SELECT objects, bytes, upload_bytes FROM user_usage WHERE writer = ?"


@dataclass(frozen=True)
class _Used:
    objects: int = 0
    size_bytes: int = 0
    upload_bytes: int = 0


@dataclass(frozen=True)
class _Limit:
    """A quota that a change has to keep, and what was used before it."""

    whose: str
    bucket: str
    quota: Quota
    read: Callable[[], _Used]
    before: _Used

    def refuse_growth(self, after: _Used) -> None:
        """Raises QuotaExceeded where a counter has grown beyond the quota."""
        before, quota = self.before, self.quota
        if _grows_beyond(quota.max_bytes, before.size_bytes, after.size_bytes):
            raise self._exceeded("storage")
        if _grows_beyond(quota.max_objects, before.objects, after.objects):
            raise self._exceeded("object")
        # What can never be completed.
        if _grows_beyond(quota.max_bytes, before.upload_bytes, after.upload_bytes):
            raise self._exceeded("storage")

    def _exceeded(self, kind: str) -> S3Error:
        message = f"{self.whose} quota exceeded: {kind} limit reached"
        return S3Error("QuotaExceeded", message, facts={"BucketName": self.bucket})


class Limits:
    """The quotas that a change in a bucket by a writer has to keep; usually none."""

    def __init__(self, limits: Sequence[_Limit]) -> None:
        self._limits = limits

    def check(self) -> None:
        """After the change, in its transaction: raises QuotaExceeded, which undoes it."""
        for limit in self._limits:
            limit.refuse_growth(limit.read())

    def foresee(self, *, objects: int = 0, size_bytes: int = 0, upload_bytes: int = 0) -> None:
        """Before a change that adds so much: raises QuotaExceeded where it could not be made now."""
        for limit in self._limits:
            used = limit.before
            limit.refuse_growth(
                _Used(used.objects + objects, used.size_bytes + size_bytes, used.upload_bytes + upload_bytes)
            )


def _grows_beyond(limit: int | None, before: int, after: int) -> bool:
    return limit is not None and after > limit and after > before


def limits_on(connection: sqlite3.Connection, bucket: str, bucket_id: int, writer: str | None) -> Limits:
    """Returns the quotas that count for a writer in a bucket, with what is used by now."""
    rows = connection.execute(_LIMITS, (bucket_id, writer)).fetchall()
    if not rows:
        return _UNLIMITED
    limits = []
    for is_user, max_bytes, max_objects in rows:
        statement, subject = (_OF_USER, writer) if is_user else (_OF_BUCKET, bucket_id)

        def read(statement: str = statement, subject: object = subject) -> _Used:
            row = connection.execute(statement, (subject,)).fetchone()
            return _Used(*row) if row else _Used()

        quota = Quota(max_bytes, max_objects)
        limits.append(_Limit("User" if is_user else "Bucket", bucket, quota, read, read()))
    return Limits(limits)


_UNLIMITED = Limits(())


def of_bucket(storage: Storage, name: str) -> Quota:
    """Returns a bucket's quota. Raises NoSuchBucket."""
    with storage.database.read() as connection:
        return of_bucket_in(connection, name)


def of_bucket_in(connection: sqlite3.Connection, name: str) -> Quota:
    """Returns a bucket's quota, on a connection. Raises NoSuchBucket."""
    bucket_id = id_of(connection, name)
    row = connection.execute(
        "SELECT max_bytes, max_objects FROM bucket_quotas WHERE bucket_id = ?", (bucket_id,)
    ).fetchone()
    return Quota(*row) if row else NO_QUOTA


def of_user(storage: Storage, writer: str) -> Quota:
    """Returns the quota of a user or a role, by its ARN."""
    with storage.database.read() as connection:
        return of_user_in(connection, writer)


def of_user_in(connection: sqlite3.Connection, writer: str) -> Quota:
    """Returns the quota of a user or a role, on a connection."""
    row = connection.execute(
        "SELECT max_bytes, max_objects FROM user_quotas WHERE writer = ?", (writer,)
    ).fetchone()
    return Quota(*row) if row else NO_QUOTA


def of_buckets_in(connection: sqlite3.Connection) -> dict[str, Quota]:
    """Returns the quotas of buckets, by their names, on a connection."""
    rows = connection.execute(
        "SELECT name, max_bytes, max_objects FROM bucket_quotas JOIN buckets USING (bucket_id)"
    )
    return {name: Quota(*limits) for name, *limits in rows}


def of_users_in(connection: sqlite3.Connection) -> dict[str, Quota]:
    """Returns the quotas of users and roles, by their ARNs, on a connection."""
    rows = connection.execute("SELECT writer, max_bytes, max_objects FROM user_quotas")
    return {writer: Quota(*limits) for writer, *limits in rows}


def put_of_bucket(storage: Storage, name: str, quota: Quota) -> None:
    """Gives a bucket a quota; one without limits removes it. Raises NoSuchBucket."""
    storage.database.write(lambda connection: put_of_bucket_in(connection, name, quota), frees_space=True)


def put_of_user(storage: Storage, writer: str, quota: Quota) -> None:
    """Gives a user or a role a quota; one without limits removes it."""
    storage.database.write(lambda connection: put_of_user_in(connection, writer, quota), frees_space=True)


def put_of_bucket_in(connection: sqlite3.Connection, name: str, quota: Quota) -> None:
    """Within a transaction: gives a bucket a quota. Raises NoSuchBucket."""
    bucket_id = id_of(connection, name)
    _put(connection, "bucket_quotas", "bucket_id", bucket_id, quota)
    journal.record(connection, journal.BUCKET_CHANGED, now_ms(), bucket_id, details="quota")


def put_of_user_in(connection: sqlite3.Connection, writer: str, quota: Quota) -> None:
    """Within a transaction: gives a user or a role a quota."""
    _put(connection, "user_quotas", "writer", writer, quota)


def rename_writer(connection: sqlite3.Connection, old: str, new: str) -> None:
    """Within a transaction: what a user has stored, and its quota, stay with it under another ARN."""
    used = connection.execute(_OF_USER, (old,)).fetchone()
    if used is not None:
        for table in ("objects", "versions", "uploads"):
            # The counters follow for objects alone: what is left behind is of the others.
            connection.execute(f"UPDATE {table} SET writer = ? WHERE writer = ?", (new, old))
        left = connection.execute(_OF_USER, (old,)).fetchone()
        connection.execute(
            "INSERT INTO user_usage (writer, objects, bytes, upload_bytes) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (writer) DO UPDATE SET objects = objects + excluded.objects, "
            "bytes = bytes + excluded.bytes, upload_bytes = upload_bytes + excluded.upload_bytes",
            (new, *left),
        )
        connection.execute("DELETE FROM user_usage WHERE writer = ?", (old,))
    connection.execute("UPDATE OR REPLACE user_quotas SET writer = ? WHERE writer = ?", (new, old))


def _put(connection: sqlite3.Connection, table: str, column: str, subject: object, quota: Quota) -> None:
    if quota == NO_QUOTA:
        connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (subject,))
        return
    connection.execute(
        f"INSERT OR REPLACE INTO {table} ({column}, max_bytes, max_objects) VALUES (?, ?, ?)",
        (subject, quota.max_bytes, quota.max_objects),
    )


def foresee(storage: Storage, bucket: str, key: str, writer: str | None, size_bytes: int) -> None:
    """Raises QuotaExceeded where an object of this size could not be stored now. Before its bytes are taken:
    whether it fits when they are there is decided then.

    Raises NoSuchBucket.
    """
    with storage.database.snapshot() as connection:
        bucket_id = id_of(connection, bucket)
        limits = limits_on(connection, bucket, bucket_id, writer)
        if limits is _UNLIMITED:
            return
        # What may go for it: without versions the object itself, where they are suspended the null version.
        replaced = connection.execute(
            "SELECT size_bytes FROM objects WHERE bucket_id = ?1 AND key = ?2 AND version_id = ?3 "
            "UNION ALL SELECT size_bytes FROM versions WHERE bucket_id = ?1 AND key = ?2 "
            "AND version_id = ?3 AND NOT is_delete_marker",
            (bucket_id, key.encode(), NULL_VERSION),
        ).fetchone()
    limits.foresee(objects=0 if replaced else 1, size_bytes=size_bytes - (replaced[0] if replaced else 0))


def foresee_part(storage: Storage, upload: Upload, part_number: int, size_bytes: int) -> None:
    """Raises QuotaExceeded where a part of this size could not be stored now; NoSuchBucket."""
    with storage.database.snapshot() as connection:
        bucket_id = id_of(connection, upload.bucket)
        limits = limits_on(connection, upload.bucket, bucket_id, upload.writer)
        if limits is _UNLIMITED:
            return
        replaced = connection.execute(
            "SELECT size_bytes FROM parts WHERE body_id = ? AND part_number = ?",
            (upload.upload_id, part_number),
        ).fetchone()
    limits.foresee(upload_bytes=size_bytes - (replaced[0] if replaced else 0))
