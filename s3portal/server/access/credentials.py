"""What a claim's access key stands for: a caller, and the secret that its signature is made with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

from s3portal.server.access.claims import Claim
from s3portal.server.access.directory import ROOT_USER, Directory, User
from s3portal.server.access.session_tokens import SessionSealer, is_session_key
from s3portal.server.authority.arns import session_arn
from s3portal.server.authority.callers import Caller
from s3portal.server.authority.policy import read_policy_text
from s3portal.server.wire.errors import S3Error


@dataclass(frozen=True)
class Credentials:
    """``session_ends_at`` is None for a user's long-lived key."""

    caller: Caller
    secret_access_key: str
    session_ends_at: datetime | None = None


def caller_of_user(user: User) -> Caller:
    """Returns a user as the one who calls."""
    return Caller(
        user.name,
        user.arn,
        user.access_key_id,
        user.account_id,
        (user.policy,),
        tags=user.tags,
        is_root=user.name == ROOT_USER,
    )


def credentials_of(claim: Claim, directory: Directory, sealer: SessionSealer) -> Credentials:
    """Returns what a claim says it is by; of a session, also where it is over.

    Raises InvalidAccessKeyId, and InvalidToken for a token that is not of this key, or of a role that is not
    there any more.
    """
    if claim.session_token is None:
        user = directory.user_with_key(claim.access_key_id)
        if user is None or is_session_key(claim.access_key_id):
            raise S3Error("InvalidAccessKeyId", facts={"AWSAccessKeyId": claim.access_key_id})
        return Credentials(caller_of_user(user), user.secret_access_key)
    session = sealer.open(claim.session_token, claim.access_key_id)
    role = directory.role_named(session.account_id, session.role)
    if role is None:
        raise S3Error("InvalidToken")
    caller = Caller(
        name=f"{role.name}/{session.name}",
        arn=session_arn(role.account_id, role.name, session.name),
        user_id=f"{session.role_id}:{session.name}",
        account_id=role.account_id,
        identity_policies=(role.policy,),
        session_policies=(read_policy_text(session.policy, "the session policy"),) if session.policy else (),
        role=role.name,
        # A session's tag wins over the role's of the same name, which is compared without case.
        tags={
            name: value
            for name, value in role.tags.items()
            if name.lower() not in map(str.lower, session.tags)
        }
        | dict(session.tags),
        session_began_at=session.issued_at,
    )
    return Credentials(
        caller,
        secret_access_key=sealer.secret_access_key(session.access_key_id),
        session_ends_at=datetime.fromtimestamp(session.expires_at, timezone.utc),
    )
