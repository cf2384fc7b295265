"""Digests of parts: computed while sending, compared with the store's answer, combined for the whole file."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence

from s3portal.transfer.checksums import CRCS, MD5
from s3portal.transfer.part_plan import PartPlan
from s3portal.transfer.upload import Checksum


class PartDigest:
    """The running digest of one part: ``CRC64NVME``, ``CRC32C``, ``MD5``, or None for nothing at all."""

    def __init__(self, algorithm: str | None) -> None:
        self._crc = CRCS.get(algorithm or "")
        self._value = 0
        self._md5 = hashlib.md5(usedforsecurity=False) if algorithm == MD5 else None

    def update(self, block: bytes) -> None:
        """Adds the next bytes."""
        if self._crc:
            self._value = self._crc.update(block, self._value)
        if self._md5:
            self._md5.update(block)

    @property
    def headers(self) -> dict[str, str]:
        """What is sent with the part, so that the store compares: Content-MD5, or nothing for a CRC."""
        if self._md5 is None:
            return {}
        return {"Content-MD5": base64.b64encode(self._md5.digest()).decode("ascii")}

    @property
    def value(self) -> int:
        """The digest as a number."""
        return int(self._md5.hexdigest(), 16) if self._md5 else self._value

    def agrees_with(self, headers: Mapping[str, str]) -> bool:
        """Whether the store received the same; also where its answer leaves nothing to compare."""
        if self._crc:
            answered = headers.get(self._crc.header)
            return answered is None or answered == self._crc.encode(self._value)
        etag = headers.get("ETag", "").strip('"')
        # Under a key from KMS an ETag is no MD5, and some stores have ETags of their own.
        encrypted = headers.get("x-amz-server-side-encryption", "").startswith("aws:kms")
        if self._md5 is None or encrypted or not re.fullmatch(r"[0-9a-f]{32}", etag):
            return True
        return etag == self._md5.hexdigest()


def whole_checksum(algorithm: str | None, plan: PartPlan, values: Sequence[int]) -> Checksum | None:
    """What the portal compares with the object when the upload is completed, from the digests of all parts in
    order; None where nothing was computed."""
    if crc := CRCS.get(algorithm or ""):
        lengths = (plan.length(number) for number in range(1, plan.part_count + 1))
        value = crc.encode(crc.combine_all(zip(values, lengths, strict=True)))
        return Checksum(crc.name, value)
    if algorithm == MD5:
        # The ETag of an object in parts, as S3 makes it.
        joined = hashlib.md5(usedforsecurity=False)
        for value_of_part in values:
            joined.update(value_of_part.to_bytes(16, "big"))
        return Checksum(MD5, f"{joined.hexdigest()}-{len(values)}")
    return None
