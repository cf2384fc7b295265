"""The audit log: who did what to what, from where, and whether they were let, and why not.

A JSON line for each request that changes something, of every dialect; on demand for those that read, too. It
has no bodies, no queries, no signatures, tokens or keys of customers: of the parameters of STS, IAM and KMS
it has those that name something.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from s3portal.server.authority.arns import bucket_arn, object_arn
from s3portal.server.authority.denied import AccessDenied
from s3portal.server.gateway.exchange import Exchange
from s3portal.server.gateway.json_lines import JsonLines
from s3portal.server.gateway.refusals import reason_of, without_secrets
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.s3_request import COPY_HEADER

FILE = "audit.jsonl"
LIMIT_BYTES = 16 * 1024 * 1024
FILES = 8
_TEXT_LIMIT = 2048
_AGENT_LIMIT = 256
_READING_METHODS = ("GET", "HEAD", "OPTIONS")
# Actions of STS, IAM and KMS are all POSTs: these begin like reading. Keys that are handed out are none.
_READING_PREFIXES = ("Get", "List", "Describe", "Simulate")
_NO_READING = ("GetSessionToken", "GetFederationToken")
# Parameters that name what something is done to. None of them is secret.
# fmt: off
_NAMING = (
    "AccessKeyId", "AliasName", "DestinationKeyId", "DurationSeconds", "GroupName", "KeyId", "Name",
    "NewGroupName", "NewUserName", "PendingWindowInDays", "PermissionsBoundary", "PolicyArn", "PolicyName",
    "PolicySourceArn", "RoleArn", "RoleName", "RoleSessionName", "SourceIdentity", "SourceKeyId", "Status",
    "TargetKeyId", "UserName", "VersionId",
)
# fmt: on

_REFUSING = frozenset({401, 403})
_REFUSALS = frozenset({"AccessDeniedException", "ExpiredToken", "InvalidToken"})

log = logging.getLogger(__name__)


class Outcome(str, Enum):
    """What became of a request. LOST: the connection broke, and what was done by then is done."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    FAILED = "failed"
    LOST = "lost"


@dataclass(frozen=True)
class AuditRecord:
    """One line. ``at`` is in UTC (ISO 8601). ``user`` is an ARN, None for nobody known; ``access_key_id`` the
    key that was used, or named by whoever was refused. ``status`` is that of the answer, 0 without one.
    ``source_ip`` is ``shell`` for a command on the server's machine.

    ``reason`` says in a sentence why a request was refused, ``statement`` and ``policy`` which statement of
    which policy did, '' where none allowed it. ``parameters`` name what an action of STS, IAM or KMS is
    about.
    """

    at: str
    request_id: str
    action: str
    outcome: str
    status: int
    source_ip: str
    resource: str
    user: str | None = None
    account: str | None = None
    access_key_id: str | None = None
    bucket: str | None = None
    key: str | None = None
    version_id: str | None = None
    copied_from: str | None = None
    parameters: Mapping[str, str] | None = None
    user_agent: str | None = None
    code: str | None = None
    reason: str | None = None
    policy: str | None = None
    statement: str | None = None


class AuditLog:
    """Writes the log into a file that all processes of a server share. Never raises: what could not be
    written is logged as an error."""

    def __init__(
        self, path: Path, *, limit_bytes: int = LIMIT_BYTES, files: int = FILES, reads: bool = False
    ) -> None:
        self._lines = JsonLines(path, limit_bytes=limit_bytes, files=files)
        self._reads = reads

    def note(self, exchange: Exchange, status: int) -> None:
        """Writes the line of a request that was answered; of one about several objects, a line for each."""
        if not self._reads and not changes(exchange):
            return
        try:
            for line in _lines_of(exchange, status):
                self._lines.append(line)
        except OSError as problem:
            # A full disk must not turn a good answer into an error.
            log.error("request %s could not be noted in the audit log: %s", exchange.request_id, problem)

    def add(self, record: AuditRecord) -> None:
        """Writes the line of something that was done in another way than by a request."""
        try:
            self._lines.append(_encoded(asdict(record)))
        except OSError as problem:
            log.error("%s could not be noted in the audit log: %s", record.action, problem)

    def close(self) -> None:
        self._lines.close()


def changes(exchange: Exchange) -> bool:
    """Whether a request changes something, or would if it were let."""
    request, name = exchange.request, exchange.operation_name
    if request.method in _READING_METHODS:
        return False
    is_action = request.method == "POST" and request.bucket is None
    return not (is_action and name.startswith(_READING_PREFIXES) and name not in _NO_READING)


def _lines_of(exchange: Exchange, status: int) -> Iterator[bytes]:
    line = _described(exchange, status)
    touched_ones = exchange.call.touched if exchange.call is not None and exchange.error is None else ()
    if not touched_ones:
        yield _encoded(line | _refusal(exchange.error))
        return
    for touched in touched_ones:
        refused = touched.refused
        outcome = _outcome(status if refused is None else refused.status, refused)
        resource = object_arn(exchange.request.bucket or "", touched.key)
        of_one = {"outcome": outcome, "resource": resource, "key": touched.key}
        yield _encoded(line | of_one | {"version_id": touched.version_id} | _refusal(refused))


def _encoded(line: Mapping[str, Any]) -> bytes:
    given = {name: value for name, value in line.items() if value is not None}
    return json.dumps(given, separators=(",", ":")).encode()


def _described(exchange: Exchange, status: int) -> dict[str, Any]:
    request, caller = exchange.request, exchange.caller
    parameters = _parameters(exchange)
    facts = exchange.error.facts if exchange.error is not None else {}
    return {
        "at": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        "request_id": exchange.request_id,
        "action": exchange.operation_name,
        "outcome": _outcome(status, exchange.error),
        "status": status,
        "source_ip": request.remote_addr,
        "resource": _resource(exchange, parameters),
        "user": None if caller is None else caller.arn,
        "account": None if caller is None else caller.account_id,
        "access_key_id": _short((caller.access_key_id if caller else "") or facts.get("AWSAccessKeyId")),
        "bucket": _short(request.bucket),
        "key": exchange.key,
        "version_id": _short(request.parameter("versionId")),
        "copied_from": request.copied_from if COPY_HEADER in request.headers else None,
        "parameters": parameters or None,
        "user_agent": _short(request.header("user-agent"), _AGENT_LIMIT),
    }


def _refusal(error: S3Error | None) -> dict[str, Any]:
    if error is None:
        return {}
    told: dict[str, Any] = {"code": error.code, "reason": _short(without_secrets(reason_of(error)))}
    if isinstance(error, AccessDenied):
        decision = error.decision
        told |= {"policy": decision.policy, "statement": str(decision.statement or "")}
    return told


def _outcome(status: int, error: S3Error | None) -> str:
    if status == 0:
        return Outcome.LOST.value
    if status < 400:
        return Outcome.ALLOWED.value
    # Some protocols answer refusals with 400.
    statuses = (status, status if error is None else error.status)
    is_refusal = not _REFUSING.isdisjoint(statuses) or (error is not None and error.code in _REFUSALS)
    return Outcome.REFUSED.value if is_refusal else Outcome.FAILED.value


def _resource(exchange: Exchange, parameters: Mapping[str, str]) -> str:
    request = exchange.request
    if request.bucket is not None:
        key = exchange.key
        return bucket_arn(request.bucket) if key is None else object_arn(request.bucket, key)
    arns = [value for value in parameters.values() if value.startswith("arn:")]
    if arns:
        return arns[0]
    return next(iter(f"{name}={value}" for name, value in parameters.items()), "*")


def _parameters(exchange: Exchange) -> dict[str, str]:
    """Returns what names something in the body of an action, a form or a JSON document."""
    content = exchange.asked.content
    if not content:
        return {}
    text = content.decode("utf-8", "replace")
    try:
        # What it is, its dialect says: a text can be both.
        if exchange.asked.is_form:
            document: Any = {name: values[0] for name, values in parse_qs(text).items()}
        else:
            document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(document, Mapping):
        return {}
    found = {name: document.get(name) for name in _NAMING}
    return {name: str(value)[:_TEXT_LIMIT] for name, value in found.items() if isinstance(value, (str, int))}


def _short(text: str | None, limit: int = _TEXT_LIMIT) -> str | None:
    return text[:limit] if text else None


FIELDS = frozenset(field.name for field in fields(AuditRecord))
