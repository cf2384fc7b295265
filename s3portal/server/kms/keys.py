"""The keys of the key management: made, found, used, rotated, deleted. Who may do it is not asked here.

Whatever another process of the server did counts at once: nothing is remembered between calls.
Sources: https://docs.aws.amazon.com/kms/latest/APIReference/API_Operations.html and
https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
"""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace

from s3portal.server.kms import ciphertexts, key_rows
from s3portal.server.kms.key_errors import not_found, require_usable
from s3portal.server.kms.key_records import (
    AUTOMATIC,
    AWS,
    CUSTOMER,
    INITIAL,
    Alias,
    Key,
    Rotation,
)
from s3portal.server.kms.master_key import MasterKey
from s3portal.server.kms.master_key_errors import SealBroken
from s3portal.server.storage.records import FIRST_ACCOUNT
from s3portal.server.storage.storage import Storage, now_ms
from s3portal.server.wire.errors import S3Error

MATERIAL_BYTES = 32
DAY_MS = 24 * 3600 * 1000
#: Of the key that a server makes for SSE-KMS without a key id.
AWS_ALIAS = "alias/aws/s3"
_ARN = re.compile(r"arn:aws:kms:[a-z0-9-]*:([0-9]{12}):(key/[^/]+|alias/.+)")


class Keys:
    """The keys in a server's folder. ``region`` is that of their ARNs. ``deletes`` is False where the folder
    is only read: keys whose waiting period has ended are not there all the same."""

    def __init__(self, storage: Storage, master_key: MasterKey, region: str, *, deletes: bool = True) -> None:
        self._storage, self._master_key = storage, master_key
        self._deletes = deletes
        self.region = region

    def create(
        self,
        account_id: str,
        *,
        policy: str | None = None,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        manager: str = CUSTOMER,
        key_id: str | None = None,
        material: bytes | None = None,
    ) -> Key:
        """Makes a key, of random material unless some is given. Without a policy it has AWS's default one.

        Raises AlreadyExistsException for a key id that is taken, MasterKeyError.
        """
        key = Key(
            key_id=key_id or str(uuid.uuid4()),
            account_id=account_id,
            manager=manager,
            created_at=now_ms(),
            is_enabled=True,
            deletion_at=None,
            description=description,
            policy=policy or default_policy(account_id),
            tags=tags or {},
            rotation_days=None,
            rotates_at=None,
            region=self.region,
        )
        sealed = self._sealed(key.key_id, 1, material)

        def insert(rows: sqlite3.Connection) -> None:
            if key_rows.find(rows, key.key_id, self.region) is not None:
                raise S3Error("AlreadyExistsException", f"{key.arn} already exists")
            key_rows.insert(rows, key)
            key_rows.add_material(rows, key.key_id, 1, sealed, key.created_at, INITIAL)

        self._storage.database.write(insert)
        return key

    def find(self, reference: str, account_id: str) -> Key:
        """Returns the key that an id, an ARN, an alias or an alias's ARN names for an account.

        Raises NotFoundException. A key whose waiting period has ended is deleted by then.
        """
        self.delete_expired()
        owner, name = account_id, reference
        if reference.startswith("arn:"):
            match = _ARN.fullmatch(reference)
            if match is None:
                raise S3Error("InvalidArnException", f"Invalid arn {reference}")
            owner, name = match[1], match[2].removeprefix("key/")
        with self._storage.database.snapshot() as rows:
            if name.startswith("alias/"):
                alias = key_rows.find_alias(rows, owner, name)
                if alias is None:
                    raise not_found(f"Alias {alias_arn(self.region, owner, name)}")
                name = alias.key_id
            found = key_rows.find(rows, name.lower(), self.region)
        if found is None or found.account_id != owner:
            raise not_found(f"Key '{key_arn(self.region, owner, name)}'")
        return found

    def with_id(self, key_id: str) -> Key:
        """Returns a key by its id, of whatever account. Raises NotFoundException."""
        self.delete_expired()
        with self._storage.database.read() as rows:
            found = key_rows.find(rows, key_id, self.region)
        if found is None or (found.deletion_at is not None and found.deletion_at <= now_ms()):
            raise not_found(f"Key '{key_arn(self.region, FIRST_ACCOUNT, key_id)}'")
        return found

    def of_account(self, account_id: str, after: str = "", limit: int = 1000) -> list[Key]:
        self.delete_expired()
        with self._storage.database.read() as rows:
            return key_rows.of_account(rows, account_id, after, limit, self.region)

    def aws_managed(self, account_id: str) -> Key:
        """Returns the key ``alias/aws/s3`` of an account, made at first need."""
        with self._storage.database.read() as rows:
            alias = key_rows.find_alias(rows, account_id, AWS_ALIAS)
        if alias is not None:
            return self.with_id(alias.key_id)
        description = "Default key that protects my S3 objects when no other key is defined"
        made = self.create(account_id, description=description, manager=AWS)
        now = now_ms()

        def name(rows: sqlite3.Connection) -> None:
            # Another process may have made one at the same moment; the first one counts.
            if key_rows.find_alias(rows, account_id, AWS_ALIAS) is None:
                key_rows.put_alias(rows, Alias(account_id, AWS_ALIAS, made.key_id, now, now))

        self._storage.database.write(name)
        return self.find(AWS_ALIAS, account_id)

    def change(self, key_id: str, decide: Callable[[Key], Key]) -> Key:
        """Replaces a key by what ``decide`` makes of it, in one transaction; it raises to refuse."""
        self.delete_expired()

        def update(rows: sqlite3.Connection) -> Key:
            found = key_rows.find(rows, key_id, self.region)
            if found is None:
                raise not_found(f"Key '{key_id}'")
            changed = decide(found)
            key_rows.update(rows, changed)
            return changed

        return self._storage.database.write(update)

    def delete_expired(self) -> None:
        """Deletes the keys whose waiting period has ended."""
        now = now_ms()
        if not self._deletes:
            return
        with self._storage.database.read() as rows:
            if not key_rows.has_expired(rows, now):
                return
        self._storage.database.write(lambda rows: key_rows.delete_expired(rows, now), frees_space=True)

    # --- using a key -----------------------------------------------------------------------------------

    def encrypt(self, key: Key, plain: bytes, context: Mapping[str, str]) -> bytes:
        """Returns the ciphertext. Raises DisabledException, KMSInvalidStateException, MasterKeyError."""
        require_usable(key)
        if key.rotates_at is not None and key.rotates_at <= now_ms():
            self.rotate(key.key_id, AUTOMATIC)
        number, material = self._material(key.key_id)
        return ciphertexts.encrypt(key.key_id, number, material, plain, context)

    def key_of(self, ciphertext: bytes) -> Key:
        """Returns the key of a ciphertext. Raises InvalidCiphertextException, NotFoundException."""
        return self.with_id(key_id_of(ciphertext))

    def decrypt(
        self,
        key: Key,
        ciphertext: bytes,
        context: Mapping[str, str],
        materials: dict[tuple[str, int], bytes] | None = None,
    ) -> bytes:
        """Returns what was encrypted with a key, whatever material it had by then. ``materials`` keeps those
        that were opened, for who decrypts a lot at once.

        Raises InvalidCiphertextException, IncorrectKeyException, and what ``encrypt`` raises.
        """
        key_id, number = ciphertexts.key_of(ciphertext)
        if key_id != key.key_id:
            raise S3Error("IncorrectKeyException")
        require_usable(key)
        known = {} if materials is None else materials
        if (key_id, number) not in known:
            known[key_id, number] = self._material(key_id, number)[1]
        material = known[key_id, number]
        try:
            return ciphertexts.decrypt(material, ciphertext, context)
        except SealBroken as problem:
            raise S3Error("InvalidCiphertextException") from problem

    def _material(self, key_id: str, number: int | None = None) -> tuple[int, bytes]:
        with self._storage.database.read() as rows:
            found = key_rows.material(rows, key_id, number)
        if found is None:
            raise S3Error("InvalidCiphertextException")
        opened = key_rows.MATERIALS.open(self._master_key, found[1], key_id=key_id, number=found[0])
        return found[0], opened

    def _sealed(self, key_id: str, number: int, material: bytes | None = None) -> bytes:
        plain = material or secrets.token_bytes(MATERIAL_BYTES)
        return key_rows.MATERIALS.seal(self._master_key, plain, key_id=key_id, number=number)

    # --- rotation --------------------------------------------------------------------------------------

    def rotate(self, key_id: str, kind: str) -> None:
        """Gives a key new material; what was encrypted before is opened with what it had."""

        def add(rows: sqlite3.Connection) -> None:
            found = key_rows.find(rows, key_id, self.region)
            newest = key_rows.material(rows, key_id)
            if found is None or newest is None:
                raise not_found(f"Key '{key_id}'")
            now = now_ms()
            if kind == AUTOMATIC:
                if found.rotates_at is None or found.rotates_at > now:
                    # Another process was first.
                    return
                key_rows.update(rows, replace(found, rotates_at=now + (found.rotation_days or 0) * DAY_MS))
            number = newest[0] + 1
            key_rows.add_material(rows, key_id, number, self._sealed(key_id, number), now, kind)

        self._storage.database.write(add)

    def rotations(self, key_id: str) -> list[Rotation]:
        with self._storage.database.read() as rows:
            return key_rows.rotations(rows, key_id)

    # --- aliases ---------------------------------------------------------------------------------------

    def aliases(self, account_id: str, key_id: str | None = None) -> list[Alias]:
        self.delete_expired()
        with self._storage.database.read() as rows:
            return list(key_rows.aliases(rows, account_id, key_id))

    def create_alias(self, account_id: str, name: str, key: Key) -> None:
        """Raises AlreadyExistsException."""
        now = now_ms()

        def add(rows: sqlite3.Connection) -> None:
            if key_rows.find_alias(rows, account_id, name) is not None:
                arn = alias_arn(self.region, account_id, name)
                raise S3Error("AlreadyExistsException", f"An alias with the name {arn} already exists")
            key_rows.put_alias(rows, Alias(account_id, name, key.key_id, now, now))

        self._storage.database.write(add)

    def find_alias(self, account_id: str, name: str) -> Alias:
        """Raises NotFoundException."""
        self.delete_expired()
        with self._storage.database.read() as rows:
            found = key_rows.find_alias(rows, account_id, name)
        if found is None:
            raise not_found(f"Alias {alias_arn(self.region, account_id, name)}")
        return found

    def update_alias(self, account_id: str, name: str, key: Key) -> None:
        """Raises NotFoundException."""
        found = self.find_alias(account_id, name)
        moved = replace(found, key_id=key.key_id, updated_at=now_ms())
        self._storage.database.write(lambda rows: key_rows.put_alias(rows, moved))

    def delete_alias(self, account_id: str, name: str) -> None:
        """Raises NotFoundException."""
        self.find_alias(account_id, name)
        self._storage.database.write(lambda rows: key_rows.delete_alias(rows, account_id, name))


def key_id_of(ciphertext: bytes) -> str:
    """Returns the id of the key of a ciphertext. Raises InvalidCiphertextException."""
    return ciphertexts.key_of(ciphertext)[0]


def key_arn(region: str, account_id: str, key_id: str) -> str:
    return f"arn:aws:kms:{region}:{account_id}:key/{key_id}"


def alias_arn(region: str, account_id: str, name: str) -> str:
    return f"arn:aws:kms:{region}:{account_id}:{name}"


def default_policy(account_id: str) -> str:
    """Returns the policy of a key that was given none: it leaves the key to the account's own policies.

    Source: https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    """
    statement = {
        "Sid": "Enable IAM User Permissions",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account_id}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    return json.dumps({"Version": "2012-10-17", "Id": "key-default-1", "Statement": [statement]}, indent=2)
