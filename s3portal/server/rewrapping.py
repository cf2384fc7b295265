"""``s3portal server rewrap``: brings everything that the master key sealed to another master key.

The key file gets the new key before the old one; then all that is sealed is sealed with the new key, in one
transaction; then the old key is taken out of the file. Killed at any moment, it leaves a folder that opens,
and may be run again.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection
from sqlite3 import Error as SQLiteError

from s3portal.server.iam import access_keys
from s3portal.server.kms.envelopes import WRAPPED_KEYS
from s3portal.server.kms.key_rows import MATERIALS
from s3portal.server.kms.key_sources import KEY_BYTES, keys_of_file, text_of_keys
from s3portal.server.kms.master_key import MasterKey
from s3portal.server.kms.sealed_columns import SealedColumn
from s3portal.server.replication.connections import SECRETS as REPLICATION_SECRETS
from s3portal.server.storage.storage import Storage, write_private_file

#: All that is sealed; every room that keeps secrets has its columns here.
SEALED: tuple[SealedColumn, ...] = (WRAPPED_KEYS, MATERIALS, access_keys.SECRETS, REPLICATION_SECRETS)


@dataclass(frozen=True)
class Rewrapped:
    """What was done: how many values were sealed again, and where the key is that all are sealed with. A
    ``path`` of None means that its place is not a file; the old key has to be taken out of there."""

    values: int
    key_id: str
    path: Path | None


def rewrap(storage: Storage, master_key: MasterKey, *, renew: bool) -> Rewrapped:
    """Seals everything with the first of the keys that are given; ``renew`` makes a new one first, in the
    key's file.

    Raises MasterKeyError, and ValueError where a new key is to be made that does not come from a file. The
    folder is then as it was.
    """
    path = master_key.path
    if renew:
        if path is None:
            raise ValueError(
                "A new key can be made in a file only. Let the variable or the command give the new key "
                "before the old one, separated by a space, and run this without --new-key."
            )
        _renew(master_key, path)
    master_key.key_ids()
    values = storage.database.write(lambda connection: _reseal_all(connection, master_key))
    master_key.note()
    if path is not None:
        write_private_file(path, text_of_keys(keys_of_file(path)[:1]))
        master_key.forget()
    return Rewrapped(values, master_key.key_ids()[0], path)


def _renew(master_key: MasterKey, path: Path) -> None:
    master_key.key_ids()
    write_private_file(path, text_of_keys([secrets.token_bytes(KEY_BYTES), *keys_of_file(path)]))
    master_key.forget()


def _reseal_all(connection: Connection, master_key: MasterKey) -> int:
    return sum(_reseal(connection, master_key, column) for column in SEALED)


def _reseal(connection: Connection, master_key: MasterKey, sealed: SealedColumn) -> int:
    """Seals a column's values again, where another key sealed them; returns how many they were."""
    problems: list[Exception] = []

    def resealed(value: bytes, *fields: object) -> bytes | None:
        """Returns the value as it is to be, None where it is so already."""
        try:
            if master_key.is_current(value):
                return None
            row = dict(zip(sealed.fields, fields, strict=True))
            return sealed.seal(master_key, sealed.open(master_key, value, **row), **row)
        except Exception as problem:
            # SQLite tells that its function failed, and not how.
            problems.append(problem)
            raise

    connection.create_function("resealed", 1 + len(sealed.fields), resealed)
    column = sealed.column
    before = connection.total_changes
    try:
        # The names are those of this package's own tables.
        connection.execute(
            f"UPDATE {sealed.table} SET {column} = "  # noqa: S608
            f"coalesce(resealed({', '.join([column, *sealed.fields])}), {column}) "
            f"WHERE {column} IS NOT NULL AND ({sealed.where})"
        )
    except SQLiteError as problem:
        if problems:
            raise problems[0] from problem
        raise
    return connection.total_changes - before
