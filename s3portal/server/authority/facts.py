"""What a decision has to know of a bucket and of an object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from s3portal.server.bucket_settings import acl, ownership, policy, public_access_block


@dataclass(frozen=True)
class BucketFacts:
    """The account that owns a bucket, and the documents of its settings."""

    name: str
    owner: str
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def policy_text(self) -> str | None:
        return self.settings.get(policy.KIND)

    @property
    def acls_are_disabled(self) -> bool:
        return ownership.of_settings(self.settings).acls_are_disabled

    @property
    def ignores_public_acls(self) -> bool:
        return public_access_block.of_settings(self.settings).ignore_public_acls

    @property
    def keeps_strangers_out(self) -> bool:
        """Whether its policy, being public, counts for callers of its own account alone."""
        text = self.policy_text
        return (
            text is not None
            and public_access_block.of_settings(self.settings).restrict_public_buckets
            and policy.is_public(text)
        )

    @property
    def may_be_open(self) -> bool:
        """Whether anybody but the owner's account can have been given anything."""
        return self.policy_text is not None or (acl.KIND in self.settings and not self.acls_are_disabled)

    @property
    def may_have_others_objects(self) -> bool:
        """Whether another account can have written objects that are its own."""
        return self.may_be_open and not self.acls_are_disabled


@dataclass(frozen=True)
class ObjectFacts:
    """The account that owns an object, its ACL as it is stored, and its tags."""

    owner: str
    acl: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
