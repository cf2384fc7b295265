"""Why requests were refused: told to those who run the server, and kept for a while to be asked about.

The last refusals are in a file of the server's folder, which all its processes write and ``s3portal explain``
reads. Tokens, signatures, cookies and keys of customers (SSE-C) are not in it.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from s3portal.server.access.mismatch import Mistake, SignatureMismatch, first_difference
from s3portal.server.authority.denied import AccessDenied
from s3portal.server.gateway.json_lines import JsonLines
from s3portal.server.wire.errors import S3Error

FILE = "refusals.jsonl"
# Of each of two files: the older one is forgotten when the newer one is full.
FILE_LIMIT_BYTES = 1024 * 1024
REASON_HEADER = "x-s3portal-reason"
_HEADER_LIMIT = 1000
_TEXT_LIMIT = 16 * 1024
_SECRETS = re.compile(
    r"((?:X-Amz-Security-Token|X-Amz-Signature|Signature)="
    r"|(?:x-amz-security-token|x-amz-[a-z-]*customer-key|x-secret-key|authorization|cookie):)[^&\n]+",
    re.IGNORECASE,
)
_TIMES = ("%Y%m%dT%H%M%SZ", "%Y-%m-%dT%H:%M:%SZ")
# These say more of a request than that it was not in order.
_TOLD = {
    "InvalidRequest",
    "AuthorizationHeaderMalformed",
    "AuthorizationQueryParametersError",
    "NotImplemented",
}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Refusal:
    """One refused request. ``reason`` is a sentence; ``ours`` and ``theirs`` are canonical requests, '' where
    there is none or it is not known; ``clock_difference_s`` how far the caller's clock is behind (or, below
    0, ahead of) the server's, None where it does not matter."""

    request_id: str
    at: str
    operation: str
    method: str
    resource: str
    user: str | None
    status: int
    code: str
    reason: str
    missing_permission: str | None = None
    ours: str = ""
    theirs: str = ""
    clock_difference_s: int | None = None


def is_told(error: S3Error) -> bool:
    """Whether an error is a refusal that people ask about."""
    return error.status in (401, 403) or error.code in _TOLD or "Token" in error.code


def reason_of(error: S3Error) -> str:
    """Returns why a request was refused, as a sentence."""
    if isinstance(error, AccessDenied):
        return str(error.decision)
    if isinstance(error, SignatureMismatch):
        return _reason_of_mismatch(error.canonical_request, error.mistake)
    difference_s = clock_difference_s(error)
    if difference_s is not None and error.code == "RequestTimeTooSkewed":
        side = "behind" if difference_s > 0 else "ahead of"
        return f"the caller's clock is {abs(difference_s)} seconds {side} the server's; 900 are allowed"
    if difference_s is not None and "expired" in error.message:
        return f"the signature expired {difference_s} seconds before the request came"
    if error.code == "InvalidAccessKeyId":
        return f"no user here has the access key id {error.facts.get('AWSAccessKeyId', '')}"
    if error.code == "AccessDenied" and error.message == "Access Denied":
        return "nobody known has signed the request, and nothing is allowed to everybody here"
    return error.message


def _reason_of_mismatch(ours: str, mistake: Mistake | None) -> str:
    if mistake is None:
        return (
            "the signature is not that of this request: the secret access key is another one, or the request "
            "was changed on its way; compare the canonical requests"
        )
    difference = first_difference(ours, mistake.theirs) if mistake.theirs else None
    if difference is None:
        return mistake.what
    number, line, signed = difference
    return f"{mistake.what}: line {number} of the canonical request is {line!r} here, {signed!r} was signed"


def clock_difference_s(error: S3Error) -> int | None:
    """Returns how long before now a refused request says it was signed, or was valid."""
    given = error.facts.get("RequestTime") or error.facts.get("Expires")
    moments = [_moment(text) for text in (given, error.facts.get("ServerTime"))]
    if moments[0] is None or moments[1] is None:
        return None
    return int((moments[1] - moments[0]).total_seconds())


def _moment(text: str | None) -> datetime | None:
    if text and text.isdecimal():
        return datetime.fromtimestamp(int(text), timezone.utc)
    for time_format in _TIMES:
        try:
            return datetime.strptime(text or "", time_format).replace(tzinfo=timezone.utc)
        except ValueError:
            continue
    return None


def refusal_of(
    error: S3Error, *, request_id: str, operation: str, method: str, resource: str, user: str | None
) -> Refusal:
    ours, theirs = "", ""
    if isinstance(error, SignatureMismatch):
        ours = error.canonical_request
        theirs = (error.mistake.theirs or "") if error.mistake else ""
    elif error.code == "SignatureDoesNotMatch":
        ours = error.facts.get("StringToSign", "")
    return Refusal(
        request_id=request_id,
        at=datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        operation=operation,
        method=method,
        resource=resource[:_TEXT_LIMIT],
        user=user or error.facts.get("AWSAccessKeyId"),
        status=error.status,
        code=error.code,
        reason=without_secrets(reason_of(error))[:_TEXT_LIMIT],
        missing_permission=error.decision.action if isinstance(error, AccessDenied) else None,
        ours=without_secrets(ours)[:_TEXT_LIMIT],
        theirs=without_secrets(theirs)[:_TEXT_LIMIT],
        clock_difference_s=clock_difference_s(error),
    )


def without_secrets(text: str) -> str:
    return _SECRETS.sub(r"\1...", text)


def reason_header(reason: str) -> str:
    """Returns a reason as a header can carry it: one line of ASCII."""
    line = " ".join(without_secrets(reason).split())
    return line.encode("ascii", "backslashreplace").decode()[:_HEADER_LIMIT]


class Refusals:
    """Keeps the last refusals in a folder. Never raises: a full disk makes no good answer an error."""

    def __init__(self, root: Path) -> None:
        self._lines = JsonLines(root / FILE, limit_bytes=FILE_LIMIT_BYTES, files=2)

    def add(self, refusal: Refusal) -> None:
        try:
            self._lines.append(json.dumps(asdict(refusal), separators=(",", ":")).encode())
        except OSError as problem:
            log.error("a refusal could not be noted: %s", problem)


def read_refusals(root: Path) -> Iterator[Refusal]:
    """Returns the refusals in a server's folder, the oldest first."""
    path = root / FILE
    for found in (_older(path), path):
        if not found.exists():
            continue
        for line in found.read_text("utf-8").splitlines():
            try:
                yield Refusal(**json.loads(line))
            except (ValueError, TypeError) as torn:
                log.debug("a line of %s is not whole: %s", found, torn)


def _older(path: Path) -> Path:
    return path.with_suffix(".1.jsonl")
