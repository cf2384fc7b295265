"""By what a file is known again another day: size, last change, and the CRC of samples from all over it.

The browser writes the same (js/src/core/fingerprint.js), so either resumes where the other stopped.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timezone

from s3portal.client.errors import WrongFile
from s3portal.client.local_file import LocalFile
from s3portal.transfer import CRC64NVME, CRCS, format_size

SAMPLE_COUNT = 16
SAMPLE_BYTES = 65_536

_FINGERPRINT = re.compile(r"([0-9]+)/([0-9]+)/([0-9a-f]{16})")


def fingerprint(file: LocalFile) -> str:
    """``<size>/<last change, ms since 1970>/<CRC64NVME of the samples, hex>``."""
    return f"{file.size_bytes}/{file.modified_ms}/{_sample_crc(file)}"


def is_fingerprint(known: str) -> bool:
    """Whether this is one of our fingerprints: other clients may write what they like."""
    return bool(_FINGERPRINT.fullmatch(known))


def same_name(one: str, other: str) -> bool:
    """Whether two names are the same, however the computers they come from compose letters."""
    return unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)


def require_same_file(file: LocalFile, size_bytes: int, known: str) -> None:
    """Raises WrongFile, with the first difference, where an upload of this size and fingerprint was begun
    with another file. A fingerprint of another kind says nothing: then the size decides."""
    if file.size_bytes != size_bytes:
        differing = f"it was {_size(size_bytes)}, this one is {_size(file.size_bytes)}"
        raise WrongFile(file.name, "size", differing)
    parts = _FINGERPRINT.fullmatch(known)
    if parts is None:
        return
    if int(parts[2]) != file.modified_ms:
        differing = (
            f"it was last changed {_moment(int(parts[2]))}, this one was last changed"
            f" {_moment(file.modified_ms)}"
        )
        raise WrongFile(file.name, "modified", differing)
    if parts[3] != _sample_crc(file):
        raise WrongFile(file.name, "content", "its content is different")


def sample_offsets(size_bytes: int) -> list[int]:
    """Where the samples begin: from the first byte on, evenly, up to the last; all of a small file."""
    count = min(SAMPLE_COUNT, -(-size_bytes // SAMPLE_BYTES))
    if count * SAMPLE_BYTES >= size_bytes:
        return [index * SAMPLE_BYTES for index in range(count)]
    return [index * (size_bytes - SAMPLE_BYTES) // (count - 1) for index in range(count)]


def _sample_crc(file: LocalFile) -> str:
    crc, value = CRCS[CRC64NVME], 0
    for offset in sample_offsets(file.size_bytes):
        length = min(SAMPLE_BYTES, file.size_bytes - offset)
        for block in file.blocks(offset, length):
            value = crc.update(block, value)
    return f"{value:016x}"


def _size(size_bytes: int) -> str:
    return f"{format_size(size_bytes)} ({size_bytes:,} bytes)"


def _moment(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc).isoformat(" ", "milliseconds")
