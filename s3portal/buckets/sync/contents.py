"""Whether two files of one size have one content: by ETags and stored checksums, else by reading both."""

import contextlib
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from s3portal.buckets.sync.digests import MD5_ETAG, PARTS_ETAG, STORED_CHECKSUMS, digests_of
from s3portal.buckets.sync.entries import Entry
from s3portal.buckets.sync.file_reads import BLOCK_BYTES, FileReads
from s3portal.buckets.sync.places import Folder, Prefix
from s3portal.transfer import Store


@dataclass(frozen=True)
class Contents:
    """Compares the contents of a source's and a target's files."""

    source: Folder | Prefix
    target: Folder | Prefix
    reads: FileReads = field(default_factory=FileReads)

    def same(self, source: Entry, target: Entry) -> bool:
        """Where neither ETags nor stored checksums tell, both are read. Raises OSError, ClientError."""
        if isinstance(self.source, Folder) and isinstance(self.target, Prefix):
            told = file_is_object(self.source.path / source.path, self.target, target, self.reads)
        elif isinstance(self.source, Prefix) and isinstance(self.target, Folder):
            told = file_is_object(self.target.path / target.path, self.source, source, self.reads)
        elif isinstance(self.source, Prefix) and isinstance(self.target, Prefix):
            told = _two_objects(self.source, source, self.target, target)
        else:
            told = None
        return (
            self._sha256(self.source, source) == self._sha256(self.target, target) if told is None else told
        )

    def _sha256(self, place: Folder | Prefix, entry: Entry) -> bytes:
        """Of the whole content, read once."""
        digest = hashlib.sha256()
        if isinstance(place, Folder):
            for block in self.reads.blocks(place.path / entry.path):
                digest.update(block)
            return digest.digest()
        client: Any = place.store.client()
        answer = client.get_object(
            Bucket=place.store.bucket, Key=place.key(entry.path), IfMatch=f'"{entry.etag}"'
        )
        with contextlib.closing(answer["Body"]) as body:
            for block in body.iter_chunks(BLOCK_BYTES):
                digest.update(block)
        return digest.digest()


def file_is_object(path: Path, place: Prefix, entry: Entry, reads: FileReads) -> bool | None:
    """Whether a file of the object's size has its content; None where nothing that the store keeps of it
    tells. Raises OSError."""
    key = place.key(entry.path)
    if MD5_ETAG.fullmatch(entry.etag):
        if digests_of(reads.blocks(path)).md5 == entry.etag:
            return True
    elif found := PARTS_ETAG.fullmatch(entry.etag):
        part_bytes = part_size_of(place.store, key, entry.size_bytes, int(found[1]))
        if part_bytes:
            of_parts = digests_of(reads.blocks(path), [part_bytes]).etags_of_parts
            if of_parts[part_bytes] == entry.etag:
                return True
    # Encrypted with KMS, or of parts of several sizes: the ETag says nothing, but a stored checksum does.
    stored = stored_checksum(place.store, key)
    if stored is None:
        return False if MD5_ETAG.fullmatch(entry.etag) else None
    algorithm, value = stored
    return digests_of(reads.blocks(path), algorithms=[algorithm]).checksums[algorithm] == value


def _two_objects(source_place: Prefix, source: Entry, target_place: Prefix, target: Entry) -> bool | None:
    if source.etag == target.etag and source.etag:
        return True
    ours = stored_checksum(source_place.store, source_place.key(source.path))
    theirs = stored_checksum(target_place.store, target_place.key(target.path)) if ours else None
    if ours and theirs and ours[0] == theirs[0]:
        return ours[1] == theirs[1]
    if MD5_ETAG.fullmatch(source.etag) and MD5_ETAG.fullmatch(target.etag):
        return False
    return None


def part_size_of(store: Store, key: str, size_bytes: int, count: int) -> int | None:
    """The size of the first part, which all but the last have where one program sent the file; None where
    the store does not say."""
    try:
        head = store.client().head_object(Bucket=store.bucket, Key=key, PartNumber=1)
    except ClientError:
        return None
    part_bytes = head["ContentLength"]
    return part_bytes if part_bytes and -(-size_bytes // part_bytes) == count else None


def stored_checksum(store: Store, key: str) -> tuple[str, str] | None:
    """The surest checksum that the store keeps of the whole object: algorithm and base64."""
    try:
        head: Any = store.client().head_object(Bucket=store.bucket, Key=key, ChecksumMode="ENABLED")
    except ClientError:
        return None
    if head.get("ChecksumType", "FULL_OBJECT") != "FULL_OBJECT":
        return None
    for name, algorithm in STORED_CHECKSUMS.items():
        value = str(head.get(name) or "")
        # A composite one, of a store that does not say so, ends with the number of its parts.
        if value and "-" not in value:
            return algorithm, value
    return None
