"""What IAM keeps, as it comes out of the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from s3portal.server.authority.arns import identity_arn


class Kind(Enum):
    """What an identity is, by the word in its ARN."""

    USER = "user"
    GROUP = "group"
    ROLE = "role"

    @property
    def title(self) -> str:
        """The word in the names of operations and elements."""
        return self.value.capitalize()


@dataclass(frozen=True)
class Identity:
    """A user, group or role. Times are in ms since 1970; ``boundary`` is the ARN of a managed policy.

    ``trust_policy``, ``description`` and ``max_session_s`` are a role's. A ``configured`` one is from the
    configuration file, which alone changes it.
    """

    identity_id: str
    kind: Kind
    account_id: str
    name: str
    path: str
    created_at: int
    tags: Mapping[str, str] = field(default_factory=dict)
    boundary: str | None = None
    description: str | None = None
    trust_policy: str | None = None
    max_session_s: int | None = None
    configured: bool = False

    @property
    def arn(self) -> str:
        return identity_arn(self.account_id, self.kind.value, self.name, self.path)


@dataclass(frozen=True)
class AccessKey:
    """An access key without its secret. ``used_at`` is in ms since 1970, None where it never was."""

    access_key_id: str
    user_id: str
    is_active: bool
    created_at: int
    used_at: int | None = None
    used_service: str | None = None
    used_region: str | None = None


@dataclass(frozen=True)
class ManagedPolicy:
    """A policy that may be attached to many identities. ``account_id`` is ``aws`` for those of AWS."""

    policy_id: str
    account_id: str
    name: str
    path: str
    created_at: int
    updated_at: int
    description: str | None
    tags: Mapping[str, str]
    default_version: int
    attachment_count: int = 0
    boundary_count: int = 0

    @property
    def arn(self) -> str:
        return identity_arn(self.account_id, "policy", self.name, self.path)


@dataclass(frozen=True)
class PolicyVersion:
    """One version of a managed policy; ``document`` is its JSON."""

    number: int
    document: str
    created_at: int
    is_default: bool

    @property
    def version_id(self) -> str:
        return f"v{self.number}"
