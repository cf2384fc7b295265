"""One fault: what goes wrong, with which calls, and how."""

from __future__ import annotations

from dataclasses import dataclass

from s3portal.server.api.operations import OPERATIONS, QUERY_OPERATIONS
from s3portal.server.gateway.cors_answers import PREFLIGHT
from s3portal.server.wire.errors import ERRORS, S3Error

ANY = "*"
OPERATION_NAMES = {
    *(operation.name for operation in OPERATIONS),
    *(operation.name for operation in QUERY_OPERATIONS),
    PREFLIGHT,
    ANY,
}
_CODES = {503: "SlowDown", 403: "AccessDenied", 404: "NoSuchKey", 400: "InvalidRequest"}


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and with which calls.

    ``status`` answers with an error of that HTTP status (200: an error inside a success), ``code`` with that
    error of S3, ``message`` in these words, ``retry_after_s`` with that header; ``delay_s`` waits first;
    ``drop`` resets the connection before anything is read or answered, ``lose_answer`` after all was done;
    ``cut_body_at`` resets it after that many bytes of the body, coming in or going out; ``corrupt`` changes
    the first byte of the body.
    ``unless_header``: only calls that come without this header, named in lower case.
    ``every`` n-th call, the ``first`` n calls, or each call with ``probability``; all calls without these.
    """

    operation: str
    status: int | None = None
    delay_s: float = 0.0
    drop: bool = False
    cut_body_at: int | None = None
    corrupt: bool = False
    every: int | None = None
    first: int | None = None
    probability: float | None = None
    code: str | None = None
    message: str | None = None
    retry_after_s: int | None = None
    lose_answer: bool = False
    unless_header: str | None = None

    def __post_init__(self) -> None:
        require_operation(self.operation)
        if self.code is not None and self.code not in ERRORS:
            raise ValueError(f"{self.code!r} is not an S3 error code")
        cuts = self.drop or self.lose_answer or self.cut_body_at is not None
        if not (self.status or self.code or self.delay_s or self.corrupt or cuts):
            raise ValueError(
                "a fault needs one of status, code, delay_s, drop, lose_answer, cut_body_at, corrupt"
            )

    @property
    def error(self) -> S3Error | None:
        """The answer that replaces the operation; None if the operation runs."""
        if not (self.status or self.code):
            return None
        code = self.code or _CODES.get(self.status or 0, "InternalError")
        headers = {"Retry-After": str(self.retry_after_s)} if self.retry_after_s is not None else {}
        return S3Error(code, self.message, status=self.status, headers=headers)


def require_operation(name: str) -> None:
    if name not in OPERATION_NAMES:
        raise ValueError(f"{name!r} is not an operation; there are {', '.join(sorted(OPERATION_NAMES))}")
