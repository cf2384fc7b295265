"""Checksums of objects and parts: the algorithms, running digests, and how those of parts make an object's.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/API_Checksum.html
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import awscrt
from awscrt import checksums as crt

from s3portal.server.wire.errors import S3Error

FULL_OBJECT, COMPOSITE = "FULL_OBJECT", "COMPOSITE"
# What S3 computes itself when the caller names no algorithm.
DEFAULT_ALGORITHM = "CRC64NVME"


class Digest(Protocol):
    """A running digest, as in hashlib."""

    def update(self, data: memoryview | bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc:
    """A CRC of awscrt in hashlib's shape."""

    def __init__(self, function: Callable[[memoryview | bytes, int], int], size_bytes: int) -> None:
        self._function = function
        self._size_bytes = size_bytes
        self._value = 0

    def update(self, data: memoryview | bytes, /) -> None:
        self._value = self._function(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size_bytes, "big")


class _XxHash:
    """A hash of awscrt in hashlib's shape; awscrt tells its value once."""

    def __init__(self, maker: str) -> None:
        hashes = getattr(crt, "XXHash", None)
        if hashes is None:
            message = f"The awscrt {awscrt.__version__} on this server has no XXHash: install a newer one."
            raise S3Error("NotImplemented", message)
        self._hash = getattr(hashes, maker)()
        self._value: bytes | None = None

    def update(self, data: memoryview | bytes, /) -> None:
        # awscrt takes nothing that could still change.
        self._hash.update(bytes(data))

    def digest(self) -> bytes:
        if self._value is None:
            self._value = self._hash.finalize()
        return self._value


@dataclass(frozen=True)
class Algorithm:
    """One checksum algorithm: its name in S3's documents and how to compute it."""

    name: str
    size_bytes: int
    start: Callable[[], Digest]
    combine: Callable[[int, int, int], int] | None
    """For a CRC: (crc of A, crc of B, length of B) -> crc of AB; None where S3 has no full-object type."""
    composite: bool
    """Whether S3 knows a checksum of checksums for it."""

    @property
    def header(self) -> str:
        return f"x-amz-checksum-{self.name.lower()}"

    @property
    def default_type(self) -> str:
        return COMPOSITE if self.composite else FULL_OBJECT


ALGORITHMS: Mapping[str, Algorithm] = {
    algorithm.name: algorithm
    for algorithm in (
        Algorithm("CRC32", 4, lambda: _Crc(crt.crc32, 4), crt.combine_crc32, True),
        Algorithm("CRC32C", 4, lambda: _Crc(crt.crc32c, 4), crt.combine_crc32c, True),
        Algorithm("CRC64NVME", 8, lambda: _Crc(crt.crc64nvme, 8), crt.combine_crc64nvme, False),
        Algorithm("SHA1", 20, lambda: hashlib.sha1(usedforsecurity=False), None, True),
        Algorithm("SHA256", 32, lambda: hashlib.sha256(usedforsecurity=False), None, True),
        Algorithm("SHA512", 64, lambda: hashlib.sha512(usedforsecurity=False), None, True),
        Algorithm("MD5", 16, lambda: hashlib.md5(usedforsecurity=False), None, True),
        Algorithm("XXHASH64", 8, lambda: _XxHash("new_xxhash64"), None, True),
        Algorithm("XXHASH3", 8, lambda: _XxHash("new_xxhash3_64"), None, True),
        Algorithm("XXHASH128", 16, lambda: _XxHash("new_xxhash3_128"), None, True),
    )
}
HEADERS: Mapping[str, Algorithm] = {algorithm.header: algorithm for algorithm in ALGORITHMS.values()}


@dataclass(frozen=True)
class Checksum:
    """A checksum as S3 shows it: base64, with ``-<parts>`` behind it when it is composite."""

    algorithm: str
    value: str
    type: str = FULL_OBJECT

    @property
    def element_name(self) -> str:
        return f"Checksum{self.algorithm}"

    @property
    def header(self) -> str:
        return ALGORITHMS[self.algorithm].header


def algorithm_named(name: str) -> Algorithm:
    """Returns the algorithm S3 calls ``name``, in any case; raises InvalidRequest for others."""
    algorithm = ALGORITHMS.get(name.upper())
    if algorithm is None:
        raise S3Error("InvalidRequest", "Checksum algorithm provided is unsupported. Please try again.")
    return algorithm


def encode(digest: bytes) -> str:
    return base64.b64encode(digest).decode("ascii")


def decode(value: str, size_bytes: int) -> bytes | None:
    """Returns the digest that ``value`` spells in base64, or None unless it has exactly ``size_bytes``."""
    try:
        digest = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None
    return digest if len(digest) == size_bytes else None


def checksum_of_parts(
    algorithm: Algorithm, checksum_type: str, digests: Sequence[bytes], sizes_bytes: Sequence[int]
) -> Checksum:
    """Returns the checksum of an object from those of its parts, in order.

    COMPOSITE is the digest of the digests, with the number of parts; FULL_OBJECT combines CRCs into that of
    the whole content without reading it again.
    """
    if checksum_type == COMPOSITE:
        running = algorithm.start()
        for digest in digests:
            running.update(digest)
        return Checksum(algorithm.name, f"{encode(running.digest())}-{len(digests)}", COMPOSITE)
    if algorithm.combine is None:
        raise ValueError(f"{algorithm.name} has no full-object type")
    whole = 0
    for digest, size_bytes in zip(digests, sizes_bytes, strict=True):
        whole = algorithm.combine(whole, int.from_bytes(digest, "big"), size_bytes)
    return Checksum(algorithm.name, encode(whole.to_bytes(algorithm.size_bytes, "big")), FULL_OBJECT)
