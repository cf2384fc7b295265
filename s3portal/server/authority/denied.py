"""The error for callers who may not do what they ask for."""

from __future__ import annotations

from s3portal.server.authority.decision import Decision
from s3portal.server.wire.errors import S3Error


class AccessDenied(S3Error):
    """The caller is told no more than that; ``decision`` says why to those who run the server."""

    def __init__(self, decision: Decision) -> None:
        super().__init__("AccessDenied")
        self.decision = decision
