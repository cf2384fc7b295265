"""What changed becomes tasks, one for each rule that it goes by, in the transaction that forgets the
change."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping

from s3portal.server.bucket_settings.replication import Replication, ReplicationRule, chosen_rules
from s3portal.server.replication import rules
from s3portal.server.storage import replication_backlog as backlog
from s3portal.server.storage import versions
from s3portal.server.storage.records import Bucket, Version
from s3portal.server.storage.replicas import is_replica
from s3portal.server.storage.replication_backlog import NewTask, ReplicatedChange
from s3portal.server.storage.storage import Storage
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.tag_sets import stored_tags

CHANGES_AT_ONCE = 500
VERSIONS_AT_ONCE = 500
#: A scan of existing objects pauses while a rule has this many tasks.
OPEN_TASKS_LIMIT = 10_000

Replicated = Mapping[int, tuple[Bucket, Replication]]


def plan(storage: Storage, stopping: threading.Event) -> int:
    """Makes tasks of all changes, and of the next existing objects; returns of how many."""
    replicated = {bucket.bucket_id: (bucket, found) for bucket, found in rules.with_rules(storage)}
    count = 0
    while not stopping.is_set():
        changes = backlog.changes(storage, CHANGES_AT_ONCE)
        if not changes:
            break
        tasks = list(_tasks_of(storage, changes, replicated))

        def note(
            connection: sqlite3.Connection,
            tasks: list[NewTask] = tasks,
            changes: list[ReplicatedChange] = changes,
        ) -> None:
            backlog.insert(connection, tasks)
            backlog.forget_changes(connection, changes)

        # On a full disk, too: a task takes the place of its change.
        storage.database.write(note, frees_space=True)
        count += len(changes)
    for bucket, found in replicated.values():
        for rule in found.rules:
            if not stopping.is_set():
                count += _scan(storage, bucket, found, rule)
    return count


def _tasks_of(
    storage: Storage, changes: Iterable[ReplicatedChange], replicated: Replicated
) -> Iterator[NewTask]:
    for change in changes:
        if change.bucket_id not in replicated:
            # Its rules, or the bucket, were deleted since.
            continue
        bucket, found = replicated[change.bucket_id]
        try:
            version = versions.find_version(storage, bucket.name, change.key, change.version_id)
        except S3Error as missing:
            if missing.code != "NoSuchBucket":
                raise
            continue
        for rule in _rules_of(storage, bucket, found, change.key, change.version_id, version):
            yield _task(bucket, rule, change.key, change.version_id, change.sequence, change.at, version)


def _rules_of(
    storage: Storage, bucket: Bucket, found: Replication, key: str, version_id: str, version: Version | None
) -> list[ReplicationRule]:
    """Returns the rules that a version goes by. Of what is deleted, no tags are known any more: a rule with
    tags deletes what it has sent."""
    if version is not None:
        tags = None if version.is_delete_marker else stored_tags(version.tags)
        return chosen_rules(found.rules, key, tags)
    sent = [
        rule
        for rule in found.rules
        if rule.tags and backlog.find_sent(storage, bucket.bucket_id, rule.rule_id, key, version_id)
    ]
    return [*chosen_rules(found.rules, key, None), *sent]


def _task(
    bucket: Bucket,
    rule: ReplicationRule,
    key: str,
    version_id: str,
    sequence: int,
    changed_at: int,
    version: Version | None,
) -> NewTask:
    size_bytes = version.found.size_bytes if version and version.found else 0
    return NewTask(bucket.bucket_id, rule.rule_id, key, version_id, sequence, changed_at, size_bytes)


def _scan(storage: Storage, bucket: Bucket, found: Replication, rule: ReplicationRule) -> int:
    """Makes tasks of the next existing objects that a rule is about. Replicas are not replicated on."""
    position = rules.state_of(storage, bucket.bucket_id, rule.rule_id).scan
    if position is None or backlog.open_count(storage, bucket.bucket_id, rule.rule_id) > OPEN_TASKS_LIMIT:
        return 0
    try:
        page = versions.list_versions(
            storage,
            bucket.name,
            prefix=rule.prefix,
            delimiter="",
            marker=position,
            limit=VERSIONS_AT_ONCE,
        )
    except S3Error as missing:
        if missing.code != "NoSuchBucket":
            raise
        return 0
    tasks = []
    for entry in page.entries:
        if not isinstance(entry, Version) or (entry.found and is_replica(entry.found.headers)):
            continue
        tags = None if entry.is_delete_marker else stored_tags(entry.tags)
        if rule in chosen_rules(found.rules, entry.key, tags):
            tasks.append(
                _task(bucket, rule, entry.key, entry.version_id, entry.sequence, entry.modified_at, entry)
            )

    def note(connection: sqlite3.Connection) -> None:
        backlog.insert(connection, tasks)
        rules.note_scan(connection, bucket.bucket_id, rule.rule_id, page.next_marker)

    storage.database.write(note)
    return len(page.entries)
