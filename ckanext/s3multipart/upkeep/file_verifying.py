"""Whether a file at the store is what was recorded: by the store's own word, or by reading it. Asks no
database."""

import hashlib
from dataclasses import dataclass

from s3portal.transfer import (
    ContentDiffers,
    ObjectGone,
    PartsEtag,
    Store,
    StoredObject,
    Upload,
    look_at,
    read_object,
    require_unchanged,
)


@dataclass(frozen=True)
class RecordedFile:
    """A published file. ``shown`` is what an administrator finds it by."""

    upload: Upload
    sha256: str
    shown: str


@dataclass(frozen=True)
class Verified:
    """What was found. ``problem`` is "" where all is as recorded, else ``missing`` or what differs;
    ``sha256`` is that of a file that was read."""

    file: RecordedFile
    problem: str = ""
    detail: str = ""
    streamed: bool = False
    sha256: str = ""


def verify_file(store: Store, file: RecordedFile, *, deep: bool) -> Verified:
    """Compares size, ETag, version and checksum with one HEAD. ``deep`` reads a file of which the store has
    no checksum. Raises StoreUnavailable, StoreFailed where the store does not say."""
    upload = file.upload
    try:
        found = look_at(store, upload.key, upload.version_id)
        require_unchanged(upload, found)
        has_checksum = _compare_checksum(upload, found)
        if not deep or has_checksum:
            return Verified(file)
        sha256 = _read(store, file, found)
    except ObjectGone:
        return Verified(file, "missing", "it is not in the store")
    except ContentDiffers as differs:
        detail = f"{differs.expected} was recorded, {differs.found} found"
        return Verified(file, differs.what, detail)
    return Verified(file, streamed=True, sha256=sha256)


def _compare_checksum(upload: Upload, found: StoredObject) -> bool:
    """Whether the store has a checksum to compare. Raises ContentDiffers."""
    recorded, stored = upload.checksum_value, found.checksum
    if not recorded or stored is None or upload.checksum_algorithm != stored.algorithm:
        return False
    if recorded != stored.value:
        raise ContentDiffers(what="checksum", expected=recorded, found=stored.value)
    return True


def _read(store: Store, file: RecordedFile, found: StoredObject) -> str:
    """The SHA-256, after comparing it, or else the ETag, which is made of the parts' MD5s."""
    sha256, etag = hashlib.sha256(), PartsEtag(file.upload.part_size_bytes)
    for block in read_object(store, file.upload):
        sha256.update(block)
        etag.update(block)
    digest = sha256.hexdigest()
    if digest == file.sha256:
        return digest
    if _is_of_md5s(file.upload, found):
        if etag.etag() == file.upload.etag:
            # All as it came: a SHA-256 that differs is a program's word, and was never right.
            return digest
        if not file.sha256:
            raise ContentDiffers(what="content", expected=file.upload.etag or "", found=etag.etag())
    if file.sha256:
        raise ContentDiffers(what="SHA-256", expected=file.sha256, found=digest)
    return digest


def _is_of_md5s(upload: Upload, found: StoredObject) -> bool:
    """Whether the ETag is that of the plan's parts: with a KMS key, it says nothing of the content."""
    return (upload.etag or "").endswith(f"-{upload.part_count}") and not found.encryption.startswith(
        "aws:kms"
    )
