"""Who exists: accounts, their users and roles. Where they are kept is a Directory's own affair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from s3portal.server.authority.arns import role_arn, user_arn
from s3portal.server.authority.callers import Caller
from s3portal.server.authority.policy import ALLOW_ALL, Policy
from s3portal.server.storage.records import FIRST_ACCOUNT

#: The administrator of an account, whom no policy of a bucket locks out.
ROOT_USER = "root"


@dataclass(frozen=True)
class Account:
    """Who owns buckets and objects. ``account_id`` has 12 digits; ``name`` is shown to people."""

    account_id: str
    name: str


@dataclass(frozen=True)
class Identity:
    """Which user it is: another one of the same name, who came later, has another ``user_id``."""

    account_id: str
    name: str
    user_id: str = ""

    def __str__(self) -> str:
        return f"{self.account_id}/{self.name}/{self.user_id}"

    @classmethod
    def of_text(cls, text: str) -> Identity:
        return cls(*text.split("/"))


@dataclass(frozen=True)
class User:
    """Somebody with a long-lived access key.

    ``policies`` are there where ``policy`` is not the only one; ``boundary`` is the permissions boundary.
    ``user_id`` is the unique id of a user of the database, '' of one of the configuration file.
    """

    name: str
    access_key_id: str
    secret_access_key: str
    policy: Policy = ALLOW_ALL
    account_id: str = FIRST_ACCOUNT
    tags: Mapping[str, str] = field(default_factory=dict)
    path: str = "/"
    user_id: str = ""
    policies: tuple[Policy, ...] | None = None
    boundary: Policy | None = None

    @property
    def arn(self) -> str:
        return user_arn(self.account_id, self.name, self.path)

    @property
    def identity_policies(self) -> tuple[Policy, ...]:
        return (self.policy,) if self.policies is None else self.policies

    @property
    def identity(self) -> Identity:
        return Identity(self.account_id, self.name, self.user_id)

    @cached_property
    def caller(self) -> Caller:
        """The user as the one who calls; made once, as every request asks for it."""
        return Caller(
            self.name,
            self.arn,
            self.user_id or self.access_key_id,
            self.account_id,
            self.identity_policies,
            tags=self.tags,
            is_root=self.name == ROOT_USER and not self.user_id,
            boundary=self.boundary,
            ends_with=str(self.identity),
            access_key_id=self.access_key_id,
        )


@dataclass(frozen=True)
class Role:
    """What trusted callers may become for a while, by AssumeRole. ``max_session_s`` is in seconds.

    ``trusted`` has names of users, and of roles as ``role/<name>``, of the role's own account, and ARNs of
    users and roles of any account. Who assumes it must know its ``external_id``, where it has one. A role of
    the database has a ``trust_policy`` in their place, and a unique ``role_id``.
    """

    name: str
    policy: Policy
    trusted: frozenset[str]
    max_session_s: int = 3600
    account_id: str = FIRST_ACCOUNT
    tags: Mapping[str, str] = field(default_factory=dict)
    external_id: str | None = None
    path: str = "/"
    role_id: str = ""
    policies: tuple[Policy, ...] | None = None
    boundary: Policy | None = None
    trust_policy: str | None = None

    @property
    def arn(self) -> str:
        return role_arn(self.account_id, self.name, self.path)

    @property
    def identity_policies(self) -> tuple[Policy, ...]:
        return (self.policy,) if self.policies is None else self.policies


class Directory(Protocol):
    """Where the server looks up who exists. Asked for every request, from any thread."""

    def user_with_key(self, access_key_id: str) -> User | None:
        """Returns the user whose access key this is; None for a key that is not active."""

    def user(self, identity: Identity) -> User | None:
        """Returns a user by identity, with whatever key."""

    def role_named(self, account_id: str, name: str) -> Role | None:
        """Returns a role of an account."""

    def managed_policy(self, policy_arn: str) -> Policy | None:
        """Returns a managed policy."""

    def has_provider(self, provider_arn: str) -> bool:
        """Whether there is an identity provider of this ARN."""

    def note_use(self, access_key_id: str, service: str, region: str) -> None:
        """Notes that a request was signed with a long-lived key. Never raises."""

    def account(self, account_id: str) -> Account:
        """Returns an account, also one that owns something and is not there any more."""

    def account_with_canonical_id(self, canonical_id: str) -> Account | None:
        """Returns the account that ACLs call by this id."""
