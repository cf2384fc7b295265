"""What administrators and users do with replication, for the command, a console and the API: connections and
rules are tried when they are saved.

Who may do it is for the caller to decide: connections and rules are an administrator's (``iam:*``), to pause
and to resume is anybody's who may put the bucket's replication.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace

from s3portal.server.bucket_settings.replication import Replication, ReplicationRule
from s3portal.server.kms.master_key import MasterKey
from s3portal.server.replication import connections, rules
from s3portal.server.replication.connections import ConnectionProblem, NewConnection
from s3portal.server.storage import buckets, objects, replication_connections
from s3portal.server.storage import replication_backlog as backlog
from s3portal.server.storage.records import Versioning
from s3portal.server.storage.replication_connections import Connection
from s3portal.server.storage.storage import Storage

_PROBING = "s3portal.server.background.replication.probing"


class RuleProblem(ValueError):
    """A rule cannot be made or changed; the message says why."""


@dataclass(frozen=True)
class Replicator:
    """Replication of one server's folder."""

    storage: Storage
    master_key: MasterKey

    def save_connection(self, new: NewConnection) -> Connection:
        """Tries a connection and stores it. Raises ConnectionProblem."""
        probing = importlib.import_module(_PROBING)
        return connections.save(self.storage, self.master_key, new, probing.test_keys)

    def remove_connection(self, name: str) -> None:
        """Raises ConnectionProblem where there is none, or a rule needs it."""
        connections.remove(self.storage, name)

    def test_connection(self, name: str, target_bucket: str | None = None) -> list[str]:
        """Tries a stored connection, and, where one is named, a bucket of its target; returns what should be
        known of it, as sentences. Raises ConnectionProblem."""
        probing = importlib.import_module(_PROBING)
        given = self._given(name)
        if target_bucket is None:
            probing.test_keys(given)
            return []
        probed = probing.probe_bucket(given, target_bucket)
        remarks = _remarks_of_deletions(probed.deletes, probed.key)
        if not probed.is_honoured:
            remarks.append(
                "The target does not take its user for a replicating server: version ids and dates of "
                "replicas are its own. Name the user among its replication users if it is an s3portal server."
            )
        if not probed.takes_checksums:
            remarks.append("The target takes no checksums: what is sent is compared by ETag.")
        return remarks

    def save_rule(self, bucket: str, rule: ReplicationRule) -> list[str]:
        """Tries where a rule sends to and stores it, in place of the one with its id; returns what should be
        known of it, as sentences. Raises ConnectionProblem, RuleProblem, NoSuchBucket."""
        found = buckets.find(self.storage, bucket)
        if not rule.rule_id or not rule.target_bucket:
            raise RuleProblem("a rule needs an id and a target bucket")
        probed = importlib.import_module(_PROBING).probe_bucket(
            self._given(rule.connection), rule.target_bucket
        )
        self._refuse_itself(bucket, rule, probed.key)
        remarks = self._remarks(found.versioning, probed.keeps_versions)
        remarks += _remarks_of_deletions(probed.deletes, probed.key)
        rules.change(self.storage, bucket, lambda present: present.with_rule(rule))
        return remarks

    def remove_rule(self, bucket: str, rule_id: str) -> None:
        """What the target has stays there. Raises RuleProblem, NoSuchBucket."""

        def without(present: Replication) -> Replication:
            _required(present, bucket, rule_id)
            return present.without_rule(rule_id)

        rules.change(self.storage, bucket, without)

    def pause(self, bucket: str, rule_id: str) -> None:
        """What changes from now on waits. Raises RuleProblem, NoSuchBucket."""
        self._enable(bucket, rule_id, is_enabled=False)

    def resume(self, bucket: str, rule_id: str) -> None:
        """What has waited is sent. Raises RuleProblem, NoSuchBucket."""
        self._enable(bucket, rule_id, is_enabled=True)
        self.retry(bucket, rule_id)

    def _enable(self, bucket: str, rule_id: str, *, is_enabled: bool) -> None:
        def change(present: Replication) -> Replication:
            return present.with_rule(replace(_required(present, bucket, rule_id), enabled=is_enabled))

        rules.change(self.storage, bucket, change)

    def retry(self, bucket: str, rule_id: str) -> None:
        """Tries everything that waits now, also what failed. Raises NoSuchBucket."""
        backlog.hurry(self.storage, buckets.find(self.storage, bucket).bucket_id, rule_id)

    def compare(self, bucket: str, rule_id: str) -> None:
        """Looks through all objects of a bucket again, and sends what the target does not have. Raises
        RuleProblem, NoSuchBucket."""
        for found, replication in rules.with_rules(self.storage):
            if found.name == bucket and replication.rule(rule_id) is not None:
                rules.rescan(self.storage, bucket, rule_id)
                return
        raise RuleProblem(f"bucket {bucket} has no rule {rule_id}")

    def _given(self, name: str) -> NewConnection:
        stored = replication_connections.find(self.storage, name)
        if stored is None:
            raise ConnectionProblem(f"there is no connection {name}")
        secret = connections.secret_of(self.master_key, stored)
        return NewConnection(
            stored.name, stored.endpoint, stored.access_key_id, secret, stored.region, stored.account
        )

    def _refuse_itself(self, bucket: str, rule: ReplicationRule, probe_key: str) -> None:
        """A bucket that is replicated to itself would grow without end where it keeps versions."""
        if rule.target_bucket != bucket:
            return
        is_here = objects.find(self.storage, bucket, probe_key) is not None
        with self.storage.database.read() as connection:
            query = "SELECT 1 FROM journal WHERE key = ? ORDER BY sequence DESC LIMIT 1"
            was_here = connection.execute(query, (probe_key.encode(),)).fetchone() is not None
        if is_here or was_here:
            raise RuleProblem(f"bucket {bucket} cannot be replicated to itself")

    @staticmethod
    def _remarks(here: Versioning, target_keeps_versions: bool) -> list[str]:
        if here is not Versioning.NEVER and not target_keeps_versions:
            return ["The target bucket keeps no versions: it gets the latest version of each key alone."]
        return []


def _remarks_of_deletions(deletes: bool, probe_key: str) -> list[str]:
    if deletes:
        return []
    return [
        "The user at the target may not delete: deletions are refused there until it may (s3:DeleteObject "
        f"or s3:ReplicateDelete), and the object {probe_key} that was put to try it stays."
    ]


def _required(present: Replication, bucket: str, rule_id: str) -> ReplicationRule:
    rule = present.rule(rule_id)
    if rule is None:
        raise RuleProblem(f"bucket {bucket} has no rule {rule_id}")
    return rule
