"""MyFSIO's connections and replication rules as this server's. Rules are paused: nothing is sent before
somebody has looked at them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from s3portal.server.bucket_settings.replication import Replication, ReplicationRule
from s3portal.server.kms.master_key import MasterKey
from s3portal.server.myfsio.replication import (
    KeptConnection,
    KeptRule,
    NotTaken,
    read_connections,
    read_rules,
)
from s3portal.server.replication import connections, rules
from s3portal.server.replication.connections import ConnectionProblem, NewConnection
from s3portal.server.storage import replication_connections
from s3portal.server.storage.storage import Storage
from s3portal.server.wire.errors import S3Error

CONNECTIONS, RULES = "connections.json", "replication_rules.json"
#: The id of the rule that a bucket gets; in MyFSIO a bucket has one at most.
RULE_ID = "myfsio"


class Counted(Protocol):
    """What an import counts."""

    connections: int
    rules: int
    unchanged: int


def import_replication(
    storage: Storage,
    master_key: MasterKey,
    texts: Mapping[str, str],
    done: Counted,
    leave_out: Callable[[str], None],
) -> None:
    """Makes the connections and rules that are not there yet. ``texts`` are the files by their names, as far
    as there are any. Nothing is asked of any target. Raises MasterKeyError."""
    names: dict[str, str] = {}
    try:
        for kept in read_connections(texts.get(CONNECTIONS, "[]")):
            if isinstance(kept, NotTaken):
                leave_out(kept.message)
            else:
                try:
                    names[kept.connection_id] = _import_connection(storage, master_key, kept, done)
                except ConnectionProblem as problem:
                    leave_out(f"connection {kept.name}: {problem}")
    except ValueError as problem:
        leave_out(f"{CONNECTIONS}: {problem}")
    try:
        for rule in read_rules(texts.get(RULES, "{}")):
            if isinstance(rule, NotTaken):
                leave_out(rule.message)
            elif rule.connection_id not in names:
                missing = f"its connection {rule.connection_id} is not here"
                leave_out(f"replication rule of bucket {rule.bucket}: {missing}")
            else:
                _import_rule(storage, rule, names[rule.connection_id], done, leave_out)
    except ValueError as problem:
        leave_out(f"{RULES}: {problem}")


def _import_connection(storage: Storage, master_key: MasterKey, kept: KeptConnection, done: Counted) -> str:
    """Returns the name that a connection has here. Raises ConnectionProblem."""
    new = NewConnection(kept.name, kept.endpoint, kept.access_key, kept.secret_key, kept.region)
    there = replication_connections.find(storage, kept.name)
    if there is None:
        connections.save(storage, master_key, new, lambda _: None)
        done.connections += 1
    elif (there.endpoint, there.access_key_id) == (kept.endpoint.rstrip("/"), kept.access_key):
        done.unchanged += 1
    else:
        raise ConnectionProblem("another one with this name is here already")
    return kept.name


def _import_rule(
    storage: Storage, kept: KeptRule, connection: str, done: Counted, leave_out: Callable[[str], None]
) -> None:
    rule = ReplicationRule(
        RULE_ID,
        connection,
        kept.target_bucket,
        enabled=False,
        existing_objects=kept.existing_objects,
    )

    def with_it(present: Replication) -> Replication:
        # One that is here may have been resumed, or changed, since it was taken over.
        return present if present.rule(RULE_ID) is not None else present.with_rule(rule)

    try:
        before, after = rules.change(storage, kept.bucket, with_it)
    except S3Error as refused:
        leave_out(f"replication rule of bucket {kept.bucket}: {refused.message}")
        return
    done.rules += before != after
    done.unchanged += before == after
