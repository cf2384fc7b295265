"""Canonical user ids: how ACLs and owners name an account.

Pure. Source: https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-identifiers.html
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

#: The owner of what callers without an account have written, and the id that S3 gives it.
ANONYMOUS_ACCOUNT = "anonymous"
_ANONYMOUS_ID = "65a011a29cdf8ec533ec3d1ccaae921c"
_NAMESPACE = "s3portal canonical user"


@lru_cache(maxsize=4096)
def canonical_id(account_id: str) -> str:
    """Returns the 64 hex digits that stand for an account, always the same for the same account."""
    if account_id == ANONYMOUS_ACCOUNT:
        return _ANONYMOUS_ID
    return hashlib.sha256(f"{_NAMESPACE} {account_id}".encode()).hexdigest()
