"""Who may do what: users and roles from the configuration, and the caller of one request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from s3portal.server.authority.policy import ALLOW_ALL, Policy

ACCOUNT_ID = "000000000000"


def bucket_arn(bucket: str) -> str:
    return f"arn:aws:s3:::{bucket}"


def object_arn(bucket: str, key: str) -> str:
    return f"arn:aws:s3:::{bucket}/{key}"


@dataclass(frozen=True)
class User:
    """Somebody with a long-lived access key."""

    name: str
    access_key_id: str
    secret_access_key: str
    policy: Policy = ALLOW_ALL

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{ACCOUNT_ID}:user/{self.name}"


@dataclass(frozen=True)
class Role:
    """What trusted users may become for a while, by AssumeRole. ``max_session_s`` is in seconds."""

    name: str
    policy: Policy
    trusted: frozenset[str]
    max_session_s: int = 3600

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{ACCOUNT_ID}:role/{self.name}"


@dataclass(frozen=True)
class Caller:
    """Who sends a request, proven by its signature.

    ``policies`` must all allow what is asked for: that of the user; or that of the role and, where
    one was given with AssumeRole, the session policy. ``session_ends_at`` is None for a user.
    """

    name: str
    arn: str
    user_id: str
    secret_access_key: str
    policies: tuple[Policy, ...]
    role: Role | None = None
    session_ends_at: datetime | None = None

    def may(self, action: str, resource: str, context: Mapping[str, str] | None = None) -> bool:
        return all(policy.allows(action, resource, context or {}) for policy in self.policies)


@dataclass(frozen=True)
class Directory:
    """All users and roles."""

    users: tuple[User, ...]
    roles: tuple[Role, ...]

    @cached_property
    def _users_by_key(self) -> Mapping[str, User]:
        return {user.access_key_id: user for user in self.users}

    @cached_property
    def _roles_by_name(self) -> Mapping[str, Role]:
        return {role.name: role for role in self.roles}

    def user_with_key(self, access_key_id: str) -> User | None:
        return self._users_by_key.get(access_key_id)

    def role_named(self, name: str) -> Role | None:
        return self._roles_by_name.get(name)


def caller_of_user(user: User) -> Caller:
    return Caller(user.name, user.arn, user.access_key_id, user.secret_access_key, (user.policy,))
