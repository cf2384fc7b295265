"""Storage classes that lifecycle rules change: nothing but the class that is shown; no byte moves."""

# ruff: noqa: S608  (what goes into the statements is the names of two tables)
from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from s3portal.server.storage import journal
from s3portal.server.storage.buckets import id_of
from s3portal.server.storage.records import Version
from s3portal.server.storage.rows import decode_headers, encode_headers
from s3portal.server.storage.storage import Storage, now_ms

_HEADER = "x-amz-storage-class"


@dataclass(frozen=True)
class Reclassing:
    """A version as it was found, and the storage class that it is to have."""

    version: Version
    storage_class: str


def reclass(storage: Storage, bucket: str, asked: Sequence[Reclassing]) -> int:
    """Gives versions their new storage classes in one transaction; leaves out those that have been deleted
    or overtaken meanwhile. Returns how many it changed. Raises NoSuchBucket."""

    def change(connection: sqlite3.Connection) -> int:
        bucket_id = id_of(connection, bucket)
        return sum(_change(connection, bucket_id, each) for each in asked)

    return storage.database.write(change)


def _change(connection: sqlite3.Connection, bucket_id: int, asked: Reclassing) -> bool:
    version = asked.version
    table = "objects" if version.is_current else "versions"
    where = "WHERE bucket_id = ? AND key = ? AND sequence = ?"
    place = (bucket_id, version.key.encode(), version.sequence)
    row = connection.execute(f"SELECT headers FROM {table} {where}", place).fetchone()
    if row is None:
        return False
    headers = encode_headers({**decode_headers(row[0]), _HEADER: asked.storage_class})
    connection.execute(f"UPDATE {table} SET headers = ? {where}", (headers, *place))
    found = version.found
    journal.record(
        connection,
        journal.RECLASSED,
        now_ms(),
        bucket_id,
        key=version.key,
        version_id=version.version_id,
        size_bytes=found.size_bytes if found else None,
        etag=found.etag if found else None,
    )
    return True
