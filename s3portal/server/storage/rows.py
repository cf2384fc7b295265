"""The rows of ``objects``, which has the current version of each key, and of ``versions``, which has the
others and the delete markers, the current ones too."""

# ruff: noqa: S608  (what goes into the statements is column names, all constants of this package)
from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from s3portal.server.storage.records import StoredObject, Version
from s3portal.server.wire.checksums import Checksum

#: What both tables have of an object.
COLUMNS = (
    "key, body_id, size_bytes, etag, modified_at, headers, "
    "checksum_algorithm, checksum_value, checksum_type, part_count, owner, version_id, sequence, "
    "tags, lock, acl, writer"
)
NAMES = COLUMNS.split(", ")
#: The columns of a Version in each of them.
CURRENT = f"{COLUMNS}, 0, NULL"
OTHERS = f"{COLUMNS}, is_delete_marker, noncurrent_at"
# One statement, which sees one state: between two, a version can move from one table to the other.
_ONE_VERSION = " UNION ALL ".join(
    f"SELECT {columns} FROM {table} WHERE bucket_id = ?1 AND key = ?2 AND version_id = ?3"
    for columns, table in ((CURRENT, "objects"), (OTHERS, "versions"))
)
SEQUENCE = NAMES.index("sequence")


def select_current(
    connection: sqlite3.Connection, bucket: str, bucket_id: int, key: str
) -> StoredObject | None:
    """Returns the object that a key names now; None where there is none or a delete marker."""
    row = connection.execute(
        f"SELECT {COLUMNS} FROM objects WHERE bucket_id = ? AND key = ?", (bucket_id, key.encode())
    ).fetchone()
    return object_of_row(bucket, row) if row else None


def select_version(
    connection: sqlite3.Connection, bucket: str, bucket_id: int, key: str, version_id: str
) -> Version | None:
    """Returns one version, current or not."""
    row = connection.execute(_ONE_VERSION, (bucket_id, key.encode(), version_id)).fetchone()
    return version_of_row(bucket, row) if row else None


def select_current_marker(
    connection: sqlite3.Connection, bucket: str, bucket_id: int, key: str
) -> Version | None:
    """Returns the delete marker that is a key's current version; None where another version is, or none."""
    row = connection.execute(
        f"SELECT {OTHERS} FROM versions WHERE bucket_id = ? AND key = ? ORDER BY sequence DESC LIMIT 1",
        (bucket_id, key.encode()),
    ).fetchone()
    newest = version_of_row(bucket, row) if row else None
    return newest if newest is not None and newest.is_current else None


def object_of_row(bucket: str, row: Sequence[Any]) -> StoredObject:
    """Returns the object of a row with COLUMNS."""
    key, body_id, size_bytes, etag, modified_at, headers, algorithm, value, kind, part_count, *named = row
    owner, version_id, sequence, tags, lock, acl, writer = named
    return StoredObject(
        bucket=bucket,
        key=key.decode(),
        body_id=body_id,
        size_bytes=size_bytes,
        etag=etag,
        modified_at=modified_at,
        headers=decode_headers(headers),
        checksum=Checksum(algorithm, value, kind),
        part_count=part_count,
        owner=owner,
        version_id=version_id,
        sequence=sequence,
        tags=tags,
        lock=lock,
        acl=acl,
        writer=writer,
    )


def version_of_row(bucket: str, row: Sequence[Any]) -> Version:
    """Returns the version of a row with CURRENT or OTHERS."""
    *columns, is_delete_marker, noncurrent_at = row
    if not is_delete_marker:
        return version_of_object(object_of_row(bucket, columns), noncurrent_at)
    # A delete marker has no body, but everything else.
    named = dict(zip(NAMES, columns, strict=True))
    return Version(
        key=named["key"].decode(),
        version_id=named["version_id"],
        is_delete_marker=True,
        modified_at=named["modified_at"],
        owner=named["owner"],
        sequence=named["sequence"],
        noncurrent_at=noncurrent_at,
        found=None,
    )


def version_of_object(found: StoredObject, noncurrent_at: int | None = None) -> Version:
    """Returns an object as the version that it is; ``noncurrent_at`` is None for the current one."""
    return Version(
        key=found.key,
        version_id=found.version_id,
        is_delete_marker=False,
        modified_at=found.modified_at,
        owner=found.owner,
        sequence=found.sequence,
        noncurrent_at=noncurrent_at,
        found=found,
        tags=found.tags,
        lock=found.lock,
        acl=found.acl,
    )


def encode_headers(headers: Mapping[str, str]) -> str:
    return json.dumps(dict(headers), separators=(",", ":"))


def decode_headers(text: str) -> Mapping[str, str]:
    headers: dict[str, str] = json.loads(text)
    return headers
