"""Everybody who may be let in: the identities of the database and those of the configuration file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import TypeVar

from s3portal.server.access.configured_directory import ConfiguredDirectory
from s3portal.server.authority.policy import Policy
from s3portal.server.iam import access_keys, configured, effective, identities, named_in_policies
from s3portal.server.iam.records import AccessKey, Identity, Kind
from s3portal.server.kms.master_key import MasterKey
from s3portal.server.storage.storage import Storage
from s3portal.server.wire.errors import S3Error

Result = TypeVar("Result")


class People:
    """What IAM's operations work with. ``configuration`` returns what the file says now; ``master_key`` seals
    the secrets of access keys."""

    def __init__(
        self, storage: Storage, master_key: MasterKey, configuration: Callable[[], ConfiguredDirectory]
    ) -> None:
        self._storage = storage
        self._configuration = configuration
        self.master_key = master_key

    def read(self, question: Callable[[sqlite3.Connection], Result]) -> Result:
        """Returns what ``question`` finds in the database, all of it in one state."""
        with self._storage.database.snapshot() as rows:
            return question(rows)

    def change(self, change: Callable[[sqlite3.Connection], Result], *, frees_space: bool = False) -> Result:
        """Makes a change in a transaction. Once it returns, every process decides by it."""
        with self._storage.known_identities.changing():
            return self._storage.database.write(change, frees_space=frees_space)

    def find(self, kind: Kind, account_id: str, name: str) -> Identity | None:
        """Returns a user, group or role of an account by its exact name."""
        found = configured.find(self._configuration(), kind, account_id, name)
        return found or self.read(lambda rows: identities.find(rows, kind, account_id, name))

    def find_all(self, kind: Kind, account_id: str) -> Sequence[Identity]:
        """Returns all of an account, in the order of their names."""
        in_file = configured.find_all(self._configuration(), kind, account_id)
        names = {one.name for one in in_file}
        stored = self.read(lambda rows: identities.find_all(rows, kind, account_id))
        there = [*in_file, *(one for one in stored if one.name not in names)]
        return sorted(there, key=lambda one: (one.name.lower(), one.name))

    def create(self, asked: Identity) -> Identity:
        """Stores a new identity. Raises EntityAlreadyExists, also for a name of the file; LimitExceeded."""
        in_file = configured.find_all(self._configuration(), asked.kind, asked.account_id)
        self.refuse_configured_name(asked.kind, asked.account_id, asked.name, in_file)
        return self.change(lambda rows: identities.create(rows, asked))

    def rename(self, identity: Identity, name: str, path: str) -> None:
        """Gives an identity another name and path, in the policies that name it as well. Raises
        EntityAlreadyExists, NoSuchEntity."""
        with self._storage.known_buckets.changing() as changing:
            self.change(
                lambda rows: named_in_policies.rename(
                    rows, changing, *identities.rename(rows, identity, name, path)
                )
            )

    def delete(self, identity: Identity) -> None:
        """Removes an identity; who gets its name later is somebody else. Raises DeleteConflict,
        NoSuchEntity."""
        with self._storage.known_buckets.changing() as changing:
            self.change(
                lambda rows: named_in_policies.forget(rows, changing, identities.delete(rows, identity)),
                frees_space=True,
            )

    def refuse_configured_name(
        self, kind: Kind, account_id: str, name: str, in_file: Sequence[Identity] | None = None
    ) -> None:
        """Raises EntityAlreadyExists for the name of somebody in the file."""
        there = configured.find_all(self._configuration(), kind, account_id) if in_file is None else in_file
        if any(one.name.lower() == name.lower() for one in there):
            raise S3Error("EntityAlreadyExists", f"{kind.title} with name {name} already exists.")

    def policies_of(self, identity: Identity) -> tuple[Policy, ...]:
        """Returns all that says what an identity may do, but for its boundary."""
        if identity.configured:
            return configured.policies(self._configuration(), identity)
        return self.read(lambda rows: effective.policies_of(rows, identity))

    def boundary_of(self, identity: Identity) -> Policy | None:
        return self.read(lambda rows: effective.boundary_of(rows, identity))

    def access_keys_of(self, user: Identity) -> Sequence[AccessKey]:
        if user.configured:
            return configured.access_keys(self._configuration(), user)
        return self.read(lambda rows: access_keys.of_user(rows, user))

    def user_of_key(self, access_key_id: str) -> tuple[Identity, AccessKey] | None:
        """Returns whose key this is, active or not."""
        in_file = self._configuration().user_with_key(access_key_id)
        if in_file is not None:
            user = self.find(Kind.USER, in_file.account_id, in_file.name)
            return (user, self.access_keys_of(user)[0]) if user else None

        def look(rows: sqlite3.Connection) -> tuple[Identity, AccessKey] | None:
            key = access_keys.find(rows, access_key_id)
            user = identities.find_by_id(rows, key.user_id) if key else None
            return (user, key) if user and key else None

        return self.read(look)
