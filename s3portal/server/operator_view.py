"""What those who run a server may look at: the audit log, counters, damage, and where everything is.

For front ends in the same process. Who may look, or change what is replicated, is their affair to ask.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from s3portal import __version__
from s3portal.server.access.directory import Directory
from s3portal.server.authority.decision import decide
from s3portal.server.background.replication.managing import Replicator, RuleProblem
from s3portal.server.bucket_settings.canonical_users import canonical_id
from s3portal.server.bucket_settings.replication import ReplicationRule
from s3portal.server.gateway.audit import AuditRecord, Outcome
from s3portal.server.gateway.audit_notes import Actor, noted
from s3portal.server.gateway.audit_reading import AuditFilter, read_audit
from s3portal.server.gateway.metrics import BOUNDS_S, JobCounts, MetricsMemory, OperationCounts
from s3portal.server.gateway.minute_counts import PeriodCounts, quantile_s
from s3portal.server.replication import states
from s3portal.server.replication.connections import ConnectionProblem, NewConnection
from s3portal.server.replication.states import RuleReport
from s3portal.server.storage import buckets, damage, replication_connections
from s3portal.server.storage.records import FIRST_ACCOUNT
from s3portal.server.storage.replication_backlog import Task
from s3portal.server.storage.replication_connections import Connection
from s3portal.server.storage.storage import Storage

__all__ = [
    "BOUNDS_S",
    "Actor",
    "AuditFilter",
    "AuditRecord",
    "ConnectionProblem",
    "DamagedObject",
    "JobCounts",
    "NewConnection",
    "OperationCounts",
    "Outcome",
    "PeriodCounts",
    "ReplicationRule",
    "RuleProblem",
    "RuleReport",
    "canonical_id",
    "quantile_s",
]


@dataclass(frozen=True)
class DamagedObject:
    """What the integrity scan found wrong. ``bucket`` is None where the bucket is not there any more."""

    bucket: str | None
    key: str
    version_id: str
    kind: str
    message: str
    found_at: datetime


class _NoContext:
    """Nothing is known of the circumstances."""

    def get(self, key: str, /) -> None:
        return None


@dataclass(frozen=True)
class OperatorView:
    """``audit_path`` is None where there is no audit log, and ``note`` does nothing then; ``now`` is the
    server's clock."""

    storage: Storage
    metrics: MetricsMemory
    root: Path
    audit_path: Path | None
    note: Callable[[AuditRecord], None]
    started_at: datetime
    directory: Directory
    replicator: Replicator
    now: Callable[[], datetime]

    @property
    def version(self) -> str:
        return __version__

    @property
    def account_id(self) -> str:
        """The account of those who run the server: the first. Others have a part of it alone."""
        return FIRST_ACCOUNT

    def audit(self, wanted: AuditFilter) -> Iterator[AuditRecord]:
        """Yields audit records, the newest first. Raises OSError."""
        return iter(()) if self.audit_path is None else read_audit(self.audit_path, wanted)

    def noted(
        self, actor: Actor, action: str, parameters: Mapping[str, str], bucket: str | None = None
    ) -> AbstractContextManager[None]:
        """Notes in the audit log what is done within."""
        return noted(self.note, actor, action, parameters, bucket)

    def operations(self) -> Sequence[OperationCounts]:
        """Returns what was counted since the server began."""
        return self.metrics.of_operations()

    def periods(self, minutes_each: int, count: int) -> Sequence[PeriodCounts]:
        """Returns what all processes counted in the last ``count`` periods, oldest first, for a day at most.
        It is not kept when the server ends."""
        return self.metrics.of_periods(self.now().timestamp(), minutes_each, count)

    def jobs(self) -> Sequence[JobCounts]:
        return self.metrics.of_jobs()

    def may_administer(self, access_key_id: str) -> bool:
        """Whether a user may do all of ``iam:*``, as who makes connections and rules of replication must."""
        user = self.directory.user_with_key(access_key_id)
        if user is None:
            return False
        return decide(user.caller, "iam:*", "*", _NoContext(), None).allowed

    def replication(self) -> list[RuleReport]:
        """Returns how each rule of each bucket is doing."""
        return states.reports(self.storage)

    def replication_failures(self, bucket: str) -> list[Task]:
        """Returns what was tried and did not work, with what went wrong."""
        return states.failures(self.storage, bucket)

    def connections(self) -> list[Connection]:
        """Returns where buckets can be replicated to; secrets are sealed in it."""
        return replication_connections.find_all(self.storage)

    def free_bytes(self) -> int:
        """Returns how much room the disk has."""
        return shutil.disk_usage(self.root).free

    def damaged(self) -> list[DamagedObject]:
        """Returns what the integrity scan found and is still there."""
        names = {bucket.bucket_id: bucket.name for bucket in buckets.find_all(self.storage)}
        return [
            DamagedObject(
                names.get(found.bucket_id),
                found.key,
                found.version_id,
                found.kind,
                found.message,
                datetime.fromtimestamp(found.found_at / 1000, timezone.utc),
            )
            for found in damage.find_all(self.storage)
        ]
