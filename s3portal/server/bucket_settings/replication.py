"""Replication rules of a bucket: which objects go where.

Pure. Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ReplicationRule.html and
https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-what-is-isnt-replicated.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache

KIND = "replication"
#: Who made a rule: the configuration file, whose rules follow it at every start, or anybody else.
CONFIGURED, OTHERS = "configuration", ""


@dataclass(frozen=True)
class ReplicationRule:
    """``connection`` is the name of the connection, ``target_bucket`` the bucket there. A rule that is not
    ``enabled`` is paused: what changes meanwhile is sent once it is resumed.

    ``delete_markers`` and ``deletions`` say whether delete markers, and versions that are deleted for good,
    follow; what is deleted in a bucket without versions counts as either. ``kms_key_id`` is the target's key
    for what is encrypted with one of ours (SSE-KMS), None for its default. ``document`` is the JSON of what a
    PutBucketReplication document says besides, and shows again.
    """

    rule_id: str
    connection: str
    target_bucket: str
    enabled: bool = True
    priority: int = 0
    prefix: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    delete_markers: bool = True
    deletions: bool = True
    existing_objects: bool = False
    storage_class: str | None = None
    kms_key_id: str | None = None
    origin: str = OTHERS
    document: str | None = None

    @property
    def target(self) -> tuple[str, str]:
        """Where it sends: of several rules with one target, the one of highest priority counts."""
        return self.connection, self.target_bucket

    def matches(self, key: str, tags: Mapping[str, str] | None) -> bool:
        """Whether it is about a key with these tags; ``tags`` is None for what has none to ask for, as a
        delete marker, which no rule with tags is about."""
        if not key.startswith(self.prefix):
            return False
        if not self.tags:
            return True
        return tags is not None and all(tags.get(name) == value for name, value in self.tags)


@dataclass(frozen=True)
class Replication:
    """The rules of a bucket. ``role`` is the ARN that PutBucketReplication gave, which nothing here needs."""

    rules: tuple[ReplicationRule, ...] = ()
    role: str = ""

    def rule(self, rule_id: str) -> ReplicationRule | None:
        return next((rule for rule in self.rules if rule.rule_id == rule_id), None)

    def with_rule(self, rule: ReplicationRule) -> Replication:
        """Returns the same with a rule added, or in place of the one with its id."""
        others = tuple(other for other in self.rules if other.rule_id != rule.rule_id)
        return replace(self, rules=(*others, rule))

    def without_rule(self, rule_id: str) -> Replication:
        return replace(self, rules=tuple(rule for rule in self.rules if rule.rule_id != rule_id))


def chosen_rules(
    rules: Sequence[ReplicationRule], key: str, tags: Mapping[str, str] | None
) -> list[ReplicationRule]:
    """Returns the rules that a key goes by: for each target the matching one of highest priority."""
    chosen: dict[tuple[str, str], ReplicationRule] = {}
    for rule in sorted(rules, key=lambda rule: (-rule.priority, rule.rule_id)):
        if rule.matches(key, tags):
            chosen.setdefault(rule.target, rule)
    return list(chosen.values())


@lru_cache(maxsize=256)
def read(stored: str | None) -> Replication:
    """Returns the rules of a stored document, none where there is none."""
    if stored is None:
        return Replication()
    found = json.loads(stored)
    rules = (
        ReplicationRule(**{**rule, "tags": tuple((name, value) for name, value in rule["tags"])})
        for rule in found["rules"]
    )
    return Replication(tuple(rules), found["role"])


def write(found: Replication) -> str | None:
    """Returns the document that is stored, None for no rules."""
    return json.dumps(asdict(found), separators=(",", ":")) if found.rules else None
