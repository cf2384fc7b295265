"""Digests of a file in one reading, as stores name contents: MD5, ETags of parts, stored checksums.

Sources: S3 User Guide, "Checking object integrity"; an ETag is the MD5 of what was put at once, and for parts
the MD5 of their MD5s with their number.
"""

import base64
import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from s3portal.transfer import CRCS, PartsEtag

MD5_ETAG = re.compile(r"[0-9a-f]{32}")
PARTS_ETAG = re.compile(r"[0-9a-f]{32}-([0-9]+)")
#: Checksums that S3 keeps of whole objects, by their names in its answers, the surest first.
STORED_CHECKSUMS = {
    "ChecksumSHA256": "SHA256",
    "ChecksumSHA1": "SHA1",
    "ChecksumCRC64NVME": "CRC64NVME",
    "ChecksumCRC32C": "CRC32C",
    "ChecksumCRC32": "CRC32",
}


@dataclass(frozen=True)
class Digests:
    """Of one content. ``etags_of_parts`` are by the size of the parts, ``checksums`` by their algorithms and
    in base64."""

    md5: str
    etags_of_parts: Mapping[int, str] = field(default_factory=dict)
    checksums: Mapping[str, str] = field(default_factory=dict)


def digests_of(
    blocks: Iterable[bytes], part_sizes: Collection[int] = (), algorithms: Collection[str] = ()
) -> Digests:
    """All digests that are asked for. ``algorithms`` are among the values of STORED_CHECKSUMS."""
    md5 = hashlib.md5(usedforsecurity=False)
    parts = {part_bytes: PartsEtag(part_bytes) for part_bytes in part_sizes}
    checksums = {algorithm: _checksum(algorithm) for algorithm in algorithms}
    for block in blocks:
        md5.update(block)
        for each in (*parts.values(), *checksums.values()):
            each.update(block)
    return Digests(
        md5.hexdigest(),
        {part_bytes: each.etag() for part_bytes, each in parts.items()},
        {algorithm: base64.b64encode(each.digest()).decode() for algorithm, each in checksums.items()},
    )


class _OfCrc:
    def __init__(self, algorithm: str) -> None:
        self._crc, self._value = CRCS[algorithm], 0

    def update(self, block: bytes) -> None:
        self._value = self._crc.update(block, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._crc.bits // 8, "big")


def _checksum(algorithm: str) -> Any:
    if algorithm.startswith("SHA"):
        return hashlib.new(algorithm.lower(), usedforsecurity=False)
    return _OfCrc(algorithm)
