"""Who asks for something: a user, a session of a role, or nobody that is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from s3portal.server.authority.arns import role_arn
from s3portal.server.authority.policy import Policy
from s3portal.server.authority.policy_patterns import Values


class SessionKind(Enum):
    """What a caller's temporary credentials are: a role's, a user's own (GetSessionToken), or those that a
    user has given to somebody (GetFederationToken)."""

    ROLE = "AssumedRole"
    OWN = "SessionToken"
    FEDERATED = "FederatedUser"


@dataclass(frozen=True)
class Caller:
    """``account_id`` is None for the anonymous one.

    ``identity_policies`` are those of the user or of the role. ``session_policies`` came with AssumeRole:
    where there are any, one of them has to allow what the others give. A Deny in any of either wins. ``role``
    is the name of a session's role, None for others; ``tags`` are the user's or the role's.
    ``session_began_at`` is when AssumeRole granted a session, in seconds since 1970, None where that is not
    known. ``is_root`` is the administrator of the whole account.

    ``boundary`` is the permissions boundary: what neither it nor a resource gives is not allowed.
    ``session`` is None for a long-lived key. ``behind`` is the ARN of the user or role whose session it is,
    None where it follows from ``role`` or is the caller's own. ``session_keys`` are the condition keys that
    the session brings along, in lower case.

    ``ends_with`` names the user with whom sessions that the caller begins end, '' without one; ``provider``
    is the ARN of the identity provider with which they end, '' where none has vouched for the caller;
    ``access_key_id`` is the long-lived key that signed, '' of a session; ``transitive_tags`` are the names of
    the session's tags that it hands on.
    """

    name: str
    arn: str
    user_id: str
    account_id: str | None
    identity_policies: tuple[Policy, ...]
    session_policies: tuple[Policy, ...] = ()
    role: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    session_began_at: int | None = None
    is_root: bool = False
    boundary: Policy | None = None
    session: SessionKind | None = None
    behind: str | None = None
    session_keys: Mapping[str, Values] = field(default_factory=dict)
    ends_with: str = ""
    provider: str = ""
    access_key_id: str = ""
    transitive_tags: tuple[str, ...] = ()

    @property
    def identity_arn(self) -> str:
        """The ARN of the user or role itself, which for many sessions is another one than their own."""
        if self.behind is not None:
            return self.behind
        if self.role is not None and self.account_id is not None:
            return role_arn(self.account_id, self.role)
        return self.arn

    @property
    def is_anonymous(self) -> bool:
        return self.account_id is None

    @property
    def writer(self) -> str | None:
        """The ARN of whose quota counts what this caller stores: the user, also of a session, or the role of
        one; None for the anonymous one."""
        return None if self.is_anonymous else self.identity_arn


ANONYMOUS = Caller("anonymous", "anonymous", "anonymous", None, ())
