"""The users of MyFSIO's iam.json as users of IAM, with their keys."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Protocol

from s3portal.server.iam import access_keys, identities, inline_policies
from s3portal.server.iam.records import Identity, Kind
from s3portal.server.kms.master_key import MasterKey
from s3portal.server.myfsio.users import LEAST_SECRET, LOCALADMIN, KeptUser, read_users
from s3portal.server.storage.records import FIRST_ACCOUNT
from s3portal.server.storage.storage import Storage
from s3portal.server.wire.errors import S3Error

POLICY_NAME = "myfsio"


class Counted(Protocol):
    """What an import counts."""

    users: int
    unchanged: int


def import_users(
    storage: Storage, master_key: MasterKey, text: str, done: Counted, leave_out: Callable[[str], None]
) -> None:
    """Makes the users of a file that are not there yet, by their access keys. Raises ValueError for a file
    that cannot be read, MasterKeyError."""
    for kept in read_users(text):
        if LOCALADMIN in (kept.access_key_id, kept.secret_access_key):
            leave_out(f"the user {kept.access_key_id}: nobody comes in with what everybody knows")
        elif len(kept.secret_access_key) < LEAST_SECRET:
            leave_out(f"the user {kept.access_key_id}: its secret is shorter than {LEAST_SECRET} characters")
        else:
            _import_user(storage, master_key, kept, done, leave_out)


def _import_user(
    storage: Storage,
    master_key: MasterKey,
    kept: KeptUser,
    done: Counted,
    leave_out: Callable[[str], None],
) -> None:
    secret = kept.secret_access_key.encode()
    sealed = access_keys.SECRETS.seal(master_key, secret, access_key_id=kept.access_key_id)

    def add(rows: sqlite3.Connection) -> bool:
        if access_keys.find(rows, kept.access_key_id) is not None:
            return False
        user = identities.create(rows, Identity("", Kind.USER, FIRST_ACCOUNT, kept.name, "/", 0))
        access_keys.add(rows, user, kept.access_key_id, sealed)
        if kept.policy is not None:
            inline_policies.put(rows, user, POLICY_NAME, json.dumps(kept.policy))
        return True

    try:
        with storage.known_identities.changing():
            is_new = storage.database.write(add)
    except S3Error as refused:
        leave_out(f"the user {kept.name} ({kept.access_key_id}): {refused.message}")
        return
    done.users += is_new
    done.unchanged += not is_new
