"""Rows of users, groups and roles. All functions work within the caller's transaction."""

# ruff: noqa: S608  (what goes into the statements is names of tables and columns, all constants of this file)

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace

from s3portal.server.authority.arns import identity_arn
from s3portal.server.iam import limits
from s3portal.server.iam.names import new_identity_id
from s3portal.server.iam.records import Identity, Kind
from s3portal.server.storage import quotas
from s3portal.server.storage.storage import now_ms
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.tag_sets import encode_tags, stored_tags

_COLUMNS = (
    "identity_id, kind, account_id, name, path, created_at, tags, boundary, description, trust_policy, "
    "max_session_s"
)
# What has to go before an identity itself may, and what AWS says of it.
_BELONGINGS = (
    ("access_keys", "user_id", "Cannot delete entity, must delete access keys first."),
    ("group_members", "user_id", "Cannot delete entity, must remove users from group first."),
    ("group_members", "group_id", "Cannot delete entity, must remove users from group first."),
    ("attached_policies", "identity_id", "Cannot delete entity, must detach all policies first."),
    ("identity_policies", "identity_id", "Cannot delete entity, must delete policies first."),
)


def no_such(kind: Kind, name: str) -> S3Error:
    return S3Error("NoSuchEntity", f"The {kind.value} with name {name} cannot be found.")


def find(rows: sqlite3.Connection, kind: Kind, account_id: str, name: str) -> Identity | None:
    row = rows.execute(
        f"SELECT {_COLUMNS} FROM identities WHERE kind = ? AND account_id = ? AND name = ?"
        " AND name = ? COLLATE BINARY",
        (kind.value, account_id, name, name),
    ).fetchone()
    return _identity(row) if row else None


def find_by_id(rows: sqlite3.Connection, identity_id: str) -> Identity | None:
    row = rows.execute(
        f"SELECT {_COLUMNS} FROM identities WHERE identity_id = ?",
        (identity_id,),
    ).fetchone()
    return _identity(row) if row else None


def find_all(rows: sqlite3.Connection, kind: Kind, account_id: str) -> Sequence[Identity]:
    """Returns all of an account, in the order of their names."""
    found = rows.execute(
        f"SELECT {_COLUMNS} FROM identities WHERE kind = ? AND account_id = ? ORDER BY name",
        (kind.value, account_id),
    )
    return [_identity(row) for row in found]


def count(rows: sqlite3.Connection, kind: Kind, account_id: str) -> int:
    found: int = rows.execute(
        "SELECT count(*) FROM identities WHERE kind = ? AND account_id = ?", (kind.value, account_id)
    ).fetchone()[0]
    return found


def create(rows: sqlite3.Connection, asked: Identity) -> Identity:
    """Stores a new identity and returns it with its id. Raises EntityAlreadyExists, LimitExceeded."""
    kind = asked.kind
    _refuse_taken(rows, kind, asked.account_id, asked.name)
    quota = f"{kind.title}sPerAccount"
    limits.check(quota, count(rows, kind, asked.account_id) + 1, limits.IDENTITIES[kind])
    made = replace(asked, identity_id=new_identity_id(kind), created_at=now_ms())
    rows.execute(
        f"INSERT INTO identities ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(made.identity_id, kind.value, made.account_id, made.name, made.path, made.created_at),
            *(encode_tags(made.tags), made.boundary, made.description, made.trust_policy),
            made.max_session_s,
        ),
    )
    return made


def rename(rows: sqlite3.Connection, identity: Identity, name: str, path: str) -> tuple[Identity, Identity]:
    """Gives an identity another name and path. What it has stored, and its quota, stay with it. Returns what
    it was and what it is.

    Raises EntityAlreadyExists, NoSuchEntity."""
    there = require_there(rows, identity)
    if name.lower() != there.name.lower():
        _refuse_taken(rows, identity.kind, identity.account_id, name)
    _update(rows, identity, name=name, path=path)
    renamed = replace(there, name=name, path=path)
    if renamed.arn != there.arn:
        quotas.rename_writer(rows, there.arn, renamed.arn)
    return there, renamed


def arn_named(rows: sqlite3.Connection, kind: Kind, account_id: str, name: str) -> str:
    """Returns the ARN of whoever has a name; of somebody who is not in the database, that without a path."""
    found = find(rows, kind, account_id, name)
    return found.arn if found else identity_arn(account_id, kind.value, name)


def set_tags(rows: sqlite3.Connection, identity: Identity, tags: Mapping[str, str]) -> None:
    limits.check(f"TagsPer{identity.kind.title}", len(tags), limits.TAGS)
    _update(rows, identity, tags=encode_tags(tags))


def set_boundary(rows: sqlite3.Connection, identity: Identity, policy_arn: str | None) -> None:
    _update(rows, identity, boundary=policy_arn)


def set_trust_policy(rows: sqlite3.Connection, identity: Identity, document: str) -> None:
    _update(rows, identity, trust_policy=document)


def set_role(rows: sqlite3.Connection, identity: Identity, description: str, max_session_s: int) -> None:
    _update(rows, identity, description=description, max_session_s=max_session_s)


def require_there(rows: sqlite3.Connection, identity: Identity) -> Identity:
    """Returns an identity as it is now. Raises NoSuchEntity for one that was deleted meanwhile."""
    found = find_by_id(rows, identity.identity_id)
    if found is None:
        raise no_such(identity.kind, identity.name)
    return found


def delete(rows: sqlite3.Connection, identity: Identity) -> Identity:
    """Removes an identity; returns what it was. Raises DeleteConflict while something belongs to it,
    NoSuchEntity."""
    there = require_there(rows, identity)
    for table, column, message in _BELONGINGS:
        statement = f"SELECT 1 FROM {table} WHERE {column} = ? LIMIT 1"
        if rows.execute(statement, (identity.identity_id,)).fetchone():
            raise S3Error("DeleteConflict", message)
    rows.execute("DELETE FROM identities WHERE identity_id = ?", (identity.identity_id,))
    return there


def _refuse_taken(rows: sqlite3.Connection, kind: Kind, account_id: str, name: str) -> None:
    taken = rows.execute(
        "SELECT 1 FROM identities WHERE kind = ? AND account_id = ? AND name = ?",
        (kind.value, account_id, name),
    ).fetchone()
    if taken:
        raise S3Error("EntityAlreadyExists", f"{kind.title} with name {name} already exists.")


def _update(rows: sqlite3.Connection, identity: Identity, **values: str | int | None) -> None:
    changes = ", ".join(f"{column} = ?" for column in values)
    changed = rows.execute(
        f"UPDATE identities SET {changes} WHERE identity_id = ?",
        (*values.values(), identity.identity_id),
    )
    if changed.rowcount == 0:
        raise no_such(identity.kind, identity.name)


def _identity(row: tuple[str, str, str, str, str, int, str, str, str, str, int]) -> Identity:
    identity_id, kind, account_id, name, path, created_at, tags, boundary, description, trust, limit_s = row
    return Identity(
        identity_id=identity_id,
        kind=Kind(kind),
        account_id=account_id,
        name=name,
        path=path,
        created_at=created_at,
        tags=stored_tags(tags),
        boundary=boundary,
        description=description,
        trust_policy=trust,
        max_session_s=limit_s,
    )
