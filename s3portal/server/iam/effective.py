"""What an identity may do: all its policies, read. Within the caller's transaction."""

from __future__ import annotations

import sqlite3

from s3portal.server.authority.policy import Policy, PolicyError, read_policy, read_policy_text
from s3portal.server.iam import inline_policies, managed_policies, memberships
from s3portal.server.iam.records import Identity

_DENY_ALL = read_policy({"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}})


def policies_of(rows: sqlite3.Connection, identity: Identity) -> tuple[Policy, ...]:
    """Returns the inline and attached policies of an identity, and of a user's groups."""
    found: list[Policy] = []
    for one in (identity, *memberships.groups_of(rows, identity)):
        whose = f"{one.kind.value} {one.name}"
        for name, document in inline_policies.of_identity(rows, one.identity_id).items():
            found.append(read_stored(document, f"the policy {name} of {whose}"))
        for arn in managed_policies.attached_to(rows, one.identity_id):
            found.append(managed_policy(rows, arn))
    return tuple(found)


def boundary_of(rows: sqlite3.Connection, identity: Identity) -> Policy | None:
    """Returns the permissions boundary of an identity; one whose policy is not there lets nothing through."""
    return None if identity.boundary is None else managed_policy(rows, identity.boundary)


def managed_policy(rows: sqlite3.Connection, policy_arn: str) -> Policy:
    """Returns a managed policy; one that denies everything where it is not there any more."""
    document = managed_policies.default_document(rows, policy_arn)
    name = policy_arn.rpartition("/")[2]
    if document is None:
        return Policy(_DENY_ALL.statements, f"the policy {name}, which does not exist,")
    return read_stored(document, f"the policy {name}")


def read_stored(document: str, name: str) -> Policy:
    """Returns a policy; one that denies everything for a document that cannot be read."""
    try:
        return read_policy_text(document, name)
    except PolicyError as problem:
        # Another version of this server stored it: what it forbids cannot be told.
        return Policy(_DENY_ALL.statements, f"{name}, which cannot be read ({problem}),")
