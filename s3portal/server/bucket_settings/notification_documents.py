"""Notifications as requests give them, refused as S3 does, and as answers show them. Pure.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from itertools import combinations
from xml.etree.ElementTree import Element

from s3portal.server.bucket_settings.notification import EVENTS, NotificationRule, target_of_arn
from s3portal.server.bucket_settings.xml_values import at_most_one, malformed, trimmed_text_of
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.xml_documents import (
    document,
    element,
    field,
    fields,
    refuse_unknown_children,
    text_of,
)

RULES_LIMIT = 100
ID_LIMIT_CHARACTERS = 255
VALUE_LIMIT_CHARACTERS = 1024
_KINDS = ("Topic", "Queue", "CloudFunction")
_EVENT_BRIDGE = "EventBridgeConfiguration"


def of_xml(root: Element, targets: Collection[str]) -> tuple[NotificationRule, ...]:
    """Returns the rules of a NotificationConfiguration; ``targets`` are the names that the server knows.

    Raises MalformedXML, InvalidArgument, and NotImplemented for EventBridge.
    """
    refuse_unknown_children(root, [*(f"{kind}Configuration" for kind in _KINDS), _EVENT_BRIDGE])
    if root.find(_EVENT_BRIDGE) is not None:
        raise S3Error(
            "NotImplemented",
            "This server sends no events to EventBridge. Use a queue that names one of the server's targets.",
            facts={"Header": _EVENT_BRIDGE},
        )
    rules = tuple(
        _rule(node, kind, targets) for kind in _KINDS for node in root.findall(f"{kind}Configuration")
    )
    if len(rules) > RULES_LIMIT:
        raise _invalid(f"A bucket can have up to {RULES_LIMIT} notification configurations")
    if len({rule.rule_id for rule in rules}) < len(rules):
        raise _invalid("Same ID used for multiple configurations. IDs must be unique")
    if any(one.overlaps(other) for one, other in combinations(rules, 2)):
        raise _invalid(
            "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the "
            "prefixes are overlapping for the same event type."
        )
    return rules


def _rule(node: Element, kind: str, targets: Collection[str]) -> NotificationRule:
    refuse_unknown_children(node, ["Id", kind, "Event", "Filter"])
    at_most_one(node, "Id", kind, "Filter")
    rule_id = text_of(node, "Id") or secrets.token_urlsafe(36)
    if len(rule_id) > ID_LIMIT_CHARACTERS:
        raise _invalid(f"ID length should not exceed allowed limit of {ID_LIMIT_CHARACTERS}")
    arn = trimmed_text_of(node, kind) or ""
    name = target_of_arn(arn)
    if name is None:
        raise _invalid("The ARN is not well formed", kind, arn)
    if name not in targets:
        raise _invalid("Unable to validate the following destination configurations", kind, arn)
    events = tuple(dict.fromkeys((child.text or "").strip() for child in node.findall("Event")))
    if not events:
        raise malformed()
    for event in events:
        if event not in EVENTS:
            raise _invalid("A specified event is not supported for notifications.", "Event", event)
    prefix, suffix = _filter(node.find("Filter"))
    return NotificationRule(rule_id, kind, arn, events, prefix, suffix)


def _filter(node: Element | None) -> tuple[str, str]:
    """Returns prefix and suffix, '' for none."""
    if node is None:
        return "", ""
    refuse_unknown_children(node, ["S3Key"])
    at_most_one(node, "S3Key")
    found: dict[str, str] = {}
    for key_filter in node:
        refuse_unknown_children(key_filter, ["FilterRule"])
        for rule in key_filter:
            refuse_unknown_children(rule, ["Name", "Value"])
            name, value = (trimmed_text_of(rule, "Name") or "").lower(), text_of(rule, "Value") or ""
            if name not in ("prefix", "suffix"):
                raise _invalid("filter rule name must be either prefix or suffix", "FilterRule.Name", name)
            if name in found:
                raise _invalid(
                    f"Cannot specify more than one {name} rule in a filter.", "FilterRule.Name", name
                )
            if len(value) > VALUE_LIMIT_CHARACTERS:
                raise _invalid(f"Size of filter rule value cannot exceed {VALUE_LIMIT_CHARACTERS}")
            found[name] = value
    return found.get("prefix", ""), found.get("suffix", "")


def to_xml(rules: Sequence[NotificationRule]) -> bytes:
    """Returns the NotificationConfiguration."""
    return document("NotificationConfiguration", *map(_rule_to_xml, rules))


def _rule_to_xml(rule: NotificationRule) -> str:
    values = (("Prefix", rule.prefix), ("Suffix", rule.suffix))
    filters = [
        element("FilterRule", fields(("Name", name), ("Value", value))) for name, value in values if value
    ]
    return element(
        f"{rule.kind}Configuration",
        fields(("Id", rule.rule_id), (rule.kind, rule.arn)),
        *(field("Event", event) for event in rule.events),
        element("Filter", element("S3Key", *filters)) if filters else "",
    )


def _invalid(message: str, name: str | None = None, value: str = "") -> S3Error:
    facts = {} if name is None else {"ArgumentName": name, "ArgumentValue": value}
    return S3Error("InvalidArgument", message, facts=facts)
