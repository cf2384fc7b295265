"""Pages of a listing: keys in the order of their UTF-8 bytes, rolled up at a delimiter.

A common prefix costs one step in the index, however many keys are under it.
"""

# ruff: noqa: S608  (what goes into the statements is column names, all constants of this package)
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from s3portal.server.storage import uploads
from s3portal.server.storage.buckets import id_of
from s3portal.server.storage.records import ListedObject, Upload
from s3portal.server.storage.storage import Storage

# What a listing shows of an object, and no more: a page has a thousand.
_LISTED = (
    "key, modified_at, etag, size_bytes, checksum_algorithm, checksum_type, owner, "
    # Few objects have a storage class, and to read JSON takes ten times as long as to look for a name in it.
    "CASE WHEN instr(headers, '\"x-amz-storage-class\":') "
    "THEN json_extract(headers, '$.\"x-amz-storage-class\"') END"
)


@dataclass(frozen=True)
class ObjectPage:
    """``entries`` are objects and common prefixes (as plain strings), in order. ``next_after`` is where the
    next page starts, None on the last one."""

    entries: list[ListedObject | str]
    next_after: bytes | None


@dataclass(frozen=True)
class UploadPage:
    """``next_marker`` is (key, upload id) of where the next page starts; a common prefix has no upload id."""

    entries: list[Upload | str]
    next_marker: tuple[str, str] | None


def list_objects(
    storage: Storage, bucket: str, *, prefix: str, delimiter: str, after: bytes, limit: int
) -> ObjectPage:
    """Returns up to ``limit`` entries with keys over ``after``. Raises NoSuchBucket.

    ``after`` is a key, or the ``end_of_prefix`` an earlier page ended with.
    """
    entries: list[ListedObject | str] = []
    start, end = prefix.encode(), end_of_prefix(prefix.encode())
    divider = delimiter.encode()
    position = after
    with storage.database.read() as connection:
        bucket_id = id_of(connection, bucket)
        while True:
            rows = connection.execute(
                f"SELECT {_LISTED} FROM objects WHERE bucket_id = ? "
                "AND key >= ? AND key > ? AND key < ? ORDER BY key LIMIT ?",
                (bucket_id, max(start, position), position, end, limit + 1 - len(entries)),
            )
            rolled_up = False
            for key, modified_at, etag, size_bytes, algorithm, kind, owner, storage_class in rows:
                if len(entries) == limit:
                    return ObjectPage(entries, position)
                common = common_prefix(key, start, divider)
                if common is None:
                    # Not by *: a page has a thousand.
                    entries.append(
                        ListedObject(
                            key.decode(), modified_at, etag, size_bytes, algorithm, kind, owner, storage_class
                        )
                    )
                    position = key
                else:
                    entries.append(common.decode())
                    position = end_of_prefix(common)
                    rolled_up = True
                    break
            if not rolled_up:
                return ObjectPage(entries, None)


def end_of_prefix(common: bytes) -> bytes:
    """Returns a position behind every key that begins with ``common`` and before all others: keys are
    UTF-8, which has no byte 0xFF."""
    return common + b"\xff"


def list_uploads(
    storage: Storage, bucket: str, *, prefix: str, delimiter: str, marker: tuple[str, str], limit: int
) -> UploadPage:
    """Returns up to ``limit`` uploads, by key and then by age. Raises NoSuchBucket.

    ``marker`` is (key, upload id): only later ones; without an upload id, only later keys.
    """
    entries: list[Upload | str] = []
    start, end = prefix.encode(), end_of_prefix(prefix.encode())
    key, upload_id = marker[0].encode(), marker[1]
    with storage.database.read() as connection:
        rows = _uploads_after(connection, id_of(connection, bucket), key, upload_id, start, end)
        last_prefix: bytes | None = None
        last: tuple[str, str] = ("", "")
        for row in rows:
            found = uploads.upload_of_row(bucket, row)
            common = common_prefix(row[1], start, delimiter.encode())
            if common is not None and (common == last_prefix or (key >= common and key.startswith(common))):
                continue
            if len(entries) == limit:
                return UploadPage(entries, last)
            last_prefix = common
            entries.append(found if common is None else common.decode())
            last = (found.key, found.upload_id) if common is None else (common.decode(), "")
    return UploadPage(entries, None)


def _uploads_after(
    connection: Any, bucket_id: int, key: bytes, upload_id: str, start: bytes, end: bytes
) -> Any:
    columns = ", ".join(f"u.{column}" for column in uploads.COLUMNS.split(", "))
    return connection.execute(
        f"SELECT {columns} FROM uploads AS u "
        "LEFT JOIN uploads AS m ON m.upload_id = :upload_id AND m.key = :key AND m.bucket_id = :bucket "
        "WHERE u.bucket_id = :bucket AND u.key >= :start AND u.key < :end "
        "AND (u.key > :key OR (u.key = :key AND :upload_id != '' "
        "     AND (u.initiated_at, u.upload_id) > (coalesce(m.initiated_at, 0), :upload_id))) "
        "ORDER BY u.key, u.initiated_at, u.upload_id",
        {"bucket": bucket_id, "key": key, "upload_id": upload_id, "start": start, "end": end},
    )


def common_prefix(key: bytes, prefix: bytes, delimiter: bytes) -> bytes | None:
    """Returns the key up to the first delimiter behind the prefix; None where there is none."""
    if not delimiter:
        return None
    position = key.find(delimiter, len(prefix))
    return None if position < 0 else key[: position + len(delimiter)]
