"""Versions of objects: the current ones, which are the rows of ``objects``, and those in ``versions``, with
the delete markers. Only reading."""

# ruff: noqa: S608  (what goes into the statements is column names, all constants of this package)
from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from heapq import merge
from typing import Any

from s3portal.server.storage.buckets import id_of
from s3portal.server.storage.listing import common_prefix, end_of_prefix
from s3portal.server.storage.records import StoredObject, Version
from s3portal.server.storage.rows import (
    COLUMNS,
    CURRENT,
    OTHERS,
    SEQUENCE,
    object_of_row,
    select_current,
    select_current_marker,
    select_version,
    version_of_object,
    version_of_row,
)
from s3portal.server.storage.storage import Storage
from s3portal.server.storage.versioning import sequence_of

_OF_ONE_KEY = (
    f"SELECT {CURRENT} FROM objects WHERE bucket_id = ?1 AND key = ?2 AND sequence < ?3 UNION ALL "
    f"SELECT {OTHERS} FROM versions WHERE bucket_id = ?1 AND key = ?2 AND sequence < ?3 "
    f"ORDER BY {SEQUENCE + 1} DESC"
)
_LATER = "WHERE bucket_id = ? AND key >= ? AND key > ? AND key < ? ORDER BY key"
_LATER_CURRENT = f"SELECT {CURRENT} FROM objects {_LATER}"
_LATER_OTHERS = f"SELECT {OTHERS} FROM versions {_LATER}, sequence DESC"
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


def find_version(storage: Storage, bucket: str, key: str, version_id: str | None = None) -> Version | None:
    """Returns one version, current or not, without an id the current one, which may be a delete marker; None
    where there is none. Raises NoSuchBucket."""
    with storage.database.snapshot() as connection:
        bucket_id = id_of(connection, bucket)
        if version_id is not None:
            return select_version(connection, bucket, bucket_id, key, version_id)
        found = select_current(connection, bucket, bucket_id, key)
        if found is not None:
            return version_of_object(found)
        return select_current_marker(connection, bucket, bucket_id, key)


def find_body(storage: Storage, bucket: str, key: str, body_id: str) -> StoredObject | None:
    """Returns the version of a key that has a body, or None. Raises NoSuchBucket."""
    with storage.database.read() as connection:
        bucket_id = id_of(connection, bucket)
        where = "WHERE bucket_id = ?1 AND key = ?2 AND body_id = ?3"
        row = connection.execute(
            f"SELECT {COLUMNS} FROM objects {where} UNION ALL SELECT {COLUMNS} FROM versions {where}",
            (bucket_id, key.encode(), body_id),
        ).fetchone()
    return object_of_row(bucket, row) if row else None


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
    with storage.database.snapshot() as connection:
        bucket_id = id_of(connection, bucket)
        key, below = _position(connection, bucket_id, marker, start, divider)
        while True:
            is_rolled_up = False
            with _rows_from(connection, bucket_id, key, below, start, end_of_prefix(start)) as rows:
                for row in rows:
                    if len(entries) == limit:
                        return VersionPage(entries, last)
                    common = common_prefix(row[0], start, divider)
                    if common is None:
                        found = version_of_row(bucket, row)
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
    connection: sqlite3.Connection, bucket_id: int, marker: tuple[str, str], start: bytes, divider: bytes
) -> tuple[bytes, int]:
    """Returns a key, and the number below which its versions come after the marker."""
    key, version_id = marker[0].encode(), marker[1]
    if not version_id:
        # The key that is the prefix itself is no common prefix.
        is_prefix = bool(divider) and key.startswith(start) and key[len(start) :].endswith(divider)
        return (end_of_prefix(key) if is_prefix else key, 0 if key else _NEWEST)
    row = connection.execute(
        "SELECT sequence FROM objects WHERE bucket_id = ?1 AND key = ?2 AND version_id = ?3 UNION ALL "
        "SELECT sequence FROM versions WHERE bucket_id = ?1 AND key = ?2 AND version_id = ?3",
        (bucket_id, key, version_id),
    ).fetchone()
    if row is not None:
        return key, row[0]
    # It has been deleted since. Where its place is not known either, the key begins again: what is listed
    # twice is no loss.
    sequence = sequence_of(version_id)
    return key, _NEWEST if sequence is None else sequence


@contextmanager
def _rows_from(
    connection: sqlite3.Connection, bucket_id: int, key: bytes, below: int, start: bytes, end: bytes
) -> Iterator[Iterator[tuple[Any, ...]]]:
    """The rows from ``start`` up to ``end``, by key, the newest first: those of ``key`` that are numbered
    below, and those of later keys."""
    with ExitStack() as cursors:

        def rows_of(statement: str, *values: object) -> sqlite3.Cursor:
            return cursors.enter_context(closing(connection.execute(statement, values)))

        def rows() -> Iterator[tuple[Any, ...]]:
            if start <= key < end:
                # By themselves: a page in the middle of a long history does not sort it again.
                yield from rows_of(_OF_ONE_KEY, bucket_id, key, below)
            later = (bucket_id, start, key, end)
            yield from merge(
                rows_of(_LATER_CURRENT, *later),
                rows_of(_LATER_OTHERS, *later),
                key=lambda row: (row[0], -row[SEQUENCE]),
            )

        yield rows()
