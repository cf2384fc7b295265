"""Transitions of lifecycle rules: as documents, and which storage class a version is due to have.

Pure. Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Transition.html,
https://docs.aws.amazon.com/AmazonS3/latest/API/API_NoncurrentVersionTransition.html and
https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element

from s3portal.server.bucket_settings.lifecycle import (
    DEFAULT_MINIMUM_SIZE,
    LifecycleRule,
    NoncurrentTransition,
    Transition,
)
from s3portal.server.bucket_settings.lifecycle_dates import due_ms, midnight_ms
from s3portal.server.bucket_settings.xml_values import (
    at_most_one,
    choice_of,
    each_of,
    malformed,
    number_of,
    trimmed_text_of,
)
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.xml_documents import element, fields, timestamp

TRANSITIONS = ("Transition", "NoncurrentVersionTransition")
# From the warmest down: nothing ever gets warmer by itself.
_COLDER = ("STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")
_ARCHIVES = ("GLACIER", "DEEP_ARCHIVE")
_LEAST_DAYS = {"STANDARD_IA": 30, "ONEZONE_IA": 30}
# 100: https://docs.aws.amazon.com/AmazonS3/latest/API/API_NoncurrentVersionExpiration.html
NEWER_VERSIONS_LIMIT = 100
_SMALL_BYTES = 128 * 1024


def transitions_of_rule(rule: Element) -> tuple[Transition, ...]:
    """Raises MalformedXML, InvalidArgument, InvalidRequest."""
    found = each_of(rule, TRANSITIONS[0], ["Days", "Date", "StorageClass"], _transition)
    _require_distinct(TRANSITIONS[0], [each.storage_class for each in found])
    return found


def _transition(node: Element) -> Transition:
    at_most_one(node, "Days", "Date", "StorageClass")
    storage_class = choice_of(node, "StorageClass", _COLDER)
    days, date = number_of(node, "Days"), trimmed_text_of(node, "Date")
    if (days is None) == (not date):
        raise malformed()
    if days is not None:
        _require_days("Days", TRANSITIONS[0], days, storage_class)
    return Transition(storage_class, days, midnight_ms(date) if date else None)


def noncurrent_transitions_of_rule(rule: Element, has_filter: bool) -> tuple[NoncurrentTransition, ...]:
    """Raises MalformedXML, InvalidArgument, InvalidRequest."""

    def read(node: Element) -> NoncurrentTransition:
        at_most_one(node, "NoncurrentDays", "NewerNoncurrentVersions", "StorageClass")
        storage_class = choice_of(node, "StorageClass", _COLDER)
        days = number_of(node, "NoncurrentDays")
        if days is None:
            raise malformed()
        _require_days("NoncurrentDays", TRANSITIONS[1], days, storage_class)
        return NoncurrentTransition(storage_class, days, newer_versions_of(node, has_filter))

    known = ["NoncurrentDays", "NewerNoncurrentVersions", "StorageClass"]
    found = each_of(rule, TRANSITIONS[1], known, read)
    _require_distinct(TRANSITIONS[1], [each.storage_class for each in found])
    return found


def newer_versions_of(node: Element, has_filter: bool) -> int | None:
    """Returns how many versions an action on noncurrent ones spares. Raises InvalidArgument,
    InvalidRequest."""
    newer = number_of(node, "NewerNoncurrentVersions")
    if newer is not None and not 1 <= newer <= NEWER_VERSIONS_LIMIT:
        message = f"'NewerNoncurrentVersions' must be an integer from 1 to {NEWER_VERSIONS_LIMIT}"
        raise S3Error("InvalidArgument", message)
    if newer is not None and not has_filter:
        raise S3Error("InvalidRequest", "NewerNoncurrentVersions can only be used in a rule with a Filter")
    return newer


def _require_days(name: str, action: str, days: int, storage_class: str) -> None:
    least = _LEAST_DAYS.get(storage_class, 0)
    if not least <= days < 2**31:
        message = f"'{name}' in {action} action must be greater than or equal to {least} for storageClass "
        raise S3Error("InvalidArgument", f"{message}'{storage_class}'")


def _require_distinct(action: str, storage_classes: list[str]) -> None:
    if len(set(storage_classes)) < len(storage_classes):
        message = f"'StorageClass' must be different for '{action}' actions in same 'Rule'"
        raise S3Error("InvalidRequest", message)


def require_order(rule: LifecycleRule) -> None:
    """Raises InvalidRequest for days beside dates, InvalidArgument for what ends before it changes."""
    dated = [each.date_ms is not None for each in rule.transitions]
    if rule.expiration_days is not None or rule.expiration_date_ms is not None:
        dated.append(rule.expiration_date_ms is not None)
    if len(set(dated)) > 1:
        raise S3Error(
            "InvalidRequest",
            "Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule for "
            f"prefix '{rule.filter.prefix}'",
        )
    for name, ends, changes in (
        ("Days", rule.expiration_days, [each.days for each in rule.transitions]),
        ("Date", rule.expiration_date_ms, [each.date_ms for each in rule.transitions]),
        ("NoncurrentDays", rule.noncurrent_days, [each.days for each in rule.noncurrent_transitions]),
    ):
        if ends is not None and any(change is not None and change >= ends for change in changes):
            raise S3Error(
                "InvalidArgument",
                f"'{name}' in the Expiration action for prefix '{rule.filter.prefix}' must be greater than "
                f"'{name}' in the Transition action",
            )


def transitions_to_xml(rule: LifecycleRule) -> Iterable[str]:
    for each in rule.transitions:
        date = None if each.date_ms is None else timestamp(each.date_ms)
        names = (("Days", each.days), ("Date", date), ("StorageClass", each.storage_class))
        yield element(TRANSITIONS[0], fields(*names))
    for old in rule.noncurrent_transitions:
        newer = ("NewerNoncurrentVersions", old.newer_noncurrent_versions)
        days = ("NoncurrentDays", old.days)
        yield element(TRANSITIONS[1], fields(newer, days, ("StorageClass", old.storage_class)))


def due_classes(rule: LifecycleRule, modified_at: int, now: int) -> Iterable[str]:
    """Returns the classes that a current version, changed at ``modified_at``, is due for by a rule."""
    for each in rule.transitions:
        moment = due_ms(modified_at, each.days) if each.days is not None else each.date_ms
        if moment is not None and moment <= now:
            yield each.storage_class


def due_noncurrent_classes(rule: LifecycleRule, noncurrent_at: int, newer: int, now: int) -> Iterable[str]:
    """Returns the classes that a version is due for that ceased to be current at ``noncurrent_at``, with
    ``newer`` others since."""
    for each in rule.noncurrent_transitions:
        if newer >= (each.newer_noncurrent_versions or 0) and due_ms(noncurrent_at, each.days) <= now:
            yield each.storage_class


def moves_small_ones(rule: LifecycleRule, storage_class: str, minimum_size: str, size_bytes: int) -> bool:
    """Whether an object is large enough for a class, by the configuration or by the rule's own filter."""
    has_own_sizes = rule.filter.larger_than_bytes is not None or rule.filter.smaller_than_bytes is not None
    if has_own_sizes or size_bytes >= _SMALL_BYTES:
        return True
    return minimum_size != DEFAULT_MINIMUM_SIZE and storage_class in _ARCHIVES


def coldest(storage_class: str, due: Iterable[str]) -> str | None:
    """Returns the coldest class of those that are ``due``; None where none is colder than what it is."""
    rank = _COLDER.index(storage_class) if storage_class in _COLDER else -1
    colder = [each for each in due if _COLDER.index(each) > rank]
    return max(colder, key=_COLDER.index) if colder else None
