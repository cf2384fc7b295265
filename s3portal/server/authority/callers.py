"""Who asks for something: a user, a session of a role, or nobody that is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from s3portal.server.authority.arns import role_arn
from s3portal.server.authority.policy import Policy


@dataclass(frozen=True)
class Caller:
    """``account_id`` is None for the anonymous one.

    ``identity_policies`` are those of the user or of the role. ``session_policies`` came with AssumeRole:
    where there are any, one of them has to allow what the others give. A Deny in any of either wins. ``role``
    is the name of a session's role, None for others; ``tags`` are the user's or the role's.
    ``session_began_at`` is when AssumeRole granted a session, in seconds since 1970, None where that is not
    known. ``is_root`` is the administrator of the whole account.
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

    @property
    def is_anonymous(self) -> bool:
        return self.account_id is None

    @property
    def writer(self) -> str | None:
        """The ARN of whose quota counts what this caller stores: the user, or the role of a session; None for
        the anonymous one."""
        if self.account_id is None:
            return None
        return self.arn if self.role is None else role_arn(self.account_id, self.role)


ANONYMOUS = Caller("anonymous", "anonymous", "anonymous", None, ())
