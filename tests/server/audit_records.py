"""The audit log of a server under test."""

from __future__ import annotations

from s3portal.server.gateway.audit import FILE
from s3portal.server.gateway.audit_reading import AuditFilter, read_audit

PORTAL = "arn:aws:iam::000000000000:user/portal"


def log_of(server):
    return server._server.storage.root / FILE


def records(server, **wanted):
    """Returns what was noted, the oldest first."""
    return list(read_audit(log_of(server), AuditFilter(**wanted)))[::-1]
