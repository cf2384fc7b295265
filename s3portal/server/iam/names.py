"""New ids and keys.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
"""

from __future__ import annotations

import hashlib
import secrets
import string

from s3portal.server.iam.records import Kind

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_ID_LENGTH, _KEY_LENGTH, _SECRET_LENGTH = 17, 16, 40
_PREFIXES = {Kind.USER: "AIDA", Kind.GROUP: "AGPA", Kind.ROLE: "AROA"}
POLICY_PREFIX = "ANPA"
_SECRET_ALPHABET = string.ascii_letters + string.digits + "+/"


def new_identity_id(kind: Kind) -> str:
    return _PREFIXES[kind] + _random(_ID_LENGTH)


def new_policy_id() -> str:
    return POLICY_PREFIX + _random(_ID_LENGTH)


def new_access_key_id() -> str:
    return "AKIA" + _random(_KEY_LENGTH)


def new_secret_access_key() -> str:
    """Returns 240 random bits, written as AWS writes them."""
    return "".join(secrets.choice(_SECRET_ALPHABET) for _ in range(_SECRET_LENGTH))


def stable_policy_id(name: str) -> str:
    """Returns the id of a policy that is the same on every server."""
    digest = hashlib.sha256(name.encode()).digest()
    return POLICY_PREFIX + "".join(_ALPHABET[byte % 32] for byte in digest[:_ID_LENGTH])


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
