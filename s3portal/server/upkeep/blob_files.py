"""The files of a folder that no row knows, and the rows that nothing knows."""

# ruff: noqa: S608  (what goes into the statements is constants of this file)

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from s3portal.server.storage import usage
from s3portal.server.storage.storage import Storage
from s3portal.server.upkeep.findings import (
    DOOMED_BLOB,
    INCOMING_FILE,
    UNKNOWN_BLOB,
    UNKNOWN_BUCKET,
    UNKNOWN_CONTENT,
    UNKNOWN_PARTS,
    WRONG_COUNTER,
    Checked,
    Finding,
)

_TO_LOST = "--apply moves it to lost+found, in the same folder."
_BODIES = (
    "SELECT body_id FROM objects UNION ALL SELECT body_id FROM versions WHERE body_id IS NOT NULL "
    "UNION ALL SELECT upload_id FROM uploads"
)
_COUNTED = "objects, object_bytes, versions, version_bytes, uploads, upload_bytes"
#: What each bucket's counters would be if they were counted now.
RECOUNTED = """
SELECT b.bucket_id, b.name,
    (SELECT count(*) FROM objects AS o WHERE o.bucket_id = b.bucket_id),
    (SELECT coalesce(sum(size_bytes), 0) FROM objects AS o WHERE o.bucket_id = b.bucket_id),
    (SELECT count(*) FROM versions AS v WHERE v.bucket_id = b.bucket_id AND NOT is_delete_marker),
    (SELECT coalesce(sum(size_bytes), 0) FROM versions AS v
        WHERE v.bucket_id = b.bucket_id AND NOT is_delete_marker),
    (SELECT count(*) FROM uploads AS u WHERE u.bucket_id = b.bucket_id),
    (SELECT coalesce(sum(p.size_bytes), 0) FROM uploads AS u JOIN parts AS p ON p.body_id = u.upload_id
        WHERE u.bucket_id = b.bucket_id)
FROM buckets AS b ORDER BY b.bucket_id
"""


def unknown_files(storage: Storage, checked: Checked, *, is_served: bool) -> Iterator[Finding]:
    """Yields the files that are left of killed writers, of failed removals and of lost rows."""
    yield from _incoming_files(storage, is_served)
    for blob in storage.blobs.names():
        checked.blobs += 1
        if storage.leases.is_held(blob):
            # Somebody is about to store its row.
            continue
        with storage.database.read() as connection:
            is_referred_to, is_doomed = _fate(connection, blob)
        if is_referred_to or (is_doomed and is_served):
            # A server removes what is doomed once nobody reads it.
            continue
        size_bytes = _size_bytes(storage.blobs.path(blob))
        if size_bytes is None:
            continue
        if is_doomed:
            message = f"{blob} was to be removed with what it belonged to"
            fix = "The next start of the server removes it, and so does --apply."
            yield Finding(DOOMED_BLOB, message, fix, name=blob, size_bytes=size_bytes)
        else:
            message = f"{blob} belongs to nothing: a killed server left it, or its row was lost"
            yield Finding(UNKNOWN_BLOB, message, _TO_LOST, name=blob, size_bytes=size_bytes)


def _incoming_files(storage: Storage, is_served: bool) -> Iterator[Finding]:
    with os.scandir(storage.root / "incoming") as entries:
        for entry in entries:
            if is_served or storage.leases.is_held(entry.name):
                continue
            size_bytes = _size_bytes(Path(entry.path))
            message = f"incoming/{entry.name} was being written when the server was killed"
            fix = "It was never stored. The next start of the server removes it, and so does --apply."
            yield Finding(INCOMING_FILE, message, fix, name=entry.name, size_bytes=size_bytes)


def _fate(connection: sqlite3.Connection, blob: str) -> tuple[bool, bool]:
    is_referred_to = connection.execute("SELECT 1 FROM parts WHERE blob = ? LIMIT 1", (blob,)).fetchone()
    is_doomed = connection.execute("SELECT 1 FROM doomed WHERE blob = ? LIMIT 1", (blob,)).fetchone()
    return is_referred_to is not None, is_doomed is not None


def _size_bytes(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def unknown_rows(storage: Storage) -> Iterator[Finding]:
    """Yields parts of nothing, contents of nothing, and the rows of buckets that do not exist."""
    with storage.database.read() as connection:
        contents = connection.execute(
            "SELECT content_id, length(content) FROM contents "
            "WHERE content_id NOT IN (SELECT content_id FROM parts WHERE content_id IS NOT NULL)"
        ).fetchall()
        # One statement, hence one state, also beside a server.
        bodies = connection.execute(
            f"SELECT body_id, count(*), sum(size_bytes) FROM parts WHERE body_id NOT IN ({_BODIES}) "
            "GROUP BY body_id"
        ).fetchall()
        numbers = connection.execute(
            "SELECT bucket_id FROM usage WHERE bucket_id NOT IN (SELECT bucket_id FROM buckets) UNION "
            "SELECT bucket_id FROM bucket_settings WHERE bucket_id NOT IN (SELECT bucket_id FROM buckets)"
        ).fetchall()
    for content_id, size_bytes in contents:
        message = f"content {content_id} in the database belongs to nothing"
        yield Finding(UNKNOWN_CONTENT, message, _TO_LOST, name=f"{content_id}", size_bytes=size_bytes)
    for body_id, count, size_bytes in bodies:
        message = f"{count} parts of {body_id} belong to no object, version or upload"
        fix = "--apply moves their bytes to lost+found, in the same folder, and forgets them."
        yield Finding(UNKNOWN_PARTS, message, fix, name=body_id, size_bytes=size_bytes)
    for (bucket_id,) in numbers:
        message = f"there are settings or counters of bucket number {bucket_id}, which does not exist"
        yield Finding(UNKNOWN_BUCKET, message, "--apply removes them.", name=f"{bucket_id}")


def wrong_counters(storage: Storage) -> Iterator[Finding]:
    """Yields the buckets, and the users, whose counters are not what counting gives."""
    yield from _wrong_counters_of_buckets(storage)
    with storage.database.snapshot() as connection:
        counted, right = usage.users_in(connection), usage.recounted_users_in(connection)
    for writer in sorted(counted.keys() | right.keys()):
        given, expected = counted.get(writer, usage.NOTHING), right.get(writer, usage.NOTHING)
        if given != expected:
            message = f"the counters of {writer} are wrong: {given} instead of {expected}"
            yield Finding(WRONG_COUNTER, message, "--apply counts again.", name=writer)


def _wrong_counters_of_buckets(storage: Storage) -> Iterator[Finding]:
    with storage.database.read() as connection:
        connection.execute("BEGIN")
        try:
            recounted = connection.execute(RECOUNTED).fetchall()
            counted = {
                bucket_id: tuple(numbers)
                for bucket_id, *numbers in connection.execute(f"SELECT bucket_id, {_COUNTED} FROM usage")
            }
        finally:
            connection.execute("COMMIT")
    names = _COUNTED.split(", ")
    for bucket_id, bucket, *right in recounted:
        given = counted.get(bucket_id)
        if given == tuple(right):
            continue
        shown = given or (None,) * len(names)
        different = [f"{name} {a}, not {b}" for name, a, b in zip(names, right, shown, strict=True) if a != b]
        message = f"the counters of bucket {bucket} are wrong: {'; '.join(different)}"
        yield Finding(WRONG_COUNTER, message, "--apply counts again.", bucket=bucket, name=f"{bucket_id}")
