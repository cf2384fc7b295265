"""Replication in the configuration file: connections, rules of buckets, and the users by whom other servers
replicate to this one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from s3portal.server.bucket_settings.replication import CONFIGURED, ReplicationRule
from s3portal.server.config_values import ConfigError, list_of, object_of, refuse_repeats, text_of
from s3portal.server.replication.connections import (
    DEFAULT_REGION,
    ConnectionProblem,
    NewConnection,
    check,
)
from s3portal.server.storage.records import FIRST_ACCOUNT

_RULE_FIELDS = (
    "bucket", "id", "connection", "target_bucket", "prefix", "tags", "priority", "delete_markers",
    "deletions", "existing_objects", "storage_class", "paused",
)  # fmt: skip


@dataclass(frozen=True)
class ReplicationConfig:
    """``rules`` are pairs of a bucket and a rule of it; ``users`` are account and name."""

    connections: tuple[NewConnection, ...] = ()
    rules: tuple[tuple[str, ReplicationRule], ...] = ()
    users: frozenset[tuple[str, str]] = frozenset()

    @property
    def wanted(self) -> tuple[tuple[NewConnection, ...], tuple[tuple[str, ReplicationRule], ...]]:
        """What is to be in the database: connections and rules."""
        return self.connections, self.rules


def read_replication(top: Mapping[str, Any]) -> ReplicationConfig:
    """Returns the configuration's ``replication``; raises ConfigError."""
    found = object_of(top.get("replication", {}), "replication", ("connections", "rules", "users"))
    connections = tuple(
        _connection(entry, f"replication.connections[{number}]")
        for number, entry in enumerate(list_of(found, "connections"))
    )
    rules = tuple(
        _rule(entry, f"replication.rules[{number}]") for number, entry in enumerate(list_of(found, "rules"))
    )
    refuse_repeats("replication.connections", [connection.name for connection in connections])
    refuse_repeats("replication.rules", [f"{bucket}/{rule.rule_id}" for bucket, rule in rules])
    return ReplicationConfig(connections, rules, frozenset(map(_user, list_of(found, "users"))))


def _user(entry: Any) -> tuple[str, str]:
    if not isinstance(entry, str) or not entry:
        raise ConfigError("replication.users must be a list of names; of another account, 'account/name'")
    account, slash, name = entry.partition("/")
    return (account, name) if slash else (FIRST_ACCOUNT, entry)


def _connection(entry: Any, place: str) -> NewConnection:
    found = object_of(entry, place, NewConnection.__dataclass_fields__)
    new = NewConnection(
        name=text_of(found, "name", place) or "",
        endpoint=text_of(found, "endpoint", place) or "",
        access_key_id=text_of(found, "access_key_id", place) or "",
        secret_access_key=text_of(found, "secret_access_key", place) or "",
        region=text_of(found, "region", place, default="") or DEFAULT_REGION,
        account=text_of(found, "account", place, default=""),
    )
    try:
        check(new)
    except ConnectionProblem as problem:
        raise ConfigError(f"{place}: {problem}") from problem
    return new


def _rule(entry: Any, place: str) -> tuple[str, ReplicationRule]:
    found = object_of(entry, place, _RULE_FIELDS)
    priority = found.get("priority", 0)
    if isinstance(priority, bool) or not isinstance(priority, int):
        raise ConfigError(f"{place}: priority must be a whole number")
    tags = found.get("tags", {})
    if not isinstance(tags, Mapping) or not all(isinstance(value, str) for value in tags.values()):
        raise ConfigError(f"{place}: tags must be a JSON object of texts")
    bucket, target = text_of(found, "bucket", place) or "", text_of(found, "target_bucket", place) or ""
    rule = ReplicationRule(
        rule_id=text_of(found, "id", place) or "",
        connection=text_of(found, "connection", place) or "",
        target_bucket=target,
        enabled=not _switch(found, "paused", place, default=False),
        priority=priority,
        prefix=text_of(found, "prefix", place, default="") or "",
        tags=tuple(tags.items()),
        delete_markers=_switch(found, "delete_markers", place, default=True),
        deletions=_switch(found, "deletions", place, default=True),
        existing_objects=_switch(found, "existing_objects", place, default=False),
        storage_class=text_of(found, "storage_class", place, default=""),
        origin=CONFIGURED,
    )
    if not (bucket and target and rule.rule_id and rule.connection):
        raise ConfigError(f"{place}: bucket, id, connection and target_bucket must not be empty")
    return bucket, rule


def _switch(found: Mapping[str, Any], name: str, place: str, *, default: bool) -> bool:
    value = found.get(name, default)
    if not isinstance(value, bool):
        raise ConfigError(f"{place}: {name} must be true or false")
    return value
