"""Object Lock as it meets a request: what a new object is locked with, and what a lock forbids."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from s3portal.server.access.payload import has_digest
from s3portal.server.bucket_settings import object_lock
from s3portal.server.bucket_settings.object_lock import MODES, NO_LOCK, OBJECT_LOCK, Lock
from s3portal.server.gateway.call import Call
from s3portal.server.storage.storage import now_ms
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.xml_documents import timestamp

BYPASS_HEADER = "x-amz-bypass-governance-retention"
MODE_HEADER = "x-amz-object-lock-mode"
UNTIL_HEADER = "x-amz-object-lock-retain-until-date"
LEGAL_HOLD_HEADER = "x-amz-object-lock-legal-hold"
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LATEST_MS = (datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc) - _EPOCH) // timedelta(milliseconds=1)
# The longest form of ISO 8601 that clients write has under 40 characters.
_DATE_LIMIT = 64


def lock_of_new_object(call: Call) -> Lock:
    """Returns what a new object is locked with: what its request says, or what the bucket does by default.

    Raises InvalidRequest where the bucket has no Object Lock, InvalidArgument.
    """
    configuration = call.bucket_row.require().settings.get(OBJECT_LOCK)
    mode, until = call.header(MODE_HEADER) or None, call.header(UNTIL_HEADER) or None
    legal_hold = _legal_hold_of(call.header(LEGAL_HOLD_HEADER) or None)
    if configuration is None:
        if mode is not None or until is not None or legal_hold:
            raise no_object_lock()
        return NO_LOCK
    if (mode is None) != (until is None):
        raise S3Error("InvalidArgument", f"{UNTIL_HEADER} and {MODE_HEADER} must both be supplied")
    if mode is None:
        default = object_lock.read(configuration)
        if default.mode is None:
            return Lock(legal_hold=legal_hold)
        return Lock(default.mode, default.retained_until_ms(now_ms()), legal_hold)
    if mode not in MODES:
        facts = {"ArgumentName": MODE_HEADER, "ArgumentValue": mode}
        raise S3Error("InvalidArgument", "Unknown wormMode directive.", facts=facts)
    until_ms = moment_of(until or "")
    if until_ms is None:
        facts = {"ArgumentName": UNTIL_HEADER, "ArgumentValue": until or ""}
        message = "The retain until date must be provided in ISO 8601 format"
        raise S3Error("InvalidArgument", message, facts=facts)
    require_future(until_ms)
    return Lock(mode, until_ms, legal_hold)


def require_digest(call: Call, lock: str | None, subject: str = "Object") -> None:
    """Raises InvalidRequest for what will be locked and comes without a digest of its content."""
    if lock is not None and not has_digest(call.request):
        raise S3Error(
            "InvalidRequest",
            f"Content-MD5 OR x-amz-checksum- HTTP header is required for Put {subject} requests with Object "
            "Lock parameters",
        )


def _legal_hold_of(text: str | None) -> bool | None:
    if text is None:
        return None
    if text.upper() not in ("ON", "OFF"):
        facts = {"ArgumentName": LEGAL_HOLD_HEADER, "ArgumentValue": text}
        raise S3Error("InvalidArgument", "Legal Hold must be either of 'ON' or 'OFF'", facts=facts)
    return text.upper() == "ON"


def moment_of(text: str) -> int | None:
    """Returns an ISO 8601 moment in ms since 1970, 0 for an earlier one, None for what is none.

    Without a zone it is in UTC.
    """
    text = text.strip()
    if len(text) > _DATE_LIMIT:
        return None
    try:
        # Python 3.10 reads neither Z nor any number of decimals.
        seconds, dot, rest = text.replace("Z", "+00:00").partition(".")
        decimals = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        zone = rest[len(decimals) :]
        moment = datetime.fromisoformat(
            f"{seconds}{dot}{decimals[:6].ljust(6, '0')}{zone}" if dot else seconds
        )
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        until_ms = (moment - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return None
    # With its offset it may be outside of the years that a date can show.
    return max(until_ms, 0) if until_ms <= _LATEST_MS else None


def require_future(until_ms: int) -> None:
    """Raises InvalidArgument for a retention that would have ended."""
    if until_ms <= now_ms():
        raise S3Error("InvalidArgument", "The retain until date must be in the future!")


def no_object_lock() -> S3Error:
    return S3Error("InvalidRequest", "Bucket is missing Object Lock Configuration")


def bypasses_governance(call: Call, key: str, version_id: str | None) -> bool:
    """Whether the call asks to pass over governance, and may."""
    asked = (call.header(BYPASS_HEADER) or "").lower() == "true"
    return asked and call.may("s3:BypassGovernanceRetention", call.bucket, key, version_id=version_id)


def lock_headers(call: Call, document: str | None) -> dict[str, str]:
    """Returns what GET and HEAD say of a version's lock to who may read it."""
    if document is None:
        return {}
    lock, headers = object_lock.read_lock(document), {}

    def may(action: str) -> bool:
        return call.may(action, call.bucket, call.key, version_id=call.parameter("versionId"))

    if lock.mode is not None and may("s3:GetObjectRetention"):
        headers[MODE_HEADER] = lock.mode
        headers[UNTIL_HEADER] = timestamp(lock.until_ms or 0)
    if lock.legal_hold is not None and may("s3:GetObjectLegalHold"):
        headers[LEGAL_HOLD_HEADER] = "ON" if lock.legal_hold else "OFF"
    return headers
