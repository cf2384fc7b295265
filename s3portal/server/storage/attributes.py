"""What a version of an object has besides its bytes and can be given later: tags, a lock, an ACL."""

# ruff: noqa: S608  (what goes into the statements is column names, all constants of this package)
from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from s3portal.server.storage import journal, replicas
from s3portal.server.storage.buckets import id_of
from s3portal.server.storage.storage import Storage, now_ms

_ATTRIBUTES = "owner, tags, lock, acl"
_CURRENT = f"SELECT 'objects', version_id, 0, {_ATTRIBUTES} FROM objects WHERE bucket_id = ? AND key = ?"
# A delete marker is in the table of versions even where it is the newest of its key.
_OTHERS = (
    f"SELECT 'versions', version_id, is_delete_marker, {_ATTRIBUTES} "
    "FROM versions WHERE bucket_id = ? AND key = ?"
)
_NEWEST = "ORDER BY sequence DESC LIMIT 1"


@dataclass(frozen=True)
class VersionAttributes:
    """``owner`` is an account; ``tags``, ``lock`` and ``acl`` are JSON, None without, as in StoredObject."""

    version_id: str
    is_delete_marker: bool
    owner: str
    tags: str | None
    lock: str | None
    acl: str | None


def find(storage: Storage, bucket: str, key: str, version_id: str | None) -> VersionAttributes | None:
    """Returns what a version has, or, without a version id, the current one. None where there is none.

    Raises NoSuchBucket.
    """
    with storage.database.snapshot() as connection:
        found = _select(connection, id_of(connection, bucket), key, version_id)
    return found[1] if found else None


def change(
    storage: Storage,
    bucket: str,
    key: str,
    version_id: str | None,
    decide: Callable[[VersionAttributes | None], VersionAttributes],
    event: str,
    replicated_at: int | None = None,
) -> VersionAttributes:
    """Replaces what a version has by what ``decide`` makes of it, in one transaction; returns that.

    ``replicated_at`` is when another server changed it, where replication repeats that: tags that were
    changed here later stay.

    ``decide`` raises to refuse the change; it gets None where there is no such version.
    Raises NoSuchBucket.
    """

    def update(connection: sqlite3.Connection) -> VersionAttributes:
        bucket_id = id_of(connection, bucket)
        found = _select(connection, bucket_id, key, version_id)
        new = decide(found[1] if found else None)
        assert found is not None, "nothing was found, and decide() did not refuse"
        by_replication = None
        if replicated_at is not None:
            by_replication = replicas.BY_REPLICATION
            if not _is_later(connection, bucket_id, key, found[1], new, replicated_at):
                return found[1]
        connection.execute(
            f"UPDATE {found[0]} SET tags = ?, lock = ?, acl = ? "
            "WHERE bucket_id = ? AND key = ? AND version_id = ?",
            (new.tags, new.lock, new.acl, bucket_id, key.encode(), new.version_id),
        )
        journal.record(
            connection,
            event,
            replicated_at or now_ms(),
            bucket_id,
            key=key,
            version_id=new.version_id,
            details=by_replication,
        )
        return new

    return storage.database.write(update)


def _is_later(
    connection: sqlite3.Connection,
    bucket_id: int,
    key: str,
    found: VersionAttributes,
    new: VersionAttributes,
    at: int,
) -> bool:
    """Whether tags that were put elsewhere ``at`` a time are to be put here, too. Of two changes of one
    moment the tags decide that are larger as text."""
    if new.tags == found.tags:
        return True
    here = replicas.marked_at(connection, bucket_id, key, found.version_id, replicas.TAGGED) or 0
    if (here, found.tags or "") > (at, new.tags or ""):
        return False
    replicas.mark(connection, bucket_id, key, found.version_id, replicas.TAGGED, at)
    return True


def _select(
    connection: sqlite3.Connection, bucket_id: int, key: str, version_id: str | None
) -> tuple[str, VersionAttributes] | None:
    for statement in (_CURRENT, _OTHERS):
        if version_id is None:
            row = connection.execute(f"{statement} {_NEWEST}", (bucket_id, key.encode())).fetchone()
        else:
            values = (bucket_id, key.encode(), version_id)
            row = connection.execute(f"{statement} AND version_id = ?", values).fetchone()
        if row is not None:
            table, found_id, is_delete_marker, *attributes = row
            return table, VersionAttributes(found_id, bool(is_delete_marker), *attributes)
    return None
