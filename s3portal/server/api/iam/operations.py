"""All operations of IAM."""

from __future__ import annotations

from s3portal.server.api.iam import (
    access_keys,
    account,
    attachments,
    identities,
    inline_policies,
    managed_policies,
    providers,
    roles,
    simulating,
    tagging,
)
from s3portal.server.gateway.operation import QueryOperation

OPERATIONS: tuple[QueryOperation, ...] = (
    *identities.OPERATIONS,
    *roles.OPERATIONS,
    *access_keys.OPERATIONS,
    *inline_policies.OPERATIONS,
    *managed_policies.OPERATIONS,
    *attachments.OPERATIONS,
    *tagging.OPERATIONS,
    *simulating.OPERATIONS,
    *account.OPERATIONS,
    *providers.OPERATIONS,
)
