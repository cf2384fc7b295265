"""What is changed by a command beside a server is noted in the server's audit log, as by the API."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from s3portal.server.config_audit import AuditConfig
from s3portal.server.gateway.audit import AuditLog, AuditRecord
from s3portal.server.gateway.audit_notes import Actor, noted
from s3portal.server.storage.records import FIRST_ACCOUNT

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
    """As ``noted``, by a command beside the server, for the user of this machine."""
    actor = Actor(shell_user(), FIRST_ACCOUNT, SHELL)
    with noted(partial(_write, root, config), actor, action, parameters, bucket):
        yield


def shell_user() -> str:
    """Returns who runs this command, as an ARN that no user of the server has."""
    number = os.geteuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:
        name = str(number)
    return f"arn:s3portal:shell::{FIRST_ACCOUNT}:user/{name}"


def _write(root: Path, config: AuditConfig, record: AuditRecord) -> None:
    if not config.enabled:
        return
    path = config.path_in(root)
    log = AuditLog(path, limit_bytes=config.max_bytes, files=config.files)
    try:
        log.add(record)
    finally:
        log.close()
