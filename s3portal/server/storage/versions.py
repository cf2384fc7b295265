"""Versions of objects: the current ones, which are the rows of ``objects``, and those in ``versions``, with
the delete markers. Only reading; nothing here makes a version."""

# ruff: noqa: S608  (what goes into the statements is column names, all constants of this package)
from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from typing import Any

from s3portal.server.storage import objects
from s3portal.server.storage.buckets import id_of
from s3portal.server.storage.listing import common_prefix, end_of_prefix
from s3portal.server.storage.records import Version
from s3portal.server.storage.storage import Storage

_CURRENT = f"{objects.COLUMNS}, 0, NULL"
_OTHERS = f"{objects.COLUMNS}, is_delete_marker, noncurrent_at"
# Newer than any: where a key's versions begin.
_NEWEST = 2**63 - 1


@dataclass(frozen=True)
class VersionPage:
    """``entries`` are versions and common prefixes (as plain strings): by key, the newest first.

    ``next_marker`` is (key, version id) of the last entry, with "" for the version id of a common prefix; it
    is None on the last page.
    """

    entries: list[Version | str]
    next_marker: tuple[str, str] | None


def find_version(storage: Storage, bucket: str, key: str, version_id: str) -> Version | None:
    """Returns one version, current or not, or None. Raises NoSuchBucket."""
    with storage.database.read() as connection:
        bucket_id = id_of(connection, bucket)
        for columns, table in ((_CURRENT, "objects"), (_OTHERS, "versions")):
            row = connection.execute(
                f"SELECT {columns} FROM {table} WHERE bucket_id = ? AND key = ? AND version_id = ?",
                (bucket_id, key.encode(), version_id),
            ).fetchone()
            if row is not None:
                return _version_of_row(bucket, row)
    return None


def list_versions(
    storage: Storage, bucket: str, *, prefix: str, delimiter: str, marker: tuple[str, str], limit: int
) -> VersionPage:
    """Returns up to ``limit`` entries after ``marker``, which is (key, version id) of an entry.

    Without a version id it stands after all versions of that key, or of the keys under that common prefix;
    ("", "") is the start.
    Raises NoSuchBucket.
    """
    entries: list[Version | str] = []
    start, divider = prefix.encode(), delimiter.encode()
    last = marker
    with storage.database.read() as connection:
        bucket_id = id_of(connection, bucket)
        key, below = _position(connection, bucket_id, marker, divider)
        while True:
            is_rolled_up = False
            for row in _rows_from(connection, bucket_id, max(start, key), key, below, end_of_prefix(start)):
                if len(entries) == limit:
                    return VersionPage(entries, last)
                common = common_prefix(row[0], start, divider)
                if common is None:
                    found = _version_of_row(bucket, row)
                    entries.append(found)
                    last = (found.key, found.version_id)
                    continue
                entries.append(common.decode())
                last = (common.decode(), "")
                key, below = end_of_prefix(common), _NEWEST
                is_rolled_up = True
                break
            if not is_rolled_up:
                return VersionPage(entries, None)


def _position(
    connection: sqlite3.Connection, bucket_id: int, marker: tuple[str, str], divider: bytes
) -> tuple[bytes, int]:
    """Returns a key, and the number below which its versions come after the marker."""
    key, version_id = marker[0].encode(), marker[1]
    if not version_id:
        is_prefix = bool(divider) and key.endswith(divider)
        return (end_of_prefix(key) if is_prefix else key, 0 if key else _NEWEST)
    row = connection.execute(
        "SELECT sequence FROM objects WHERE bucket_id = ?1 AND key = ?2 AND version_id = ?3 UNION ALL "
        "SELECT sequence FROM versions WHERE bucket_id = ?1 AND key = ?2 AND version_id = ?3",
        (bucket_id, key, version_id),
    ).fetchone()
    return key, row[0] if row else 0


def _rows_from(
    connection: sqlite3.Connection, bucket_id: int, first: bytes, key: bytes, below: int, end: bytes
) -> Iterator[tuple[Any, ...]]:
    """Yields rows by key, the newest first, from ``first`` on; of ``key`` itself those numbered below."""
    condition = "WHERE bucket_id = ? AND key >= ? AND key < ? AND (key != ? OR sequence < ?)"
    values = (bucket_id, first, end, key, below)
    current = connection.execute(f"SELECT {_CURRENT} FROM objects {condition} ORDER BY key", values)
    others = connection.execute(
        f"SELECT {_OTHERS} FROM versions {condition} ORDER BY key, sequence DESC", values
    )
    return merge(current, others, key=lambda row: (row[0], -row[_SEQUENCE]))


_SEQUENCE = objects.COLUMNS.split(", ").index("sequence")


def _version_of_row(bucket: str, row: tuple[Any, ...]) -> Version:
    *columns, is_delete_marker, noncurrent_at = row
    # A delete marker has no body, but everything else.
    found = None if is_delete_marker else objects.object_of_row(bucket, columns)
    named = dict(zip(objects.COLUMNS.split(", "), columns, strict=True))
    return Version(
        key=named["key"].decode(),
        version_id=named["version_id"],
        is_delete_marker=bool(is_delete_marker),
        modified_at=named["modified_at"],
        owner=named["owner"],
        sequence=named["sequence"],
        noncurrent_at=noncurrent_at,
        found=found,
        tags=named["tags"],
        lock=named["lock"],
        acl=named["acl"],
    )
