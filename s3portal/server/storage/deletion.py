"""Deletions: of what a key names now, which a bucket that keeps versions answers with a delete marker, and of
one version for good."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from s3portal.server.storage import history, journal, replicas
from s3portal.server.storage.records import NULL_VERSION, Version, Versioning
from s3portal.server.storage.removal import Doomed
from s3portal.server.storage.replicas import Origin
from s3portal.server.storage.rows import (
    select_current,
    select_current_marker,
    select_version,
    version_of_object,
)
from s3portal.server.storage.storage import Storage, now_ms
from s3portal.server.storage.versioning import bucket_in, new_version_id
from s3portal.server.wire.errors import S3Error

#: Given the version that a deletion is about, which may be a delete marker (or None); raises to refuse it.
#: Runs inside the transaction.
DeletionCheck = Callable[[Version | None], None]


def allow(version: Version | None) -> None:
    """Refuses nothing."""


@dataclass(frozen=True)
class Deletion:
    """What to delete. Without a version id it is what the key names now, with one that version for good.
    ``origin`` is the deletion that is repeated, where replication does it."""

    key: str
    version_id: str | None = None
    check: DeletionCheck = allow
    origin: Origin | None = None


@dataclass(frozen=True)
class Deleted:
    """What became of a deletion. ``version_id`` and ``is_delete_marker`` are of the version that was removed,
    or of the delete marker that was ``created``; ``refused`` says why nothing was done."""

    deletion: Deletion
    version_id: str | None = None
    is_delete_marker: bool = False
    created: bool = False
    refused: S3Error | None = None


@dataclass(frozen=True)
class _Place:
    """Where deletions are made: a bucket in a transaction."""

    connection: sqlite3.Connection
    bucket: str
    bucket_id: int
    versioning: Versioning
    owner: str
    now: int
    events: tuple[str, str]


def delete(
    storage: Storage,
    bucket: str,
    deletions: Sequence[Deletion],
    owner: str,
    events: tuple[str, str] = (journal.DELETED, journal.MARKED),
) -> list[Deleted]:
    """Makes deletions in one transaction, each or not as its check says; what is not there is no error.

    ``owner`` is the account that delete markers belong to; ``events`` are the journal's for what is removed
    and for what is marked. On a full disk, where not even the log of so many
    has room, it deletes as many at a time as possible. Raises NoSuchBucket.
    """

    def remove(connection: sqlite3.Connection) -> list[tuple[Deleted, Doomed]]:
        bucket_id, versioning = bucket_in(connection, bucket)
        place = _Place(connection, bucket, bucket_id, versioning, owner, now_ms(), events)
        return [_delete_or_refuse(place, deletion) for deletion in deletions]

    try:
        made = storage.database.write(remove, frees_space=True)
    except S3Error as refused:
        if refused.code != "InsufficientStorage" or len(deletions) < 2:
            raise
        half = len(deletions) // 2
        return [
            *delete(storage, bucket, deletions[:half], owner, events),
            *delete(storage, bucket, deletions[half:], owner, events),
        ]
    storage.removal.attend(list(chain.from_iterable(doomed for _, doomed in made)))
    return [deleted for deleted, _ in made]


def _delete_or_refuse(place: _Place, deletion: Deletion) -> tuple[Deleted, Doomed]:
    if deletion.version_id is not None:
        found = select_version(
            place.connection, place.bucket, place.bucket_id, deletion.key, deletion.version_id
        )
    else:
        found = _current(place, deletion.key)
    try:
        # Before anything of this deletion is done: there is nothing to undo.
        deletion.check(found)
    except S3Error as refused:
        return Deleted(deletion, refused=refused), ()
    if deletion.origin is not None:
        return _delete_as(deletion.origin, place, deletion, found)
    if deletion.version_id is None and place.versioning is not Versioning.NEVER:
        return _mark(place, deletion, found)
    if found is None:
        return Deleted(deletion, deletion.version_id), ()
    moment = place.now
    if found.version_id == NULL_VERSION:
        moment = replicas.moment_of_change(
            place.connection, place.bucket, place.bucket_id, deletion.key, place.now
        )
    return _remove(place, deletion, found, moment)


def _remove(place: _Place, deletion: Deletion, found: Version, moment: int) -> tuple[Deleted, Doomed]:
    doomed = history.remove(place.connection, place.bucket_id, found)
    journal.record(
        place.connection,
        place.events[0],
        moment,
        place.bucket_id,
        key=found.key,
        version_id=found.version_id,
        details=None if deletion.origin is None else replicas.BY_REPLICATION,
    )
    return Deleted(deletion, deletion.version_id, found.is_delete_marker), doomed


def _delete_as(
    origin: Origin, place: _Place, deletion: Deletion, found: Version | None
) -> tuple[Deleted, Doomed]:
    """Repeats a deletion that was made on another server: of a version, by a delete marker, or of what a
    bucket without versions has."""
    connection, key = place.connection, deletion.key
    if deletion.version_id is None and place.versioning is not Versioning.NEVER:
        return _mark_as(origin, place, deletion, found)
    version_id = deletion.version_id or NULL_VERSION
    replicas.mark(connection, place.bucket_id, key, version_id, replicas.DELETED, origin.modified_at)
    is_later = deletion.version_id is None and found is not None and found.modified_at > origin.modified_at
    if found is None or is_later:
        return Deleted(deletion, deletion.version_id), ()
    return _remove(place, deletion, found, origin.modified_at)


def _mark_as(
    origin: Origin, place: _Place, deletion: Deletion, current: Version | None
) -> tuple[Deleted, Doomed]:
    """Makes the delete marker of another server, where it belongs among the versions of the key."""
    connection, key = place.connection, deletion.key
    version_id = replicas.version_id_here(origin, place.versioning, key)
    done = Deleted(deletion, version_id, is_delete_marker=True, created=True)
    there = select_version(connection, place.bucket, place.bucket_id, key, version_id)
    is_gone = replicas.marked_at(connection, place.bucket_id, key, version_id, replicas.DELETED) is not None
    if version_id != NULL_VERSION and (there is not None or is_gone):
        return done, ()
    marker = Version(
        key, version_id, True, origin.modified_at, place.owner, 0, noncurrent_at=None, found=None
    )
    if current is not None and replicas.order_of(current) >= replicas.order_of(marker):
        if version_id != NULL_VERSION:
            replicas.insert_older(connection, place.bucket_id, marker)
        return done, ()
    old = current.found if current else None
    doomed, _ = history.make_way(connection, place.bucket_id, key, old, place.versioning, origin.modified_at)
    sequence = journal.record(
        connection,
        place.events[1],
        origin.modified_at,
        place.bucket_id,
        key=key,
        version_id=version_id,
        details=replicas.BY_REPLICATION,
    )
    history.insert_marker(connection, place.bucket_id, replace(marker, sequence=sequence))
    return done, doomed


def _current(place: _Place, key: str) -> Version | None:
    found = select_current(place.connection, place.bucket, place.bucket_id, key)
    if found is not None:
        return version_of_object(found)
    if place.versioning is Versioning.NEVER:
        return None
    return select_current_marker(place.connection, place.bucket, place.bucket_id, key)


def _mark(place: _Place, deletion: Deletion, current: Version | None) -> tuple[Deleted, Doomed]:
    """Puts a delete marker where the key is: whatever was there before, or nothing."""
    connection, key = place.connection, deletion.key
    sequence = journal.next_sequence(connection)
    version_id = new_version_id(sequence) if place.versioning is Versioning.ENABLED else NULL_VERSION
    old = current.found if current else None
    now = replicas.moment_of_change(connection, place.bucket, place.bucket_id, key, place.now)
    doomed, modified_at = history.make_way(connection, place.bucket_id, key, old, place.versioning, now)
    marker = Version(
        key=key,
        version_id=version_id,
        is_delete_marker=True,
        modified_at=modified_at,
        owner=place.owner,
        sequence=sequence,
        noncurrent_at=None,
        found=None,
    )
    journal.record(connection, place.events[1], modified_at, place.bucket_id, key=key, version_id=version_id)
    history.insert_marker(connection, place.bucket_id, marker)
    return Deleted(deletion, version_id, is_delete_marker=True, created=True), doomed
