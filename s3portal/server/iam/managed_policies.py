"""Managed policies, their versions, and whom they are attached to.

All functions work within the caller's transaction. Policies of AWS are not in the database, but may be
attached as those that are.
"""

# ruff: noqa: S608  (what goes into the statements is column names, all constants of this file)

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace

from s3portal.server.iam import aws_managed, identities, limits
from s3portal.server.iam.names import new_policy_id
from s3portal.server.iam.records import Identity, ManagedPolicy, PolicyVersion
from s3portal.server.storage.storage import now_ms
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.tag_sets import encode_tags, stored_tags

_ARN = re.compile(r"arn:aws:iam::([0-9]{12}|aws):policy(/(?:[\x21-\x7e]*/)?)([A-Za-z0-9_+=,.@-]{1,128})")
_ARN_OF_ROW = (
    "'arn:aws:iam::' || managed_policies.account_id || ':policy' || managed_policies.path"
    " || managed_policies.name"
)
_COLUMNS = """
    policy_id, account_id, name, path, created_at, updated_at, description, tags, default_version,
    (SELECT count(*) FROM attached_policies WHERE policy_arn = {arn}),
    (SELECT count(*) FROM identities WHERE boundary = {arn})
""".replace("{arn}", _ARN_OF_ROW)


def no_such_policy(policy_arn: str) -> S3Error:
    return S3Error("NoSuchEntity", f"Policy {policy_arn} does not exist or is not attachable.")


def find(rows: sqlite3.Connection, policy_arn: str) -> ManagedPolicy | None:
    """Returns the policy of an ARN, one of AWS's too."""
    if policy_arn in aws_managed.POLICIES:
        return _counted(rows, aws_managed.POLICIES[policy_arn])
    match = _ARN.fullmatch(policy_arn)
    if match is None:
        return None
    row = rows.execute(
        f"SELECT {_COLUMNS} FROM managed_policies WHERE account_id = ? AND name = ?"
        " AND name = ? COLLATE BINARY AND path = ?",
        (match[1], match[3], match[3], match[2]),
    ).fetchone()
    return _policy(row) if row else None


def find_all(rows: sqlite3.Connection, account_id: str) -> Sequence[ManagedPolicy]:
    """Returns the policies of an account, then AWS's, each in the order of their names."""
    found = rows.execute(
        f"SELECT {_COLUMNS} FROM managed_policies WHERE account_id = ? ORDER BY name",
        (account_id,),
    )
    return [
        *(_policy(row) for row in found),
        *(_counted(rows, policy) for policy in aws_managed.POLICIES.values()),
    ]


def _counted(rows: sqlite3.Connection, policy: ManagedPolicy) -> ManagedPolicy:
    attached, bounding = rows.execute(
        "SELECT (SELECT count(*) FROM attached_policies WHERE policy_arn = :arn), "
        "(SELECT count(*) FROM identities WHERE boundary = :arn)",
        {"arn": policy.arn},
    ).fetchone()
    return replace(policy, attachment_count=attached, boundary_count=bounding)


def create(rows: sqlite3.Connection, asked: ManagedPolicy, document: str) -> ManagedPolicy:
    """Stores a new policy with its first version. Raises EntityAlreadyExists, LimitExceeded."""
    taken = rows.execute(
        "SELECT 1 FROM managed_policies WHERE account_id = ? AND name = ?", (asked.account_id, asked.name)
    ).fetchone()
    if taken:
        raise S3Error("EntityAlreadyExists", f"A policy called {asked.name} already exists.")
    limits.check("PolicySize", limits.length_of(document), limits.MANAGED_CHARACTERS)
    (there,) = rows.execute(
        "SELECT count(*) FROM managed_policies WHERE account_id = ?", (asked.account_id,)
    ).fetchone()
    limits.check("PoliciesPerAccount", there + 1, limits.MANAGED_POLICIES)
    now = now_ms()
    made = replace(asked, policy_id=new_policy_id(), created_at=now, updated_at=now, default_version=1)
    rows.execute(
        "INSERT INTO managed_policies (policy_id, account_id, name, path, created_at, updated_at,"
        " description, tags, default_version, last_version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, 1)",
        (
            *(made.policy_id, made.account_id, made.name, made.path, now, now, made.description),
            encode_tags(made.tags),
        ),
    )
    _add_version(rows, made.policy_id, 1, document, now)
    return made


def delete(rows: sqlite3.Connection, policy: ManagedPolicy) -> None:
    """Removes a policy. Raises DeleteConflict while it is attached or has several versions."""
    found = _require_there(rows, policy)
    if found.attachment_count or found.boundary_count:
        raise S3Error("DeleteConflict", "Cannot delete a policy attached to entities.")
    if len(versions_of(rows, found)) > 1:
        raise S3Error(
            "DeleteConflict",
            "This policy has more than one version. Before you delete a policy, you must delete the policy's "
            "versions. The default version is deleted with the policy.",
        )
    rows.execute("DELETE FROM managed_policy_versions WHERE policy_id = ?", (policy.policy_id,))
    rows.execute("DELETE FROM managed_policies WHERE policy_id = ?", (policy.policy_id,))


def versions_of(rows: sqlite3.Connection, policy: ManagedPolicy) -> Sequence[PolicyVersion]:
    """Returns the versions of a policy, the newest first."""
    if policy.account_id == aws_managed.OWNER:
        return [PolicyVersion(1, aws_managed.DOCUMENTS[policy.arn], policy.created_at, True)]
    found = rows.execute(
        "SELECT version, document, created_at FROM managed_policy_versions WHERE policy_id = ?"
        " ORDER BY version DESC",
        (policy.policy_id,),
    )
    return [
        PolicyVersion(number, document, created_at, number == policy.default_version)
        for number, document, created_at in found
    ]


def add_version(
    rows: sqlite3.Connection, policy: ManagedPolicy, document: str, *, as_default: bool
) -> PolicyVersion:
    """Raises LimitExceeded for a sixth version, NoSuchEntity."""
    found = _require_there(rows, policy)
    if len(versions_of(rows, found)) >= limits.POLICY_VERSIONS:
        raise S3Error(
            "LimitExceeded",
            f"A managed policy can have up to {limits.POLICY_VERSIONS} versions. Before you create a new "
            "version, you must delete an existing version.",
        )
    limits.check("PolicySize", limits.length_of(document), limits.MANAGED_CHARACTERS)
    now = now_ms()
    (number,) = rows.execute(
        "UPDATE managed_policies SET last_version = last_version + 1, updated_at = ? WHERE policy_id = ?"
        " RETURNING last_version",
        (now, policy.policy_id),
    ).fetchone()
    _add_version(rows, policy.policy_id, number, document, now)
    if as_default:
        set_default(rows, policy, number)
    return PolicyVersion(number, document, now, as_default)


def set_default(rows: sqlite3.Connection, policy: ManagedPolicy, number: int) -> None:
    """Raises NoSuchEntity where there is no such version."""
    _require_version(rows, policy, number)
    rows.execute(
        "UPDATE managed_policies SET default_version = ?, updated_at = ? WHERE policy_id = ?",
        (number, now_ms(), policy.policy_id),
    )


def delete_version(rows: sqlite3.Connection, policy: ManagedPolicy, number: int) -> None:
    """Raises DeleteConflict for the default version, NoSuchEntity where there is no such version."""
    if _require_version(rows, policy, number).is_default:
        raise S3Error("DeleteConflict", "Cannot delete the default version of a policy.")
    rows.execute(
        "DELETE FROM managed_policy_versions WHERE policy_id = ? AND version = ?", (policy.policy_id, number)
    )


def set_tags(rows: sqlite3.Connection, policy: ManagedPolicy, tags: Mapping[str, str]) -> None:
    limits.check("TagsPerPolicy", len(tags), limits.TAGS)
    _require_there(rows, policy)
    rows.execute(
        "UPDATE managed_policies SET tags = ? WHERE policy_id = ?", (encode_tags(tags), policy.policy_id)
    )


def attach(rows: sqlite3.Connection, identity: Identity, policy_arn: str) -> None:
    """Attaches a policy; one that is attached already stays. Raises LimitExceeded, NoSuchEntity."""
    identities.require_there(rows, identity)
    if find(rows, policy_arn) is None:
        raise no_such_policy(policy_arn)
    rows.execute(
        "INSERT OR IGNORE INTO attached_policies (identity_id, policy_arn) VALUES (?, ?)",
        (identity.identity_id, policy_arn),
    )
    there = len(attached_to(rows, identity.identity_id))
    limits.check(f"PoliciesPer{identity.kind.title}", there, limits.ATTACHED_POLICIES)


def detach(rows: sqlite3.Connection, identity: Identity, policy_arn: str) -> None:
    """Raises NoSuchEntity for a policy that is not attached."""
    removed = rows.execute(
        "DELETE FROM attached_policies WHERE identity_id = ? AND policy_arn = ?",
        (identity.identity_id, policy_arn),
    )
    if removed.rowcount == 0:
        raise S3Error("NoSuchEntity", f"Policy {policy_arn} was not found.")


def attached_to(rows: sqlite3.Connection, identity_id: str) -> Sequence[str]:
    """Returns the ARNs of the policies that are attached to an identity."""
    found = rows.execute(
        "SELECT policy_arn FROM attached_policies WHERE identity_id = ? ORDER BY policy_arn", (identity_id,)
    )
    return [arn for (arn,) in found]


def identities_with(rows: sqlite3.Connection, policy_arn: str, *, as_boundary: bool) -> Sequence[Identity]:
    """Returns whom a policy is attached to, or whose boundary it is."""
    statement = (
        "SELECT identity_id FROM identities WHERE boundary = ?"
        if as_boundary
        else "SELECT identity_id FROM attached_policies WHERE policy_arn = ?"
    )
    ids = rows.execute(statement, (policy_arn,)).fetchall()
    found = [identities.find_by_id(rows, identity_id) for (identity_id,) in ids]
    return sorted((one for one in found if one is not None), key=lambda one: one.name.lower())


def default_document(rows: sqlite3.Connection, policy_arn: str) -> str | None:
    """Returns the JSON of a policy's default version; None where there is no such policy."""
    policy = find(rows, policy_arn)
    if policy is None:
        return None
    return next((version.document for version in versions_of(rows, policy) if version.is_default), None)


def _require_there(rows: sqlite3.Connection, policy: ManagedPolicy) -> ManagedPolicy:
    found = find(rows, policy.arn)
    if found is None or found.policy_id != policy.policy_id:
        raise no_such_policy(policy.arn)
    return found


def _require_version(rows: sqlite3.Connection, policy: ManagedPolicy, number: int) -> PolicyVersion:
    there = _require_there(rows, policy)
    found = next((one for one in versions_of(rows, there) if one.number == number), None)
    if found is None:
        raise S3Error("NoSuchEntity", f"Policy {policy.arn} version v{number} does not exist.")
    return found


def _add_version(rows: sqlite3.Connection, policy_id: str, number: int, document: str, now: int) -> None:
    rows.execute(
        "INSERT INTO managed_policy_versions (policy_id, version, created_at, document) VALUES (?, ?, ?, ?)",
        (policy_id, number, now, document),
    )


def _policy(row: tuple[str, str, str, str, int, int, str | None, str | None, int, int, int]) -> ManagedPolicy:
    (
        policy_id,
        account_id,
        name,
        path,
        created_at,
        updated_at,
        description,
        tags,
        default,
        attached,
        bounding,
    ) = row
    return ManagedPolicy(
        policy_id=policy_id,
        account_id=account_id,
        name=name,
        path=path,
        created_at=created_at,
        updated_at=updated_at,
        description=description,
        tags=stored_tags(tags),
        default_version=default,
        attachment_count=attached,
        boundary_count=bounding,
    )
