"""Replicas: versions that another server made, stored here under its version ids and dates.

Two servers that replicate to each other end with the same state, whatever was written on both at once and in
which order it arrives. Of a key's versions the current one is that with the latest date, and of two with one
date that with the larger version id. In a bucket without versions the same holds of the one object, with its
ETag in place of the id, and of its deletions, which win over objects of the same date. Versions that are
deleted for good stay deleted (``replication_marks``).

For this rule to hold, a change that is made here in a bucket with rules gets a date after that of what it
replaces, also where the clock of the other server is ahead of ours.
"""

# ruff: noqa: S608  (what goes into the statements is column names, all constants of this package)
from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b

from s3portal.server.storage import journal
from s3portal.server.storage.buckets import has_setting
from s3portal.server.storage.records import NULL_VERSION, StoredObject, Version, Versioning
from s3portal.server.storage.rows import (
    COLUMNS,
    NAMES,
    encode_headers,
    select_current,
    select_current_marker,
    select_version,
    version_of_object,
)

KIND = "replication"
#: Stored with a replica and shown with it.
STATUS_HEADER, REPLICA = "x-amz-replication-status", "REPLICA"
#: By which the sending server names the version and its date in ms since 1970. Kept with an upload until it
#: is completed, and never with an object.
VERSION_HEADER, MODIFIED_HEADER = "x-s3portal-source-version-id", "x-s3portal-source-modified"
#: In the answer to a replica that need not be stored.
NOT_NEEDED_HEADER = "x-s3portal-replica-not-needed"
#: What the journal says of a change that replication made here.
BY_REPLICATION = "replica"
DELETED, TAGGED = "deleted", "tagged"
REORDERED = "ObjectVersion:Reordered"
MARKS_KEPT_MS = 90 * 24 * 3600 * 1000


@dataclass(frozen=True)
class Origin:
    """The version that is replicated, on the server that sends it. ``version_id`` is None where that keeps no
    versions; ``modified_at`` is in ms since 1970."""

    version_id: str | None
    modified_at: int

    @property
    def headers(self) -> dict[str, str]:
        """Returns what is kept with an upload, or an object on its way into the database."""
        headers = {MODIFIED_HEADER: str(self.modified_at), STATUS_HEADER: REPLICA}
        return headers if self.version_id is None else {**headers, VERSION_HEADER: self.version_id}


class NotNeeded(Exception):
    """A replica need not be stored: it is here already, or a later change of its key, or its deletion."""

    def __init__(self, stored: StoredObject) -> None:
        super().__init__("the replica is here already, or what came after it")
        #: The replica as it is here, or would be.
        self.stored = stored


def origin_of(headers: Mapping[str, str]) -> Origin | None:
    """Returns the origin that is among the headers of a new object, None for what is no replica."""
    if MODIFIED_HEADER not in headers:
        return None
    return Origin(headers.get(VERSION_HEADER), int(headers[MODIFIED_HEADER]))


def is_replica(headers: Mapping[str, str]) -> bool:
    return headers.get(STATUS_HEADER) == REPLICA


def moment_of_change(connection: sqlite3.Connection, bucket: str, bucket_id: int, key: str, now: int) -> int:
    """Returns the date of a change that is made here: ``now``, in a bucket with rules after that of the
    version before, and after the deletion before."""
    if not has_setting(connection, bucket_id, KIND):
        return now
    old = current_version(connection, bucket, bucket_id, key)
    deleted_at = marked_at(connection, bucket_id, key, NULL_VERSION, DELETED)
    before = max(old.modified_at if old else 0, deleted_at or 0)
    return max(now, before + 1)


def marked_at(
    connection: sqlite3.Connection, bucket_id: int, key: str, version_id: str, kind: str
) -> int | None:
    """Returns when a version was deleted or tagged, None where that is not known."""
    row = connection.execute(
        "SELECT at FROM replication_marks WHERE bucket_id = ? AND key = ? AND version_id = ? AND kind = ?",
        (bucket_id, key.encode(), version_id, kind),
    ).fetchone()
    return None if row is None else int(row[0])


def mark(
    connection: sqlite3.Connection, bucket_id: int, key: str, version_id: str, kind: str, at: int
) -> None:
    """Within a transaction: remembers that replication deleted or tagged a version."""
    connection.execute(
        "INSERT INTO replication_marks (bucket_id, key, version_id, kind, at) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET at = max(at, excluded.at)",
        (bucket_id, key.encode(), version_id, kind, at),
    )


def current_version(connection: sqlite3.Connection, bucket: str, bucket_id: int, key: str) -> Version | None:
    """Returns the current version of a key, which may be a delete marker."""
    found = select_current(connection, bucket, bucket_id, key)
    if found is not None:
        return version_of_object(found)
    return select_current_marker(connection, bucket, bucket_id, key)


def version_id_here(origin: Origin, versioning: Versioning, distinction: str) -> str:
    """Returns the id that a replica gets. Where only we keep versions, it is made of what the replica is, so
    that the same one gets the same."""
    if versioning is not Versioning.ENABLED:
        return NULL_VERSION
    if origin.version_id is not None:
        return origin.version_id
    digest = blake2b(distinction.encode(), digest_size=8).hexdigest()
    return f"{origin.modified_at:016x}{digest}"


def admit(
    connection: sqlite3.Connection, bucket_id: int, versioning: Versioning, new: StoredObject, origin: Origin
) -> tuple[StoredObject, bool]:
    """Within a transaction: returns a replica as it is to be stored, and whether it is the current version.

    Raises NotNeeded.
    """
    headers = {name: value for name, value in new.headers.items() if not name.startswith("x-s3portal-source")}
    version_id = version_id_here(origin, versioning, new.etag)
    replica = replace(new, headers=headers, version_id=version_id, modified_at=origin.modified_at)
    deleted_at = marked_at(connection, bucket_id, new.key, version_id, DELETED)
    there = select_version(connection, new.bucket, bucket_id, new.key, version_id)
    if version_id != NULL_VERSION:
        if deleted_at is not None or there is not None:
            raise NotNeeded(there.found if there and there.found else replica)
        current = current_version(connection, new.bucket, bucket_id, new.key)
        return replica, current is None or order_of(replica) > order_of(current)
    if deleted_at is not None and deleted_at >= origin.modified_at:
        raise NotNeeded(replica)
    if there is not None and (there.modified_at, _distinction(there)) >= (origin.modified_at, new.etag):
        raise NotNeeded(replica)
    return replica, True


def _distinction(version: Version) -> str:
    return version.found.etag if version.found else "~"


def order_of(version: StoredObject | Version) -> tuple[int, str]:
    """Returns what orders the versions of a key: the date, then the id."""
    return version.modified_at, version.version_id


_OLDER = f"INSERT INTO versions (bucket_id, {COLUMNS}, is_delete_marker, noncurrent_at) VALUES (" + ", ".join(
    "?" * (len(NAMES) + 3)
)
_LATER = (
    "SELECT 'objects', sequence, modified_at, version_id FROM objects WHERE bucket_id = ?1 AND key = ?2 "
    "UNION ALL SELECT 'versions', sequence, modified_at, version_id FROM versions "
    "WHERE bucket_id = ?1 AND key = ?2 ORDER BY sequence"
)


def insert_older(connection: sqlite3.Connection, bucket_id: int, older: StoredObject | Version) -> int:
    """Within a transaction: puts a version, or a delete marker, behind those of its key that are newer, whose
    numbers become larger than its own. Returns its number."""
    place = (bucket_id, older.key.encode())
    rows = connection.execute(_LATER, place).fetchall()
    newer = [row for row in rows if (row[2], row[3]) > order_of(older)]
    event = journal.PUT if isinstance(older, StoredObject) else journal.MARKED
    sequence = journal.record(
        connection,
        event,
        older.modified_at,
        bucket_id,
        key=older.key,
        version_id=older.version_id,
        details=BY_REPLICATION,
    )
    for table, number, modified_at, version_id in newer:
        later = journal.record(
            connection,
            REORDERED,
            modified_at,
            bucket_id,
            key=older.key,
            version_id=version_id,
            details=BY_REPLICATION,
        )
        connection.execute(
            f"UPDATE {table} SET sequence = ? WHERE bucket_id = ? AND key = ? AND sequence = ?",
            (later, *place, number),
        )
    connection.execute(f"{_OLDER})", _row_of(bucket_id, older, sequence, newer[0][2]))
    return sequence


def _row_of(
    bucket_id: int, older: StoredObject | Version, sequence: int, noncurrent_at: int
) -> tuple[object, ...]:
    if isinstance(older, Version):
        row: dict[str, object] = dict.fromkeys(NAMES)
        row |= {
            "size_bytes": 0, "etag": "", "headers": "{}", "checksum_algorithm": "", "checksum_value": "",
            "checksum_type": "", "part_count": 0,
        }  # fmt: skip
    else:
        row = {name: getattr(older, name) for name in NAMES if not name.startswith("checksum")}
        row["headers"] = encode_headers(older.headers)
        checksum = older.checksum
        row |= {f"checksum_{name}": getattr(checksum, name) for name in ("algorithm", "value", "type")}
    row |= {
        "key": older.key.encode(), "modified_at": older.modified_at, "owner": older.owner,
        "version_id": older.version_id, "sequence": sequence,
    }  # fmt: skip
    values = (row[name] for name in NAMES)
    return (bucket_id, *values, isinstance(older, Version), noncurrent_at)
