"""How replication is doing: backlog, lag and failures of each rule, for people and for metrics."""

from __future__ import annotations

from dataclasses import dataclass

from s3portal.server.replication import rules
from s3portal.server.storage import replication_backlog as backlog
from s3portal.server.storage.replication_backlog import Task
from s3portal.server.storage.storage import Storage, now_ms

_SUMS = """
SELECT rule_id, count(*), coalesce(sum(size_bytes), 0), sum(is_failed), min(changed_at)
FROM replication_tasks WHERE bucket_id = ? GROUP BY rule_id
"""
_UNPLANNED = "SELECT count(*), min(at) FROM replication_changes WHERE bucket_id = ?"


@dataclass(frozen=True)
class RuleReport:
    """A rule and what it has to do. ``waiting`` are versions, ``waiting_bytes`` what they have; ``failed`` of
    them are refused for a reason of their own. ``lag_s`` is how long the oldest one has been waiting, 0 where
    nothing is. ``is_scanning`` is set while existing objects are looked through. ``sent_*`` count from when
    the rule was made."""

    bucket: str
    rule_id: str
    connection: str
    target_bucket: str
    enabled: bool
    waiting: int
    waiting_bytes: int
    failed: int
    lag_s: float
    is_scanning: bool
    sent_objects: int
    sent_bytes: int
    last_sent_at: int | None


def reports(storage: Storage) -> list[RuleReport]:
    """Returns how each rule of each bucket is doing, sorted by bucket."""
    now = now_ms()
    found = []
    for bucket, replication in rules.with_rules(storage):
        with storage.database.read() as connection:
            sums = {row[0]: row[1:] for row in connection.execute(_SUMS, (bucket.bucket_id,))}
            unplanned, unplanned_at = connection.execute(_UNPLANNED, (bucket.bucket_id,)).fetchone()
        for rule in replication.rules:
            count, size_bytes, failed, oldest = sums.get(rule.rule_id, (0, 0, 0, None))
            moments = [moment for moment in (oldest, unplanned_at) if moment is not None]
            state = rules.state_of(storage, bucket.bucket_id, rule.rule_id)
            found.append(
                RuleReport(
                    bucket=bucket.name,
                    rule_id=rule.rule_id,
                    connection=rule.connection,
                    target_bucket=rule.target_bucket,
                    enabled=rule.enabled,
                    waiting=count + unplanned,
                    waiting_bytes=size_bytes,
                    failed=failed or 0,
                    lag_s=max(now - min(moments), 0) / 1000 if moments else 0.0,
                    is_scanning=state.scan is not None,
                    sent_objects=state.sent_objects,
                    sent_bytes=state.sent_bytes,
                    last_sent_at=state.last_sent_at,
                )
            )
    return found


def failures(storage: Storage, bucket: str, limit: int = 100) -> list[Task]:
    """Returns the tasks of a bucket that were tried and did not work, with what went wrong, the oldest
    first."""
    for found, _ in rules.with_rules(storage):
        if found.name == bucket:
            tasks = backlog.tasks_of(storage, found.bucket_id, limit=limit * 10)
            return [task for task in tasks if task.problem is not None][:limit]
    return []
