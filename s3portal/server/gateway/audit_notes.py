"""Notes in the audit log of what is changed in another way than by a request."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone

from s3portal.server.authority.arns import bucket_arn
from s3portal.server.gateway.audit import AuditRecord, Outcome
from s3portal.server.wire.errors import S3Error


@dataclass(frozen=True)
class Actor:
    """Who changes something. ``user`` is an ARN; ``source_ip`` an address, or ``shell`` for a command."""

    user: str
    account: str
    source_ip: str
    access_key_id: str | None = None


@contextmanager
def noted(
    note: Callable[[AuditRecord], None],
    actor: Actor,
    action: str,
    parameters: Mapping[str, str],
    bucket: str | None = None,
) -> Iterator[None]:
    """Notes what is done within, once it is done or has failed. ``parameters`` name what it is about, and are
    no secrets."""
    try:
        yield
    except S3Error as refused:
        note(_record(actor, action, parameters, bucket, refused.status, refused.code, refused.message))
        raise
    except Exception as problem:
        note(_record(actor, action, parameters, bucket, 400, type(problem).__name__, str(problem)))
        raise
    note(_record(actor, action, parameters, bucket, 200))


def _record(
    actor: Actor,
    action: str,
    parameters: Mapping[str, str],
    bucket: str | None,
    status: int,
    code: str | None = None,
    reason: str | None = None,
) -> AuditRecord:
    named = next((f"{name}={value}" for name, value in parameters.items()), "*")
    return AuditRecord(
        at=datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        request_id=secrets.token_hex(8).upper(),
        action=action,
        outcome=(Outcome.ALLOWED if status == 200 else Outcome.FAILED).value,
        status=status,
        source_ip=actor.source_ip,
        resource=named if bucket is None else bucket_arn(bucket),
        user=actor.user,
        account=actor.account,
        access_key_id=actor.access_key_id,
        bucket=bucket,
        parameters=dict(parameters),
        code=code,
        reason=reason,
    )
