"""Whether two files of one size have one content: ETags and stored checksums, each file read once at most.

Sources: S3 User Guide, "Checking object integrity"; an ETag is the MD5 of what was put at once, and for parts
the MD5 of their MD5s with their number.
"""

import base64
import contextlib
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from s3portal.buckets.sync.entries import Entry
from s3portal.buckets.sync.places import Folder, Prefix
from s3portal.transfer import CRCS, Store

_MD5 = re.compile(r"[0-9a-f]{32}")
_OF_PARTS = re.compile(r"[0-9a-f]{32}-([0-9]+)")
_BLOCK_BYTES = 1024 * 1024
#: Checksums that S3 keeps of whole objects, by their names in its answers.
_STORED = {"ChecksumCRC64NVME": "CRC64NVME", "ChecksumCRC32C": "CRC32C", "ChecksumCRC32": "CRC32"}


@dataclass(frozen=True)
class Contents:
    """Compares the contents of a source's and a target's files."""

    source: Folder | Prefix
    target: Folder | Prefix

    def same(self, source: Entry, target: Entry) -> bool:
        """Where neither ETags nor stored checksums tell, both are read. Raises OSError, ClientError."""
        if isinstance(self.source, Folder) and isinstance(self.target, Prefix):
            told = _file_and_object(self.source.path / source.path, self.target, target)
        elif isinstance(self.source, Prefix) and isinstance(self.target, Folder):
            told = _file_and_object(self.target.path / target.path, self.source, source)
        elif isinstance(self.source, Prefix) and isinstance(self.target, Prefix):
            told = _two_objects(self.source, source, self.target, target)
        else:
            told = None
        return _sha256(self.source, source) == _sha256(self.target, target) if told is None else told


def _sha256(place: Folder | Prefix, entry: Entry) -> bytes:
    """Of the whole content, read once."""
    digest = hashlib.sha256()
    if isinstance(place, Folder):
        with (place.path / entry.path).open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
        return digest.digest()
    client: Any = place.store.client()
    answer = client.get_object(
        Bucket=place.store.bucket, Key=place.key(entry.path), IfMatch=f'"{entry.etag}"'
    )
    with contextlib.closing(answer["Body"]) as body:
        for block in body.iter_chunks(_BLOCK_BYTES):
            digest.update(block)
    return digest.digest()


def _file_and_object(path: Path, place: Prefix, entry: Entry) -> bool | None:
    if _MD5.fullmatch(entry.etag):
        if _md5(path) == entry.etag:
            return True
    elif found := _OF_PARTS.fullmatch(entry.etag):
        part_bytes = _part_bytes(place.store, place.key(entry.path), entry.size_bytes, int(found[1]))
        if part_bytes and _etag_of_parts(path, part_bytes) == entry.etag:
            return True
    # Encrypted with KMS, or of parts of several sizes: the ETag says nothing, but a stored checksum does.
    stored = _stored_checksum(place.store, place.key(entry.path))
    if stored is None:
        return False if _MD5.fullmatch(entry.etag) else None
    algorithm, value = stored
    return _crc(path, algorithm) == value


def _two_objects(source_place: Prefix, source: Entry, target_place: Prefix, target: Entry) -> bool | None:
    if source.etag == target.etag and source.etag:
        return True
    ours = _stored_checksum(source_place.store, source_place.key(source.path))
    theirs = _stored_checksum(target_place.store, target_place.key(target.path)) if ours else None
    if ours and theirs and ours[0] == theirs[0]:
        return ours[1] == theirs[1]
    if _MD5.fullmatch(source.etag) and _MD5.fullmatch(target.etag):
        return False
    return None


def _part_bytes(store: Store, key: str, size_bytes: int, count: int) -> int | None:
    """The size of the first part, which all but the last have where one program sent the file."""
    try:
        head = store.client().head_object(Bucket=store.bucket, Key=key, PartNumber=1)
    except ClientError:
        return None
    part_bytes = head["ContentLength"]
    return part_bytes if part_bytes and -(-size_bytes // part_bytes) == count else None


def _stored_checksum(store: Store, key: str) -> tuple[str, str] | None:
    """The checksum that the store keeps of the whole object: algorithm and base64."""
    try:
        head: Any = store.client().head_object(Bucket=store.bucket, Key=key, ChecksumMode="ENABLED")
    except ClientError:
        return None
    if head.get("ChecksumType", "FULL_OBJECT") != "FULL_OBJECT":
        return None
    for name, algorithm in _STORED.items():
        if head.get(name) and algorithm in CRCS:
            return algorithm, str(head[name])
    return None


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _etag_of_parts(path: Path, part_bytes: int) -> str:
    digests = []
    with path.open("rb") as file:
        while True:
            digest = hashlib.md5(usedforsecurity=False)
            left = part_bytes
            while left and (block := file.read(min(left, _BLOCK_BYTES))):
                digest.update(block)
                left -= len(block)
            if left == part_bytes:
                break
            digests.append(digest.digest())
    whole = hashlib.md5(b"".join(digests), usedforsecurity=False).hexdigest()
    return f"{whole}-{len(digests)}"


def _crc(path: Path, algorithm: str) -> str:
    crc, value = CRCS[algorithm], 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            value = crc.update(block, value)
    return base64.b64encode(value.to_bytes(crc.bits // 8, "big")).decode()
