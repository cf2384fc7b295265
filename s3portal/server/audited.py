"""What is changed by a command beside a server is noted in the server's audit log, as by the API."""

from __future__ import annotations

import os
import pwd
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from s3portal.server.authority.arns import bucket_arn
from s3portal.server.config_audit import AuditConfig
from s3portal.server.gateway.audit import AuditLog, AuditRecord, Outcome
from s3portal.server.storage.records import FIRST_ACCOUNT
from s3portal.server.wire.errors import S3Error

#: In place of an address: nobody came over the network.
SHELL = "shell"


@contextmanager
def audited(
    root: Path,
    config: AuditConfig,
    action: str,
    parameters: Mapping[str, str],
    bucket: str | None = None,
) -> Iterator[None]:
    """Notes what is done within, once it is done or has failed, for the user of this machine who does it.
    ``parameters`` name what it is about, and are no secrets."""
    try:
        yield
    except S3Error as refused:
        _note(
            root, config, _record(action, parameters, bucket, refused.status, refused.code, refused.message)
        )
        raise
    except Exception as problem:
        _note(root, config, _record(action, parameters, bucket, 400, type(problem).__name__, str(problem)))
        raise
    _note(root, config, _record(action, parameters, bucket, 200))


def shell_user() -> str:
    """Returns who runs this command, as an ARN that no user of the server has."""
    number = os.geteuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:
        name = str(number)
    return f"arn:s3portal:shell::{FIRST_ACCOUNT}:user/{name}"


def _record(
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
        source_ip=SHELL,
        resource=named if bucket is None else bucket_arn(bucket),
        user=shell_user(),
        account=FIRST_ACCOUNT,
        bucket=bucket,
        parameters=dict(parameters),
        code=code,
        reason=reason,
    )


def _note(root: Path, config: AuditConfig, record: AuditRecord) -> None:
    if not config.enabled:
        return
    path = config.path_in(root)
    log = AuditLog(path, limit_bytes=config.max_bytes, files=config.files)
    try:
        log.add(record)
    finally:
        log.close()
