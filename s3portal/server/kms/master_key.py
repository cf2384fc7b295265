"""The master key: seals the secrets that the server keeps, so that its database alone gives nothing away.

What it sealed begins with ``version (1 byte) | id of the master key (8)``; ``seals`` says how it continues.
It is bound to its context: opened with another one, or changed in any bit, it is refused.
"""

from __future__ import annotations

import hmac
import os
import secrets
import threading
from pathlib import Path

from s3portal.server.kms.key_sources import KEY_BYTES, MasterKeySource, keys_of, text_of_keys
from s3portal.server.kms.master_key_errors import (
    MasterKeyMissing,
    MasterKeyUnreadable,
    SealBroken,
    WrongMasterKey,
)
from s3portal.server.kms.seals import seal, unseal
from s3portal.server.storage.blobs import sync_folder
from s3portal.server.storage.storage import write_private_file

KEY_FILE = "master.key"
#: The id of the key that sealed last, so that a lost key is not silently replaced by a new one.
NOTE_FILE = "master-key-id"
_VERSION = b"\x01"
_ID_BYTES = 8
_HEAD_BYTES = 1 + _ID_BYTES


class MasterKey:
    """The master key of a server's folder. Threads and processes may use it at the same time.

    It is read, or made, when it is needed for the first time. Of several keys in its place the first one
    seals, the others only open what was sealed before: ``s3portal server rewrap`` brings all to the first.
    """

    def __init__(self, folder: Path, source: MasterKeySource | None = None) -> None:
        self._folder = folder
        self._source = source or MasterKeySource()
        self._path = self._source.file or folder / KEY_FILE
        self._lock = threading.Lock()
        self._keys: dict[bytes, bytes] = {}

    @property
    def path(self) -> Path | None:
        """The file of the key; None where it comes from the environment or a command."""
        return None if self._source.variable or self._source.command else self._path

    def seal(self, plain: bytes, context: bytes) -> bytes:
        """Returns ``plain`` sealed for a place that ``context`` names, as ``b"access-key/AKIA..."`` does.

        Raises MasterKeyMissing, MasterKeyUnreadable, WrongMasterKey.
        """
        key_id, key = next(iter(self._loaded().items()))
        return seal(key, _VERSION + key_id, plain, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Returns what was sealed in the same context.

        Raises SealBroken for changed bytes and other contexts, WrongMasterKey where it was sealed with a key
        that is not given here, MasterKeyMissing, MasterKeyUnreadable.
        """
        key_id = _id_in(sealed)
        keys = self._loaded()
        if key_id not in keys:
            raise WrongMasterKey(key_id.hex(), self._place)
        return unseal(keys[key_id], sealed, _HEAD_BYTES, context)

    def is_current(self, sealed: bytes) -> bool:
        """Whether the first key sealed it. Raises SealBroken for what no key sealed."""
        return _id_in(sealed) == next(iter(self._loaded()))

    def key_ids(self) -> tuple[str, ...]:
        """Returns the ids of the keys, that of the one that seals first; makes a key where there is none."""
        return tuple(key_id.hex() for key_id in self._loaded())

    def check(self) -> None:
        """Reads a key that comes from elsewhere, so that a mistake is found at the start.

        Raises MasterKeyMissing, MasterKeyUnreadable, WrongMasterKey.
        """
        if self._source != MasterKeySource() or self._note.exists():
            self._loaded()

    def forget(self) -> None:
        """Reads the key again at the next need, because its place has changed."""
        with self._lock:
            self._keys = {}

    @property
    def _place(self) -> str:
        return str(self._path) if self._source == MasterKeySource() else str(self._source)

    @property
    def _note(self) -> Path:
        return self._folder / NOTE_FILE

    def _loaded(self) -> dict[bytes, bytes]:
        """The keys by their ids, the one that seals first."""
        with self._lock:
            if not self._keys:
                self._keys = self._load()
            return self._keys

    def _load(self) -> dict[bytes, bytes]:
        noted = self._note.read_text("ascii").strip() if self._note.exists() else None
        keys = keys_of(self._source, self._path)
        if not keys:
            if noted is not None:
                raise MasterKeyMissing(self._place, self._note)
            if self._source != MasterKeySource():
                raise MasterKeyUnreadable(self._place, "there is none")
            self._make()
            keys = keys_of(self._source, self._path)
        found = {id_of_key(key): key for key in keys}
        if noted is not None and bytes.fromhex(noted) not in found:
            raise WrongMasterKey(noted, self._place)
        if noted is None:
            self.note()
        return found

    def note(self) -> None:
        """Records the present key as the one that this folder is sealed with."""
        first = keys_of(self._source, self._path)[0]
        write_private_file(self._note, id_of_key(first).hex().encode())

    def _make(self) -> None:
        """Makes the key file, unless another process does it at the same moment."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        own = self._folder / f"{KEY_FILE}.{secrets.token_hex(4)}"
        write_private_file(own, text_of_keys([secrets.token_bytes(KEY_BYTES)]))
        try:
            # Unlike renaming, a link never takes the place of what is there.
            os.link(own, self._path)
        except FileExistsError:
            # The other one's key is as good, and it is the one that counts.
            return
        finally:
            own.unlink()
            sync_folder(self._folder)


def id_of_key(key: bytes) -> bytes:
    """Returns what names a master key in everything that it sealed, and tells nothing of it."""
    return hmac.digest(key, b"s3portal master key id", "sha256")[:_ID_BYTES]


def _id_in(sealed: bytes) -> bytes:
    if len(sealed) < _HEAD_BYTES or sealed[:1] != _VERSION:
        raise SealBroken
    return sealed[1:_HEAD_BYTES]
