"""The audit log over HTTP: ``GET /?audit``, as JSON, the newest records first. Not S3's own.

For those who may do ``cloudtrail:LookupEvents``, AWS's name of the same, or everything of IAM. They see what
the callers of their own account did; in the first account, that of who runs the server, all of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path

from s3portal.server.authority.denied import AccessDenied
from s3portal.server.gateway.audit import AuditRecord, Outcome
from s3portal.server.gateway.audit_reading import AuditFilter, read_audit
from s3portal.server.gateway.call import Call, Target
from s3portal.server.gateway.operation import SERVICE, Operation
from s3portal.server.storage.records import FIRST_ACCOUNT
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply

ACTIONS = ("cloudtrail:LookupEvents", "iam:*")
DEFAULT_LIMIT, LIMIT = 100, 1000
# How many lines of others are looked through for one answer; what is beyond is asked for with ``until``.
LOOKED_AT_LIMIT = 200_000


def get_audit_log(call: Call) -> Reply:
    """Answers ``{"records": [...], "looked_back_to": ...}``: up to ``limit`` records that the parameters
    user, action, bucket, outcome, since and until let through. ``looked_back_to`` is the time of the oldest
    line that was looked at, None at the end of the log."""
    _require_permission(call)
    path = call.service.audit_file
    if path is None:
        raise S3Error("NotImplemented", "This server keeps no audit log.")
    limit = call.number("limit", default=DEFAULT_LIMIT, limit=LIMIT, least=1)
    wanted = AuditFilter(
        user=call.parameter("user") or None,
        action=call.parameter("action") or None,
        bucket=call.parameter("bucket") or None,
        outcome=_outcome(call),
        since=_moment(call, "since"),
        until=_moment(call, "until"),
    )
    found: list[AuditRecord] = []
    looked_back_to: str | None = None
    for number, record in enumerate(_visible(call, path, wanted)):
        if number == LOOKED_AT_LIMIT or len(found) == limit:
            looked_back_to = record.at
            break
        if wanted.lets_through(record):
            found.append(record)
    shown = [{name: value for name, value in asdict(one).items() if value is not None} for one in found]
    document = {"records": shown, "looked_back_to": looked_back_to}
    return Reply(200, {"Content-Type": "application/json"}, json.dumps(document).encode())


def _visible(call: Call, path: Path, wanted: AuditFilter) -> Iterator[AuditRecord]:
    account_id = call.account_id
    for record in read_audit(path, AuditFilter(since=wanted.since, until=wanted.until)):
        if account_id in (FIRST_ACCOUNT, record.account):
            yield record


def _require_permission(call: Call) -> None:
    circumstances = call.circumstances(None)
    decisions = [call.decide(action, Target(None), None, circumstances) for action in ACTIONS]
    if not any(decision.allowed for decision in decisions):
        raise AccessDenied(decisions[0])


def _outcome(call: Call) -> Outcome | None:
    text = call.parameter("outcome")
    try:
        return Outcome(text) if text else None
    except ValueError as problem:
        raise _invalid("outcome", text or "") from problem


def _moment(call: Call, name: str) -> datetime | None:
    text = call.parameter(name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        # A time at the edge of what there is cannot be put into another zone.
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    except (ValueError, OverflowError) as problem:
        raise _invalid(name, text) from problem


def _invalid(name: str, value: str) -> S3Error:
    facts = {"ArgumentName": name, "ArgumentValue": value}
    return S3Error("InvalidArgument", f"{name} cannot be read", facts=facts)


OPERATIONS = (Operation("GetAuditLog", SERVICE, "GET", ("audit",), "", get_audit_log),)
