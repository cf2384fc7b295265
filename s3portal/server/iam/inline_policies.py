"""The policies that belong to one identity. All functions work within the caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from s3portal.server.iam import identities, limits
from s3portal.server.iam.records import Identity
from s3portal.server.wire.errors import S3Error


def of_identity(rows: sqlite3.Connection, identity_id: str) -> Mapping[str, str]:
    """Returns the documents by the names of the policies, in the order of these."""
    found = rows.execute(
        "SELECT name, document FROM identity_policies WHERE identity_id = ? ORDER BY name", (identity_id,)
    )
    return dict(found.fetchall())


def put(rows: sqlite3.Connection, identity: Identity, name: str, document: str) -> None:
    """Stores a policy, in the place of one of the same name. Raises LimitExceeded, NoSuchEntity."""
    identities.require_there(rows, identity)
    rows.execute(
        "INSERT INTO identity_policies (identity_id, name, document) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET document = excluded.document",
        (identity.identity_id, name, document),
    )
    stored = of_identity(rows, identity.identity_id).values()
    limit = limits.INLINE_CHARACTERS[identity.kind]
    if sum(map(limits.length_of, stored)) > limit:
        raise S3Error(
            "LimitExceeded",
            f"Maximum policy size of {limit} bytes exceeded for {identity.kind.value} {identity.name}",
        )


def delete(rows: sqlite3.Connection, identity: Identity, name: str) -> None:
    """Raises NoSuchEntity where there is no such policy."""
    removed = rows.execute(
        "DELETE FROM identity_policies WHERE identity_id = ? AND name = ?", (identity.identity_id, name)
    )
    if removed.rowcount == 0:
        raise no_such_policy(identity, name)


def no_such_policy(identity: Identity, name: str) -> S3Error:
    return S3Error("NoSuchEntity", f"The {identity.kind.value} policy with name {name} cannot be found.")
