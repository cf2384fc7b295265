"""Users and roles that the policies of roles, buckets and keys name as principals: by what they are, and not
by what they happen to be called. So are users by whom other servers replicate.

Policies are stored with ARNs. One that is renamed is renamed in them as well; of one that is deleted, only
its unique id is left there, so that nobody who gets its name later gets what was given to it. Source:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
All functions work within the caller's transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from s3portal.server.authority.arns import session_arn
from s3portal.server.authority.principals import rewrite_principals
from s3portal.server.bucket_settings import policy as bucket_policy
from s3portal.server.iam.records import Identity, Kind
from s3portal.server.storage import buckets, journal, replication_users
from s3portal.server.storage.known_buckets import Changing
from s3portal.server.storage.storage import now_ms

# A name may be written with escapes in JSON.
_MAY_NAME = "(instr({column}, :name) OR instr({column}, '\\'))"


def rename(rows: sqlite3.Connection, changing: Changing, old: Identity, new: Identity) -> None:
    """Whoever was named by the old ARN is named by the new one."""
    if old.kind is Kind.USER and old.name != new.name:
        replication_users.rename_in(rows, old.account_id, old.name, new.name)
    if old.arn != new.arn:
        _rewrite_all(rows, changing, old, lambda text: new.arn if text == old.arn else text)


def forget(rows: sqlite3.Connection, changing: Changing, gone: Identity) -> None:
    """Nobody is named by the ARN of one who is deleted, nor by those of its sessions."""
    if gone.kind is Kind.USER:
        replication_users.remove_in(rows, gone.account_id, gone.name)
    sessions = session_arn(gone.account_id, gone.name, "") if gone.kind is Kind.ROLE else None

    def rewrite(text: str) -> str:
        if text == gone.arn:
            return gone.identity_id
        if sessions is not None and text.startswith(sessions):
            return f"{gone.identity_id}:{text.removeprefix(sessions)}"
        return text

    _rewrite_all(rows, changing, gone, rewrite)


def _rewrite_all(
    rows: sqlite3.Connection, changing: Changing, identity: Identity, rewrite: Callable[[str], str]
) -> None:
    if identity.kind is Kind.GROUP:
        # No principal.
        return
    for table, key in (("identities", "identity_id"), ("kms_keys", "key_id")):
        column = "trust_policy" if table == "identities" else "policy"
        found = rows.execute(
            f"SELECT {key}, {column} FROM {table} WHERE {_MAY_NAME.format(column=column)}",  # noqa: S608
            {"name": identity.name},
        ).fetchall()
        for row_id, text in found:
            if (changed := rewrite_principals(text, rewrite)) != text:
                rows.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (changed, row_id))  # noqa: S608
    found = rows.execute(
        "SELECT bucket_id, document FROM bucket_settings WHERE kind = :kind AND "  # noqa: S608
        + _MAY_NAME.format(column="document"),
        {"kind": bucket_policy.KIND, "name": identity.name},
    ).fetchall()
    for bucket_id, text in found:
        if (changed := rewrite_principals(text, rewrite)) != text:
            buckets.put_setting_in(rows, changing, bucket_id, bucket_policy.KIND, changed)
            journal.record(rows, journal.BUCKET_CHANGED, now_ms(), bucket_id, details=bucket_policy.KIND)
