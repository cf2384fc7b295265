"""Notifications of a bucket: which events of which keys are told to which targets.

Pure. Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html and
https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from functools import lru_cache

KIND = "notification"
EVENT_PREFIX = "s3:"
_ARN = re.compile(
    r"arn:aws[a-z-]*:(?:(?:sqs|sns):[a-z0-9-]*:[0-9]*:|lambda:[a-z0-9-]*:[0-9]*:function:)([A-Za-z0-9_.-]+)"
)
EVENTS = frozenset(
    EVENT_PREFIX + name
    for name in (
        "ObjectCreated:*",
        "ObjectCreated:Put",
        "ObjectCreated:Post",
        "ObjectCreated:Copy",
        "ObjectCreated:CompleteMultipartUpload",
        "ObjectRemoved:*",
        "ObjectRemoved:Delete",
        "ObjectRemoved:DeleteMarkerCreated",
        "LifecycleExpiration:*",
        "LifecycleExpiration:Delete",
        "LifecycleExpiration:DeleteMarkerCreated",
        "ObjectTagging:*",
        "ObjectTagging:Put",
        "ObjectTagging:Delete",
        "ObjectAcl:Put",
        "ReducedRedundancyLostObject",
        "ObjectRestore:*",
        "ObjectRestore:Post",
        "ObjectRestore:Completed",
        "ObjectRestore:Delete",
        "Replication:*",
        "Replication:OperationFailedReplication",
        "Replication:OperationNotTracked",
        "Replication:OperationMissedThreshold",
        "Replication:OperationReplicatedAfterThreshold",
        "LifecycleTransition",
        "IntelligentTiering",
    )
)


@dataclass(frozen=True)
class NotificationRule:
    """``kind`` is the document's element (``Queue``, ``Topic``, ``CloudFunction``), ``arn`` the target as the
    bucket's owner wrote it, ``events`` S3's names, which may end in ``*``."""

    rule_id: str
    kind: str
    arn: str
    events: tuple[str, ...]
    prefix: str = ""
    suffix: str = ""

    @property
    def target(self) -> str:
        """The name of the target in the server's configuration."""
        return target_of_arn(self.arn) or ""

    def matches(self, event: str, key: str) -> bool:
        """Whether this rule is about an event, named like ``ObjectCreated:Put``, of an object."""
        named = any(_covers(pattern, EVENT_PREFIX + event) for pattern in self.events)
        return named and key.startswith(self.prefix) and key.endswith(self.suffix)

    def overlaps(self, other: NotificationRule) -> bool:
        """Whether there are an event and a key that both rules would be about."""
        shared = any(_covers(a, b) or _covers(b, a) for a in self.events for b in other.events)
        prefixes = self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix)
        suffixes = self.suffix.endswith(other.suffix) or other.suffix.endswith(self.suffix)
        return shared and prefixes and suffixes


def _covers(pattern: str, event: str) -> bool:
    return pattern == event or (pattern.endswith("*") and event.startswith(pattern[:-1]))


def target_of_arn(arn: str) -> str | None:
    """Returns the name that ends the ARN of a queue, a topic or a function; None for what is none."""
    match = _ARN.fullmatch(arn)
    return match[1] if match else None


@lru_cache(maxsize=256)
def read(stored: str | None) -> tuple[NotificationRule, ...]:
    """Returns the rules of a stored document, none where there is none."""
    if stored is None:
        return ()
    rules = json.loads(stored)["rules"]
    return tuple(NotificationRule(**{**rule, "events": tuple(rule["events"])}) for rule in rules)


def write(rules: tuple[NotificationRule, ...]) -> str | None:
    """Returns the document that is stored, None for no rules."""
    if not rules:
        return None
    return json.dumps({"rules": [asdict(rule) for rule in rules]}, separators=(",", ":"))
