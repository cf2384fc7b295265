"""Which users are in which groups. All functions work within the caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from s3portal.server.iam import identities, limits
from s3portal.server.iam.records import Identity, Kind
from s3portal.server.wire.errors import S3Error


def add(rows: sqlite3.Connection, group: Identity, user: Identity) -> None:
    """Puts a user into a group; one that is in it already stays. Raises LimitExceeded, NoSuchEntity."""
    identities.require_there(rows, group)
    identities.require_there(rows, user)
    rows.execute(
        "INSERT OR IGNORE INTO group_members (group_id, user_id) VALUES (?, ?)",
        (group.identity_id, user.identity_id),
    )
    limits.check("GroupsPerUser", len(_groups(rows, user)), limits.GROUPS_OF_USER)


def remove(rows: sqlite3.Connection, group: Identity, user: Identity) -> None:
    """Raises NoSuchEntity for a user who is not in the group."""
    removed = rows.execute(
        "DELETE FROM group_members WHERE group_id = ? AND user_id = ?",
        (group.identity_id, user.identity_id),
    )
    if removed.rowcount == 0:
        raise S3Error("NoSuchEntity", f"The user with name {user.name} is not in group {group.name}.")


def users_of(rows: sqlite3.Connection, group: Identity) -> Sequence[Identity]:
    found = rows.execute("SELECT user_id FROM group_members WHERE group_id = ?", (group.identity_id,))
    return _by_ids(rows, [user_id for (user_id,) in found])


def groups_of(rows: sqlite3.Connection, user: Identity) -> Sequence[Identity]:
    return _by_ids(rows, _groups(rows, user))


def _groups(rows: sqlite3.Connection, user: Identity) -> Sequence[str]:
    if user.kind is not Kind.USER:
        return []
    found = rows.execute("SELECT group_id FROM group_members WHERE user_id = ?", (user.identity_id,))
    return [group_id for (group_id,) in found]


def _by_ids(rows: sqlite3.Connection, ids: Sequence[str]) -> Sequence[Identity]:
    found = [identities.find_by_id(rows, identity_id) for identity_id in ids]
    return sorted((one for one in found if one is not None), key=lambda one: one.name.lower())
