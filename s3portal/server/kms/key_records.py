"""Keys of the key management, as they come out of the database. Times are in ms since 1970."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

CUSTOMER, AWS = "CUSTOMER", "AWS"
ENABLED, DISABLED, PENDING_DELETION = "Enabled", "Disabled", "PendingDeletion"
#: What made a key's material.
INITIAL, AUTOMATIC, ON_DEMAND = "INITIAL", "AUTOMATIC", "ON_DEMAND"


@dataclass(frozen=True)
class Key:
    """``manager`` is CUSTOMER, or AWS for the key that a server makes for SSE-KMS without a key id.
    ``policy`` is a JSON text; ``rotation_days`` None where it is not rotated automatically."""

    key_id: str
    account_id: str
    manager: str
    created_at: int
    is_enabled: bool
    deletion_at: int | None
    description: str
    policy: str
    tags: Mapping[str, str]
    rotation_days: int | None
    rotates_at: int | None
    region: str

    @property
    def arn(self) -> str:
        return f"arn:aws:kms:{self.region}:{self.account_id}:key/{self.key_id}"

    @property
    def state(self) -> str:
        if self.deletion_at is not None:
            return PENDING_DELETION
        return ENABLED if self.is_enabled else DISABLED


@dataclass(frozen=True)
class Alias:
    """``name`` begins with ``alias/``."""

    account_id: str
    name: str
    key_id: str
    created_at: int
    updated_at: int


@dataclass(frozen=True)
class Rotation:
    """When a key got new material, and why."""

    number: int
    created_at: int
    kind: str
