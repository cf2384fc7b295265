"""The replication rules of buckets: put, removed, and what is kept of each."""

# ruff: noqa: S608  (what goes into the statement is names of tables, all constants of this file)

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from s3portal.server.bucket_settings import replication
from s3portal.server.bucket_settings.replication import Replication, ReplicationRule
from s3portal.server.storage import buckets, journal
from s3portal.server.storage.known_buckets import Changing
from s3portal.server.storage.records import Bucket
from s3portal.server.storage.storage import Storage, now_ms

_OF_A_RULE = ("replication_tasks", "replication_sent", "replication_rule_states")


@dataclass(frozen=True)
class RuleState:
    """What a rule has done since it was made. ``scan`` is where the scan of existing objects is: key and
    version id, None where there is none to be made or it is done; times are in ms since 1970."""

    scan: tuple[str, str] | None = None
    sent_objects: int = 0
    sent_bytes: int = 0
    last_sent_at: int | None = None


def with_rules(storage: Storage) -> list[tuple[Bucket, Replication]]:
    """Returns the buckets that have rules."""
    with storage.database.read() as connection:
        query = "SELECT 1 FROM bucket_settings WHERE kind = ? LIMIT 1"
        if connection.execute(query, (replication.KIND,)).fetchone() is None:
            return []
    return [
        (bucket, replication.read(bucket.settings[replication.KIND]))
        for bucket in buckets.find_all(storage)
        if replication.KIND in bucket.settings
    ]


def change(
    storage: Storage, bucket: str, decide: Callable[[Replication], Replication]
) -> tuple[Replication, Replication]:
    """Replaces the rules of a bucket by what ``decide`` makes of them, in one transaction; returns them as
    they were and as they are.

    A rule that sends somewhere else, or something else, than the one with its id before begins anew; one that
    is only paused or resumed goes on where it is. What ``decide`` raises changes nothing. Raises
    NoSuchBucket.
    """

    def put(connection: sqlite3.Connection, token: Changing) -> tuple[Replication, Replication]:
        bucket_id = buckets.id_of(connection, bucket)
        row = connection.execute(
            "SELECT document FROM bucket_settings WHERE bucket_id = ? AND kind = ?",
            (bucket_id, replication.KIND),
        ).fetchone()
        before = replication.read(row[0] if row else None)
        after = decide(before)
        for rule in before.rules:
            if not _continues(rule, after.rule(rule.rule_id)):
                _forget(connection, bucket_id, rule.rule_id)
        buckets.put_setting_in(connection, token, bucket_id, replication.KIND, replication.write(after))
        for rule in after.rules:
            if not _continues(before.rule(rule.rule_id), rule):
                _begin(connection, bucket_id, rule)
        journal.record(connection, journal.BUCKET_CHANGED, now_ms(), bucket_id, details=replication.KIND)
        return before, after

    with storage.known_buckets.changing() as token:
        return storage.database.write(partial(put, token=token))


def _continues(before: ReplicationRule | None, after: ReplicationRule | None) -> bool:
    if before is None or after is None:
        return False
    is_wider = after.existing_objects and not before.existing_objects
    return (
        before.target == after.target
        and (before.prefix, before.tags) == (after.prefix, after.tags)
        and (not is_wider)
    )


def _forget(connection: sqlite3.Connection, bucket_id: int, rule_id: str) -> None:
    for table in _OF_A_RULE:
        connection.execute(
            f"DELETE FROM {table} WHERE bucket_id = ? AND rule_id = ?",
            (bucket_id, rule_id),
        )


def _begin(connection: sqlite3.Connection, bucket_id: int, rule: ReplicationRule) -> None:
    scan_key = b"" if rule.existing_objects else None
    connection.execute(
        "INSERT OR REPLACE INTO replication_rule_states (bucket_id, rule_id, scan_key, scan_version) "
        "VALUES (?, ?, ?, '')",
        (bucket_id, rule.rule_id, scan_key),
    )


def rescan(storage: Storage, bucket: str, rule_id: str) -> None:
    """Has a rule compare all objects of a bucket with the target's again. Raises NoSuchBucket."""

    def put(connection: sqlite3.Connection) -> None:
        bucket_id = buckets.id_of(connection, bucket)
        connection.execute(
            "UPDATE replication_rule_states SET scan_key = x'', scan_version = '' "
            "WHERE bucket_id = ? AND rule_id = ?",
            (bucket_id, rule_id),
        )
        # What was sent once may have been lost there: each version is looked up before it is sent.
        connection.execute(
            "DELETE FROM replication_sent WHERE bucket_id = ? AND rule_id = ?", (bucket_id, rule_id)
        )

    storage.database.write(put)


def state_of(storage: Storage, bucket_id: int, rule_id: str) -> RuleState:
    """Returns what is known of a rule."""
    with storage.database.read() as connection:
        row = connection.execute(
            "SELECT scan_key, scan_version, sent_objects, sent_bytes, last_sent_at "
            "FROM replication_rule_states WHERE bucket_id = ? AND rule_id = ?",
            (bucket_id, rule_id),
        ).fetchone()
    if row is None:
        return RuleState()
    scan_key, scan_version, *counted = row
    return RuleState(None if scan_key is None else (scan_key.decode(), scan_version or ""), *counted)


def note_scan(
    connection: sqlite3.Connection, bucket_id: int, rule_id: str, position: tuple[str, str] | None
) -> None:
    """Within a transaction: notes how far the scan of existing objects is, None at its end."""
    key, version = (None, None) if position is None else (position[0].encode(), position[1])
    connection.execute(
        "UPDATE replication_rule_states SET scan_key = ?, scan_version = ? "
        "WHERE bucket_id = ? AND rule_id = ?",
        (key, version, bucket_id, rule_id),
    )
