"""Envelopes: every part that is stored encrypted has a data key of its own, which is stored with it, wrapped.

What wraps it is said by the part's ``key_id``: the master key (SSE-S3), a customer's key of the key
management (SSE-KMS, DSSE), or the key that the caller sends with each request (SSE-C). A part that is stored
plain has no ``key_id``.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from s3portal.server.kms.key_records import Key
from s3portal.server.kms.keys import Keys, key_id_of
from s3portal.server.kms.master_key import MasterKey
from s3portal.server.kms.master_key_errors import SealBroken
from s3portal.server.kms.sealed_columns import SealedColumn
from s3portal.server.kms.seals import seal, unseal
from s3portal.server.kms.segments import KEY_BYTES, SealedSource, SegmentCipher, Source
from s3portal.server.storage.records import Part
from s3portal.server.wire.checksums import ALGORITHMS

SSE_S3, SSE_KMS, DSSE, SSE_C = "SSE-S3", "SSE-KMS", "SSE-KMS-DSSE", "SSE-C"
#: The data keys that the master key wrapped.
WRAPPED_KEYS = SealedColumn("parts", "wrapped_key", "part/{nonce}", where=f"key_id = '{SSE_S3}'")
_IDENTITY_BYTES = 16
_CHECKSUM = ALGORITHMS["CRC64NVME"]


class Wrapping(Protocol):
    """Wraps data keys. ``kind`` is one of the constants above; ``place`` names the part that a key is of."""

    @property
    def kind(self) -> str: ...

    def wrap(self, data_key: bytes, place: bytes) -> bytes:
        """Returns the wrapped key. Raises S3Error or MasterKeyError where the wrapping key cannot be used."""

    def unwrap(self, wrapped: bytes, place: bytes) -> bytes:
        """Returns the data key. Raises S3Error or MasterKeyError."""


class ByMasterKey:
    """SSE-S3."""

    kind = SSE_S3

    def __init__(self, master_key: MasterKey) -> None:
        self._master_key = master_key

    def wrap(self, data_key: bytes, place: bytes) -> bytes:
        return WRAPPED_KEYS.seal(self._master_key, data_key, nonce=place)

    def unwrap(self, wrapped: bytes, place: bytes) -> bytes:
        return WRAPPED_KEYS.open(self._master_key, wrapped, nonce=place)


class ByCustomerKey:
    """SSE-C: the key is the caller's, and is not kept."""

    kind = SSE_C

    def __init__(self, customer_key: bytes) -> None:
        self._customer_key = customer_key

    def wrap(self, data_key: bytes, place: bytes) -> bytes:
        return seal(self._customer_key, b"", data_key, place)

    def unwrap(self, wrapped: bytes, place: bytes) -> bytes:
        return unseal(self._customer_key, wrapped, 0, place)


class ByKey:
    """SSE-KMS and DSSE: a key of the key management, which opens it only as long as it is enabled.

    The encryption context is stored with the wrapped key: an object that is renamed, or shares the bytes of
    another, is opened with the one that it was stored with. It is for one request: a key is looked up once,
    however many parts an object has.
    """

    def __init__(
        self, keys: Keys, kind: str, key: Key | None = None, context: Mapping[str, str] | None = None
    ):
        self._keys, self.kind, self._key = keys, kind, key
        self._context = context or {}
        self._known: dict[str, Key] = {}
        self._materials: dict[tuple[str, int], bytes] = {}

    def wrap(self, data_key: bytes, place: bytes) -> bytes:
        assert self._key is not None
        # As it is by now: it may have been disabled since the request began.
        key = self._keys.with_id(self._key.key_id)
        context = json.dumps(dict(self._context), separators=(",", ":")).encode()
        sealed = self._keys.encrypt(key, place + data_key, self._context)
        return len(context).to_bytes(2, "big") + context + sealed

    def unwrap(self, wrapped: bytes, place: bytes) -> bytes:
        end = 2 + int.from_bytes(wrapped[:2], "big")
        try:
            context = json.loads(wrapped[2:end])
        except ValueError as problem:
            raise SealBroken from problem
        key_id = key_id_of(wrapped[end:])
        if key_id not in self._known:
            self._known[key_id] = self._keys.with_id(key_id)
        opened = self._keys.decrypt(self._known[key_id], wrapped[end:], context, self._materials)
        if not opened.startswith(place):
            raise SealBroken
        return opened[len(place) :]


class Sealing:
    """Seals one part that is received: ``source`` in place of its content, then ``sealed`` for its row."""

    def __init__(self, wrapping: Wrapping, content: Source) -> None:
        self._wrapping = wrapping
        self._data_key = secrets.token_bytes(KEY_BYTES * (2 if wrapping.kind == DSSE else 1))
        self._identity = secrets.token_bytes(_IDENTITY_BYTES)
        self._cipher = SegmentCipher(self._data_key, self._identity)
        self._checksum = _CHECKSUM.start()
        self.source = SealedSource(content, self._cipher, self._checksum)

    def sealed(self, part: Part) -> Part:
        """Returns the row of the part, once its content was received: with its wrapped key, and with an ETag
        that is no MD5 where S3's is none."""
        place = self._identity + self._checksum.digest()
        return replace(
            part,
            etag=self._etag_of(part.etag),
            key_id=self._wrapping.kind,
            wrapped_key=self._wrapping.wrap(self._data_key, place),
            nonce=place,
            stored_size_bytes=self._cipher.stored_size_bytes(part.size_bytes),
        )

    def _etag_of(self, md5_hex: str) -> str:
        return etag_of_part(self._wrapping.kind, self._data_key, md5_hex)


def etag_of_part(kind: str, data_key: bytes, md5_hex: str) -> str:
    """Returns the ETag of a part: the MD5 of its content with SSE-S3, and 32 other digits else.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
    """
    if kind == SSE_S3:
        return md5_hex
    return hmac.digest(data_key, b"ETag" + md5_hex.encode(), "sha256")[:16].hex()


def cipher_of(part: Part, wrapping: Wrapping) -> tuple[SegmentCipher, bytes]:
    """Returns what opens the segments of a part, and its data key. Raises what the wrapping raises."""
    assert part.nonce is not None and part.wrapped_key is not None
    data_key = wrapping.unwrap(part.wrapped_key, part.nonce)
    return SegmentCipher(data_key, part.nonce[:_IDENTITY_BYTES]), data_key


def stored_checksum(part: Part) -> bytes:
    """Returns the CRC-64/NVME of a part's stored bytes, by which they are compared without any key."""
    assert part.nonce is not None
    return part.nonce[_IDENTITY_BYTES:]
