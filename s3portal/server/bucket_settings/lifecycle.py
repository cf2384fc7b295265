"""Lifecycle rules of a bucket: which objects, versions and uploads end by themselves, and when.

Pure. The documents are in ``lifecycle_documents``. Source:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache

KIND = "lifecycle"
#: Which objects under 128 KiB have transitions: none, or those to the classes of archives alone.
MINIMUM_SIZES = ("all_storage_classes_128K", "varies_by_storage_class")
DEFAULT_MINIMUM_SIZE = MINIMUM_SIZES[0]


@dataclass(frozen=True)
class LifecycleFilter:
    """Everything, where it asks for nothing."""

    prefix: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    larger_than_bytes: int | None = None
    smaller_than_bytes: int | None = None

    def matches(self, key: str, size_bytes: int, tags: Mapping[str, str]) -> bool:
        """Whether an object, or a version of one, is meant."""
        return (
            key.startswith(self.prefix)
            and (self.larger_than_bytes is None or size_bytes > self.larger_than_bytes)
            and (self.smaller_than_bytes is None or size_bytes < self.smaller_than_bytes)
            and all(tags.get(name) == value for name, value in self.tags)
        )


@dataclass(frozen=True)
class Transition:
    """A storage class to come: after ``days`` since the last change, or at ``date_ms``, midnight of a day in
    ms since 1970; one of them is None."""

    storage_class: str
    days: int | None = None
    date_ms: int | None = None


@dataclass(frozen=True)
class NoncurrentTransition:
    """A storage class of versions that are no longer current: ``days`` count from when they ceased to be;
    ``newer_noncurrent_versions`` of them are spared."""

    storage_class: str
    days: int
    newer_noncurrent_versions: int | None = None


@dataclass(frozen=True)
class LifecycleRule:
    """What a rule does is None or False where it does not.

    ``expiration_days`` count from an object's last change, ``expiration_date_ms`` is midnight of a day, in ms
    since 1970. ``noncurrent_days`` count from when a version ceased to be the current one;
    ``newer_noncurrent_versions`` of them are spared. ``abort_days`` count from the start of a multipart
    upload. ``has_filter`` is False for a rule in the old form, which has a prefix in its place.
    """

    rule_id: str
    enabled: bool
    filter: LifecycleFilter = field(default_factory=LifecycleFilter)
    expiration_days: int | None = None
    expiration_date_ms: int | None = None
    expired_object_delete_marker: bool | None = None
    noncurrent_days: int | None = None
    newer_noncurrent_versions: int | None = None
    abort_days: int | None = None
    has_filter: bool = True
    transitions: tuple[Transition, ...] = ()
    noncurrent_transitions: tuple[NoncurrentTransition, ...] = ()

    @property
    def has_action(self) -> bool:
        return bool(self.transitions or self.noncurrent_transitions) or any(
            value is not None
            for value in (
                self.expiration_days,
                self.expiration_date_ms,
                self.expired_object_delete_marker,
                self.noncurrent_days,
                self.abort_days,
            )
        )


@dataclass(frozen=True)
class Lifecycle:
    rules: tuple[LifecycleRule, ...]
    minimum_size: str = DEFAULT_MINIMUM_SIZE

    @property
    def enabled_rules(self) -> Iterable[LifecycleRule]:
        return (rule for rule in self.rules if rule.enabled)


@lru_cache(maxsize=256)
def read(stored: str) -> Lifecycle:
    """Returns the rules of a stored document."""
    values = json.loads(stored)
    rules = []
    for rule in values["rules"]:
        found = rule.pop("filter")
        tags = tuple((name, value) for name, value in found.pop("tags", ()))
        # Rules of earlier versions have none.
        transitions = tuple(Transition(**each) for each in rule.pop("transitions", ()))
        noncurrent = tuple(NoncurrentTransition(**each) for each in rule.pop("noncurrent_transitions", ()))
        rules.append(
            LifecycleRule(
                filter=LifecycleFilter(tags=tags, **found),
                transitions=transitions,
                noncurrent_transitions=noncurrent,
                **rule,
            )
        )
    return Lifecycle(tuple(rules), values["minimum_size"])


def write(lifecycle: Lifecycle) -> str:
    """Returns the document that is stored."""
    rules = [asdict(rule) for rule in lifecycle.rules]
    return json.dumps({"rules": rules, "minimum_size": lifecycle.minimum_size}, separators=(",", ":"))
