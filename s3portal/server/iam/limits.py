"""How much of everything there may be.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

from __future__ import annotations

from s3portal.server.iam.records import Kind
from s3portal.server.wire.errors import S3Error

IDENTITIES = {Kind.USER: 5000, Kind.GROUP: 500, Kind.ROLE: 5000}
#: Characters of all inline policies of one identity, without white space.
INLINE_CHARACTERS = {Kind.USER: 2048, Kind.GROUP: 5120, Kind.ROLE: 10240}
MANAGED_POLICIES = 5000
MANAGED_CHARACTERS = 6144
TRUST_CHARACTERS = 4096
POLICY_VERSIONS = 5
ATTACHED_POLICIES = 20
GROUPS_OF_USER = 10
ACCESS_KEYS_OF_USER = 2
TAGS = 50


def check(name: str, count: int, limit: int) -> None:
    """Raises LimitExceeded where ``count`` is over a limit; ``name`` is the quota's in AWS's words."""
    if count > limit:
        raise S3Error("LimitExceeded", f"Cannot exceed quota for {name}: {limit}")


def length_of(document: str) -> int:
    """Returns the characters of a policy that count."""
    return len("".join(document.split()))
