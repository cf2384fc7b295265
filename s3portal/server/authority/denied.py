"""The error for callers who may not do what they ask for."""

from __future__ import annotations

from s3portal.server.authority.decision import Decision
from s3portal.server.wire.errors import S3Error


class AccessDenied(S3Error):
    """The caller is told no more than that, or what AWS says in ``message``; ``decision`` says why to those
    who run the server."""

    def __init__(self, decision: Decision, message: str | None = None) -> None:
        super().__init__("AccessDenied", message)
        self.decision = decision
