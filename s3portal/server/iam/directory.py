"""The directory of a server: users and roles of the configuration file and of the database.

What is in the database is read once for all requests, until something in it changes.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import cast

from s3portal.server.access.configured_directory import ConfiguredDirectory
from s3portal.server.access.directory import Account, Role, User
from s3portal.server.access.directory import Identity as WhoItIs
from s3portal.server.authority.policy import NOTHING, Policy
from s3portal.server.iam import access_keys, effective, identities, managed_policies
from s3portal.server.iam.records import Identity, Kind
from s3portal.server.kms.master_key import MasterKey
from s3portal.server.storage.storage import Storage, now_ms
from s3portal.server.wire.errors import S3Error

# How exactly it is noted when a key was used last: each note is a commit.
USE_NOTED_EVERY_MS = 60_000
_NOTED_LIMIT = 10_000
_TEXT_LIMIT = 64

log = logging.getLogger(__name__)


class IdentityDirectory:
    """A Directory. Where the file and the database both know a key or a name, the file's counts."""

    def __init__(
        self, storage: Storage, master_key: MasterKey, configuration: Callable[[], ConfiguredDirectory]
    ) -> None:
        self._storage = storage
        self._master_key = master_key
        self._configuration = configuration
        self._noted: dict[str, int] = {}

    def user_with_key(self, access_key_id: str) -> User | None:
        found = self._configuration().user_with_key(access_key_id)
        if found is not None:
            return found
        known = self._storage.known_identities
        return cast("User | None", known.find(("key", access_key_id), lambda: self._of_key(access_key_id)))

    def user(self, identity: WhoItIs) -> User | None:
        if not identity.user_id:
            return self._configuration().user(identity)
        known = self._storage.known_identities
        return cast("User | None", known.find(("user", identity.user_id), lambda: self._of_id(identity)))

    def role_named(self, account_id: str, name: str) -> Role | None:
        found = self._configuration().role_named(account_id, name)
        if found is not None:
            return found
        known = self._storage.known_identities
        key = ("role", account_id, name)
        return cast("Role | None", known.find(key, lambda: self._role(account_id, name)))

    def managed_policy(self, policy_arn: str) -> Policy | None:
        def read() -> Policy | None:
            with self._storage.database.snapshot() as rows:
                if managed_policies.find(rows, policy_arn) is None:
                    return None
                return effective.managed_policy(rows, policy_arn)

        return cast("Policy | None", self._storage.known_identities.find(("policy", policy_arn), read))

    def has_provider(self, provider_arn: str) -> bool:
        return self._configuration().has_provider(provider_arn)

    def account(self, account_id: str) -> Account:
        return self._configuration().account(account_id)

    def account_with_canonical_id(self, canonical_id: str) -> Account | None:
        return self._configuration().account_with_canonical_id(canonical_id)

    def note_use(self, access_key_id: str, service: str, region: str) -> None:
        now = now_ms()
        noted = self._noted.get(access_key_id)
        if noted is not None and abs(now - noted) < USE_NOTED_EVERY_MS:
            return
        if len(self._noted) >= _NOTED_LIMIT:
            self._noted = {}
        self._noted[access_key_id] = now
        if self._configuration().user_with_key(access_key_id) is not None:
            # Of these the database knows nothing.
            return
        used = (access_key_id, now, service[:_TEXT_LIMIT], region[:_TEXT_LIMIT])
        try:
            self._storage.database.write(lambda rows: access_keys.note_use(rows, *used))
        except (S3Error, sqlite3.Error) as problem:
            # A full disk makes no good request a bad one.
            log.warning("that access key %s was used could not be noted: %s", access_key_id, problem)

    def _of_key(self, access_key_id: str) -> User | None:
        with self._storage.database.snapshot() as rows:
            key = access_keys.find(rows, access_key_id)
            sealed = access_keys.sealed_secret(rows, access_key_id)
            identity = identities.find_by_id(rows, key.user_id) if key else None
            if key is None or sealed is None or identity is None or not key.is_active:
                return None
            found = _user(rows, identity)
        secret = access_keys.SECRETS.open(self._master_key, sealed, access_key_id=access_key_id)
        return replace(found, access_key_id=access_key_id, secret_access_key=secret.decode())

    def _of_id(self, who: WhoItIs) -> User | None:
        with self._storage.database.snapshot() as rows:
            identity = identities.find_by_id(rows, who.user_id)
            return _user(rows, identity) if identity else None

    def _role(self, account_id: str, name: str) -> Role | None:
        with self._storage.database.snapshot() as rows:
            identity = identities.find(rows, Kind.ROLE, account_id, name)
            if identity is None:
                return None
            return Role(
                name=identity.name,
                policy=NOTHING,
                trusted=frozenset(),
                max_session_s=identity.max_session_s or 3600,
                account_id=identity.account_id,
                tags=identity.tags,
                path=identity.path,
                role_id=identity.identity_id,
                policies=effective.policies_of(rows, identity),
                boundary=effective.boundary_of(rows, identity),
                trust_policy=identity.trust_policy,
            )


def _user(rows: sqlite3.Connection, identity: Identity) -> User:
    """A user whose key does not matter."""
    return User(
        name=identity.name,
        access_key_id="",
        secret_access_key="",
        policy=NOTHING,
        account_id=identity.account_id,
        tags=identity.tags,
        path=identity.path,
        user_id=identity.identity_id,
        policies=effective.policies_of(rows, identity),
        boundary=effective.boundary_of(rows, identity),
    )
