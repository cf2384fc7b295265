"""Opens the objects that MyFSIO has encrypted, chunk by chunk.

The stream has the count of its chunks, then each with its length and its tag (AES-256-GCM). Releases differ
in the nonces of the chunks; the first chunk tells which it was. Every chunk that was changed is found.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ALGORITHM = "x-amz-server-side-encryption"
KEY_ID, NONCE, DATA_KEY = "x-amz-encryption-key-id", "x-amz-encryption-nonce", "x-amz-encrypted-data-key"
INTERNAL = frozenset({ALGORITHM, KEY_ID, NONCE, DATA_KEY})
KEY_BYTES, NONCE_BYTES, TAG_BYTES = 32, 12, 16
_COUNT_BYTES = 4
# What such a stream may have at most: 64 KiB is MyFSIO's own size.
_CHUNK_LIMIT_BYTES = 64 * 1024 * 1024
# An object that is one ciphertext has to be opened in memory.
_WHOLE_LIMIT_BYTES = 1024**3


class CannotDecrypt(ValueError):
    """An object cannot be opened; the message says why."""


@dataclass(frozen=True)
class MyfsioKeys:
    """``master_key`` is None where there is no file of it. ``materials`` are those of the key management, by
    the ids of their keys."""

    master_key: bytes | None
    materials: Mapping[str, bytes]

    def open(
        self, file: io.BufferedIOBase, metadata: Mapping[str, str], context: Mapping[str, str]
    ) -> tuple[io.RawIOBase, int]:
        """Returns a reader of what an object was, and its size. ``context`` has its bucket and key.

        Raises CannotDecrypt; the reader raises it for a chunk that was changed.
        """
        nonce, wrapped = (_bytes_of(metadata.get(name, "")) for name in (NONCE, DATA_KEY))
        if len(nonce) != NONCE_BYTES:
            raise CannotDecrypt("its nonce is missing, or has another length")
        data_key = self._data_key(wrapped, metadata.get(KEY_ID, ""), context)
        lengths = _chunk_lengths(file)
        file.seek(0)
        if lengths is None:
            plain = _whole(file, data_key, nonce, context)
            return _Reader(iter([plain])), len(plain)
        chunks = _chunks(file, data_key, nonce, lengths)
        return _Reader(chunks), sum(length - TAG_BYTES for length in lengths)

    def _data_key(self, wrapped: bytes, key_id: str, context: Mapping[str, str]) -> bytes:
        candidates = [(self.master_key, wrapped)] if self.master_key else []
        material = self.materials.get(key_id)
        if material is not None:
            candidates.append((material, wrapped))
            name = key_id.encode()
            prefix = len(name).to_bytes(2, "big") + name
            if wrapped.startswith(prefix):
                candidates.append((material, wrapped[len(prefix) :]))
        for key, sealed in candidates:
            for associated in _associated(context):
                opened = _opened(key, sealed, associated)
                if opened is not None and len(opened) == KEY_BYTES:
                    return opened
        raise CannotDecrypt(
            f"its data key cannot be opened with the keys that are here ({key_id or 'local'})"
        )


def _bytes_of(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as problem:
        raise CannotDecrypt(f"its metadata are not base64: {problem}") from problem


def unwrapped(key: bytes, sealed: bytes) -> bytes | None:
    """Returns what a nonce and a ciphertext behind it hold, None where the key is another or they changed."""
    return _opened(key, sealed, None)


def _opened(key: bytes, sealed: bytes, associated: bytes | None) -> bytes | None:
    if len(sealed) < NONCE_BYTES + TAG_BYTES:
        return None
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)
    except InvalidTag:
        return None


def _associated(context: Mapping[str, str]) -> Sequence[bytes | None]:
    return (None, json.dumps(dict(context), sort_keys=True).encode())


def _chunk_lengths(file: io.BufferedIOBase) -> list[int] | None:
    """Returns the lengths of the chunks, None for what is not a stream of chunks to its last byte."""
    size_bytes = file.seek(0, io.SEEK_END)
    file.seek(0)
    count = int.from_bytes(file.read(_COUNT_BYTES), "big")
    place, lengths = _COUNT_BYTES, []
    if count > size_bytes:
        return None
    for _ in range(count):
        file.seek(place)
        length = int.from_bytes(file.read(_COUNT_BYTES), "big")
        place += _COUNT_BYTES + length
        if place > size_bytes or not TAG_BYTES <= length <= _CHUNK_LIMIT_BYTES:
            return None
        lengths.append(length)
    return lengths if place == size_bytes else None


def _xored(base: bytes, index: int) -> bytes:
    return base[:8] + (int.from_bytes(base[8:], "big") ^ index).to_bytes(4, "big")


def _derived(base: bytes, index: int) -> bytes:
    hkdf = HKDF(hashes.SHA256(), NONCE_BYTES, salt=base, info=index.to_bytes(4, "big"))
    return hkdf.derive(b"chunk_nonce")


def _chunks(file: io.BufferedIOBase, data_key: bytes, base: bytes, lengths: Sequence[int]) -> Iterator[bytes]:
    cipher = AESGCM(data_key)
    nonce_of: Callable[[bytes, int], bytes] | None = None
    file.read(_COUNT_BYTES)
    for index, length in enumerate(lengths):
        file.read(_COUNT_BYTES)
        sealed = file.read(length)
        for candidate in (_xored, _derived) if nonce_of is None else (nonce_of,):
            try:
                plain = cipher.decrypt(candidate(base, index), sealed, None)
            except InvalidTag:
                continue
            nonce_of = candidate
            yield plain
            break
        else:
            raise CannotDecrypt(f"its chunk {index} has been changed, or is of an unknown release")


def _whole(file: io.BufferedIOBase, data_key: bytes, nonce: bytes, context: Mapping[str, str]) -> bytes:
    sealed = file.read(_WHOLE_LIMIT_BYTES + 1)
    if len(sealed) > _WHOLE_LIMIT_BYTES:
        raise CannotDecrypt("it is neither a stream of chunks nor short enough for one ciphertext")
    for associated in _associated(context):
        plain = _opened(data_key, nonce + sealed, associated)
        if plain is not None:
            return plain
    raise CannotDecrypt("it has been changed, or is of an unknown release")


class _Reader(io.RawIOBase):
    """Reads what an iterator yields."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        while not self._left:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._left = memoryview(chunk)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count
