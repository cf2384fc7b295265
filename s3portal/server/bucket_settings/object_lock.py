"""Object Lock: what a bucket says of it, and what holds a version of an object.

Pure. Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from xml.etree.ElementTree import Element

from s3portal.server.http.values import whole_number
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.xml_documents import (
    document,
    element,
    field,
    fields,
    refuse_unknown_children,
    text_of,
)

#: The kind of the bucket's setting; a bucket with such a document has Object Lock.
OBJECT_LOCK = "object-lock"
GOVERNANCE, COMPLIANCE = "GOVERNANCE", "COMPLIANCE"
MODES = (GOVERNANCE, COMPLIANCE)
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html: 100 years.
DAYS_LIMIT, YEARS_LIMIT = 36_500, 100


@dataclass(frozen=True)
class ObjectLockConfiguration:
    """What a bucket with Object Lock does to new objects: retains them for ``days`` or ``years``, or nothing
    where ``mode`` is None."""

    mode: str | None = None
    days: int | None = None
    years: int | None = None

    def retained_until_ms(self, now_ms: int) -> int:
        """Returns until when an object that is stored now is retained."""
        now = datetime.fromtimestamp(now_ms / 1000, timezone.utc)
        if self.years is None:
            return now_ms + (self.days or 0) * 86_400_000
        try:
            until = now.replace(year=now.year + self.years)
        except ValueError:  # the 29th of February
            until = now.replace(year=now.year + self.years, day=28)
        return now_ms + (until - now) // timedelta(milliseconds=1)


@dataclass(frozen=True)
class Lock:
    """What holds a version: a retention (``mode`` until ``until_ms``) and a legal hold, None where it was
    never set."""

    mode: str | None = None
    until_ms: int | None = None
    legal_hold: bool | None = None

    def is_retained(self, now_ms: int) -> bool:
        return self.until_ms is not None and self.until_ms > now_ms


NO_LOCK = Lock()


def read(document: str) -> ObjectLockConfiguration:
    """Returns the configuration of the JSON that is stored with a bucket."""
    stored: Mapping[str, str | int] = json.loads(document)
    return ObjectLockConfiguration(**stored)  # type: ignore[arg-type]


def write(configuration: ObjectLockConfiguration) -> str:
    """Returns the JSON to store."""
    return json.dumps({name: value for name, value in vars(configuration).items() if value is not None})


def read_lock(document: str | None) -> Lock:
    """Returns the lock of the JSON that is stored with an object."""
    return Lock(**json.loads(document)) if document else NO_LOCK


def write_lock(lock: Lock) -> str | None:
    """Returns the JSON to store; None for no lock."""
    if lock == NO_LOCK:
        return None
    return json.dumps(vars(lock), separators=(",", ":"))


def require_deletable(document: str | None, now_ms: int, *, bypass: bool = False) -> None:
    """Raises AccessDenied for a version whose lock forbids that it is deleted.

    ``document`` is its lock as it is stored; ``bypass`` whether who deletes it passes over governance.
    """
    if document is None:
        return
    lock = read_lock(document)
    if lock.legal_hold or (lock.is_retained(now_ms) and (lock.mode == COMPLIANCE or not bypass)):
        raise protected()


def protected() -> S3Error:
    return S3Error("AccessDenied", "Access Denied because object protected by object lock.")


def configuration_of_document(root: Element) -> ObjectLockConfiguration:
    """Returns what an ObjectLockConfiguration document says; raises MalformedXML, InvalidRetentionPeriod."""
    refuse_unknown_children(root, ["ObjectLockEnabled", "Rule"])
    rules = root.findall("Rule")
    if text_of(root, "ObjectLockEnabled") != "Enabled" or len(rules) > 1:
        raise S3Error("MalformedXML")
    if not rules:
        return ObjectLockConfiguration()
    refuse_unknown_children(rules[0], ["DefaultRetention"])
    retention = rules[0].find("DefaultRetention")
    if retention is None:
        raise S3Error("MalformedXML")
    refuse_unknown_children(retention, ["Mode", "Days", "Years"])
    mode, days, years = (text_of(retention, name) for name in ("Mode", "Days", "Years"))
    if mode not in MODES or (days is None) == (years is None):
        raise S3Error("MalformedXML")
    return ObjectLockConfiguration(
        mode, _period("Days", days, DAYS_LIMIT), _period("Years", years, YEARS_LIMIT)
    )


def _period(name: str, text: str | None, limit: int) -> int | None:
    if text is None:
        return None
    number = whole_number(text.strip().removeprefix("-"))
    if number is None:
        raise S3Error("MalformedXML")
    if text.strip().startswith("-") or number == 0:
        message = f"Default retention period must be a positive integer value for '{name}'"
        raise S3Error("InvalidRetentionPeriod", message)
    if number > limit:
        message = f"Default retention period too large for '{name}'; the limit is {limit}"
        raise S3Error("InvalidRetentionPeriod", message)
    return number


def configuration_document(configuration: ObjectLockConfiguration) -> bytes:
    rule = ""
    if configuration.mode is not None:
        retention = fields(
            ("Mode", configuration.mode), ("Days", configuration.days), ("Years", configuration.years)
        )
        rule = element("Rule", element("DefaultRetention", retention))
    return document("ObjectLockConfiguration", field("ObjectLockEnabled", "Enabled"), rule)
