"""Who exists: accounts, their users and roles. Where they are kept is a Directory's own affair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from s3portal.server.authority.arns import role_arn, user_arn
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
class User:
    """Somebody with a long-lived access key."""

    name: str
    access_key_id: str
    secret_access_key: str
    policy: Policy = ALLOW_ALL
    account_id: str = FIRST_ACCOUNT
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return user_arn(self.account_id, self.name)


@dataclass(frozen=True)
class Role:
    """What trusted callers may become for a while, by AssumeRole. ``max_session_s`` is in seconds.

    ``trusted`` has names of users, and of roles as ``role/<name>``, of the role's own account, and ARNs of
    users and roles of any account. Who assumes it must know its ``external_id``, where it has one.
    """

    name: str
    policy: Policy
    trusted: frozenset[str]
    max_session_s: int = 3600
    account_id: str = FIRST_ACCOUNT
    tags: Mapping[str, str] = field(default_factory=dict)
    external_id: str | None = None

    @property
    def arn(self) -> str:
        return role_arn(self.account_id, self.name)


class Directory(Protocol):
    """Where the server looks up who exists. Asked for every request, from any thread."""

    def user_with_key(self, access_key_id: str) -> User | None:
        """Returns the user whose access key this is."""

    def role_named(self, account_id: str, name: str) -> Role | None:
        """Returns a role of an account."""

    def account(self, account_id: str) -> Account:
        """Returns an account, also one that owns something and is not there any more."""

    def account_with_canonical_id(self, canonical_id: str) -> Account | None:
        """Returns the account that ACLs call by this id."""
