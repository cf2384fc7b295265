"""Who asks for something: a user, a session of a role, or nobody that is known."""

from __future__ import annotations

from dataclasses import dataclass

from s3portal.server.authority.policy import Policy


@dataclass(frozen=True)
class Caller:
    """``account_id`` is None for the anonymous one.

    ``identity_policies`` are those of the user or of the role: one of them has to allow what is asked for.
    ``session_policies`` came with AssumeRole: where there are any, one of them has to allow it too. A Deny in
    any of either wins. ``role`` is the name of a session's role, None for others.
    """

    name: str
    arn: str
    user_id: str
    account_id: str | None
    identity_policies: tuple[Policy, ...]
    session_policies: tuple[Policy, ...] = ()
    role: str | None = None

    @property
    def is_anonymous(self) -> bool:
        return self.account_id is None


ANONYMOUS = Caller("anonymous", "anonymous", "anonymous", None, ())
