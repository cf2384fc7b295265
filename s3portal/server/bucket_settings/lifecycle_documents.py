"""Lifecycle rules as requests give them, refused as S3 does, and as answers show them.

Pure. Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html and
https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
"""

from __future__ import annotations

import secrets
from xml.etree.ElementTree import Element

from s3portal.server.bucket_settings.lifecycle import (
    DEFAULT_MINIMUM_SIZE,
    MINIMUM_SIZES,
    Lifecycle,
    LifecycleFilter,
    LifecycleRule,
)
from s3portal.server.bucket_settings.lifecycle_dates import midnight_ms
from s3portal.server.bucket_settings.lifecycle_filters import filter_of_rule, filter_to_xml
from s3portal.server.bucket_settings.lifecycle_transitions import (
    TRANSITIONS,
    newer_versions_of,
    noncurrent_transitions_of_rule,
    require_order,
    transitions_of_rule,
    transitions_to_xml,
)
from s3portal.server.bucket_settings.xml_values import (
    at_most_one,
    boolean_of,
    choice_of,
    malformed,
    number_of,
    trimmed_text_of,
)
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.xml_documents import (
    document,
    element,
    field,
    fields,
    refuse_unknown_children,
    text_of,
    timestamp,
)

RULES_LIMIT = 1000
ID_LIMIT_CHARACTERS = 255
MINIMUM_SIZE_HEADER = "x-amz-transition-default-minimum-object-size"
_ACTIONS = ("Expiration", "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload")


def of_xml(root: Element, minimum_size: str | None) -> Lifecycle:
    """Returns the rules of a LifecycleConfiguration; ``minimum_size`` is the header beside it.

    Raises MalformedXML, InvalidArgument, InvalidRequest.
    """
    refuse_unknown_children(root, ["Rule"])
    nodes = root.findall("Rule")
    if not 0 < len(nodes) <= RULES_LIMIT:
        raise malformed()
    if minimum_size and minimum_size not in MINIMUM_SIZES:
        facts = {"ArgumentName": MINIMUM_SIZE_HEADER, "ArgumentValue": minimum_size}
        raise S3Error("InvalidArgument", f"{MINIMUM_SIZE_HEADER} is not valid", facts=facts)
    if any(node.find("Filter") is not None for node in nodes) and any(
        node.find("Prefix") is not None for node in nodes
    ):
        raise S3Error(
            "InvalidRequest",
            "Base level prefix cannot be used in Lifecycle V2, prefixes are only supported in the Filter.",
        )
    rules = tuple(_rule(node) for node in nodes)
    if len({rule.rule_id for rule in rules}) < len(rules):
        raise _invalid("Rule ID must be unique. Found same ID for more than one rule")
    return Lifecycle(rules, minimum_size or DEFAULT_MINIMUM_SIZE)


def _rule(node: Element) -> LifecycleRule:
    refuse_unknown_children(node, ["ID", "Status", "Prefix", "Filter", *_ACTIONS, *TRANSITIONS])
    at_most_one(node, "ID", "Status", "Prefix", "Filter", *_ACTIONS)
    rule_id = text_of(node, "ID") or secrets.token_urlsafe(36)
    if len(rule_id) > ID_LIMIT_CHARACTERS:
        raise _invalid(f"ID length should not exceed allowed limit of {ID_LIMIT_CHARACTERS}")
    enabled = choice_of(node, "Status", ("Enabled", "Disabled")) == "Enabled"
    found, has_filter = filter_of_rule(node)
    days, date_ms, marker = _expiration(node.find("Expiration"), found)
    noncurrent_days, newer = _noncurrent(node.find("NoncurrentVersionExpiration"), has_filter)
    rule = LifecycleRule(
        rule_id=rule_id,
        enabled=enabled,
        filter=found,
        expiration_days=days,
        expiration_date_ms=date_ms,
        expired_object_delete_marker=marker,
        noncurrent_days=noncurrent_days,
        newer_noncurrent_versions=newer,
        abort_days=_abort(node.find("AbortIncompleteMultipartUpload"), found),
        has_filter=has_filter,
        transitions=transitions_of_rule(node),
        noncurrent_transitions=noncurrent_transitions_of_rule(node, has_filter),
    )
    require_order(rule)
    if not rule.has_action:
        raise S3Error("InvalidRequest", "At least one action needs to be specified in a rule")
    return rule


def _expiration(node: Element | None, found: LifecycleFilter) -> tuple[int | None, int | None, bool | None]:
    """Returns days, date and whether delete markers end that stand alone: one of them."""
    if node is None:
        return None, None, None
    refuse_unknown_children(node, ["Days", "Date", "ExpiredObjectDeleteMarker"])
    at_most_one(node, "Days", "Date", "ExpiredObjectDeleteMarker")
    days = number_of(node, "Days")
    date = trimmed_text_of(node, "Date")
    marker = (
        boolean_of(node, "ExpiredObjectDeleteMarker")
        if trimmed_text_of(node, "ExpiredObjectDeleteMarker")
        else None
    )
    if [days is not None, bool(date), marker is not None].count(True) != 1:
        raise malformed()
    if days is not None:
        _require_positive(days, "'Days' for Expiration action must be a positive integer")
    if marker is not None and found.tags:
        raise S3Error("InvalidRequest", "ExpiredObjectDeleteMarker cannot be specified with Tags.")
    return days, midnight_ms(date) if date else None, marker


def _noncurrent(node: Element | None, has_filter: bool) -> tuple[int | None, int | None]:
    if node is None:
        return None, None
    refuse_unknown_children(node, ["NoncurrentDays", "NewerNoncurrentVersions"])
    at_most_one(node, "NoncurrentDays", "NewerNoncurrentVersions")
    days, newer = number_of(node, "NoncurrentDays"), newer_versions_of(node, has_filter)
    if days is None:
        raise malformed()
    _require_positive(
        days, "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer"
    )
    return days, newer


def _abort(node: Element | None, found: LifecycleFilter) -> int | None:
    if node is None:
        return None
    refuse_unknown_children(node, ["DaysAfterInitiation"])
    at_most_one(node, "DaysAfterInitiation")
    days = number_of(node, "DaysAfterInitiation")
    if days is None:
        raise malformed()
    _require_positive(
        days, "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer"
    )
    if found.tags:
        raise S3Error("InvalidRequest", "AbortIncompleteMultipartUpload cannot be specified with Tags.")
    if found.larger_than_bytes is not None or found.smaller_than_bytes is not None:
        message = "AbortIncompleteMultipartUpload cannot be specified with ObjectSize."
        raise S3Error("InvalidRequest", message)
    return days


def _require_positive(number: int, message: str) -> None:
    # S3's numbers of days have 32 bits.
    if not 0 < number < 2**31:
        raise _invalid(message)


def _invalid(message: str) -> S3Error:
    return S3Error("InvalidArgument", message)


def to_xml(lifecycle: Lifecycle) -> bytes:
    """Returns the LifecycleConfiguration."""
    return document("LifecycleConfiguration", *map(_rule_to_xml, lifecycle.rules))


def _rule_to_xml(rule: LifecycleRule) -> str:
    date = None if rule.expiration_date_ms is None else timestamp(rule.expiration_date_ms)
    expiration = fields(
        ("Days", rule.expiration_days),
        ("Date", date),
        ("ExpiredObjectDeleteMarker", rule.expired_object_delete_marker),
    )
    noncurrent = fields(
        ("NewerNoncurrentVersions", rule.newer_noncurrent_versions), ("NoncurrentDays", rule.noncurrent_days)
    )
    actions = (
        ("Expiration", expiration),
        ("NoncurrentVersionExpiration", noncurrent),
        ("AbortIncompleteMultipartUpload", field("DaysAfterInitiation", rule.abort_days)),
    )
    return element(
        "Rule",
        field("ID", rule.rule_id),
        filter_to_xml(rule.filter, rule.has_filter),
        field("Status", "Enabled" if rule.enabled else "Disabled"),
        *(element(name, content) for name, content in actions if content),
        *transitions_to_xml(rule),
    )
