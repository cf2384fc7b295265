"""When lifecycle rules are due, and the headers that announce it.

Pure. Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-expire-general-considerations.html:
days are added to the time of the change, and the sum is rounded up to the next midnight, UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from email.utils import formatdate
from urllib.parse import quote

from s3portal.server.bucket_settings.lifecycle import Lifecycle, LifecycleRule
from s3portal.server.bucket_settings.xml_values import malformed
from s3portal.server.wire.errors import S3Error

DAY_MS = 24 * 3600 * 1000
# 9999-12-31: S3's numbers of days have 32 bits, and a date that headers can show has a year of four digits.
_LAST_DAY_MS = 2_932_896 * DAY_MS


def midnight_ms(text: str) -> int:
    """Returns the ISO 8601 date of a rule in ms since 1970. Raises MalformedXML, InvalidArgument."""
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        # With its offset it may be outside of the years that a date can show.
        moment = moment.astimezone(timezone.utc)
    except (ValueError, OverflowError) as problem:
        raise malformed() from problem
    since = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)
    moment_ms = since.days * DAY_MS + since.seconds * 1000 + since.microseconds // 1000
    if moment_ms % DAY_MS:
        raise S3Error("InvalidArgument", "'Date' must be at midnight GMT")
    return moment_ms


def due_ms(since_ms: int, days: int) -> int:
    """Returns the moment at which ``days`` have passed, in ms since 1970; the last day of the year 9999 for
    any later one."""
    return min(-(-(since_ms + days * DAY_MS) // DAY_MS) * DAY_MS, _LAST_DAY_MS)


def expiration_ms(rule: LifecycleRule, modified_at: int) -> int | None:
    """Returns when a rule ends a current version of that age, None where it never does."""
    if rule.expiration_days is not None:
        return due_ms(modified_at, rule.expiration_days)
    return rule.expiration_date_ms


def expiration_of(
    rules: Iterable[LifecycleRule], key: str, size_bytes: int, tags: Mapping[str, str], modified_at: int
) -> tuple[int, LifecycleRule] | None:
    """Returns when a current version ends, and by which rule: the first of those that mean it."""
    found = [
        (moment, rule)
        for rule in rules
        if (moment := expiration_ms(rule, modified_at)) is not None
        and rule.filter.matches(key, size_bytes, tags)
    ]
    return min(found, key=lambda pair: pair[0]) if found else None


def expiration_header(
    lifecycle: Lifecycle, key: str, size_bytes: int, tags: Mapping[str, str], modified_at: int
) -> dict[str, str]:
    """Returns ``x-amz-expiration``, or nothing for an object that stays."""
    found = expiration_of(lifecycle.enabled_rules, key, size_bytes, tags, modified_at)
    if found is None:
        return {}
    moment, rule = found
    return {"x-amz-expiration": f'expiry-date="{_date(moment)}", rule-id="{quote(rule.rule_id)}"'}


def abort_headers(lifecycle: Lifecycle, key: str, initiated_at: int) -> dict[str, str]:
    """Returns ``x-amz-abort-date`` and its rule, or nothing for an upload that may last."""
    found = [
        (due_ms(initiated_at, rule.abort_days), rule.rule_id)
        for rule in lifecycle.enabled_rules
        if rule.abort_days is not None and key.startswith(rule.filter.prefix)
    ]
    if not found:
        return {}
    moment, rule_id = min(found)
    return {"x-amz-abort-date": _date(moment), "x-amz-abort-rule-id": quote(rule_id)}


def _date(moment_ms: int) -> str:
    return formatdate(moment_ms // 1000, usegmt=True)
