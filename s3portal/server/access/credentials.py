"""What a claim's access key stands for: a caller, and the secret that its signature is made with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

from s3portal.server.access.claims import Claim
from s3portal.server.access.directory import Directory
from s3portal.server.access.session_callers import caller_of_session
from s3portal.server.access.session_tokens import SessionSealer, is_session_key
from s3portal.server.authority.callers import Caller
from s3portal.server.wire.errors import S3Error


@dataclass(frozen=True)
class Credentials:
    """``session_ends_at`` is None for a user's long-lived key."""

    caller: Caller
    secret_access_key: str
    session_ends_at: datetime | None = None


def credentials_of(claim: Claim, directory: Directory, sealer: SessionSealer) -> Credentials:
    """Returns what a claim says it is by; of a session, also where it is over.

    Raises InvalidAccessKeyId, and InvalidToken for a token that is not of this key, or of a role or user that
    is not there any more.
    """
    if claim.session_token is None:
        user = directory.user_with_key(claim.access_key_id)
        if user is None or is_session_key(claim.access_key_id):
            raise S3Error("InvalidAccessKeyId", facts={"AWSAccessKeyId": claim.access_key_id})
        return Credentials(user.caller, user.secret_access_key)
    session = sealer.open(claim.session_token, claim.access_key_id)
    return Credentials(
        caller_of_session(session, directory),
        secret_access_key=sealer.secret_access_key(session.access_key_id),
        session_ends_at=datetime.fromtimestamp(session.expires_at, timezone.utc),
    )
