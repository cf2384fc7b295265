"""A file that is sent to a key of a bucket in parts: a run that was killed resumes what it began, and what
arrived is compared by checksum before anyone relies on it.

The parts are numbered and cut as the portal's own uploads are, so the object is one that the portal could
have received from a browser.
"""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import IO, Any

from s3portal.portal.migration.interface import AlreadyThere, NotVerified
from s3portal.transfer import (
    CRCS,
    MD5,
    NOT_LISTED_CODES,
    Checksum,
    ContentDiffers,
    FileShrank,
    FileSource,
    ListedUpload,
    ObjectGone,
    Part,
    SentParts,
    State,
    Store,
    StoredBefore,
    StoredObject,
    StoredParts,
    StoreFailed,
    TransferError,
    Upload,
    UploadNotFound,
    begin_upload,
    checksum_algorithm,
    complete_upload,
    delete_object,
    list_parts,
    list_uploads,
    look_at,
    read_object,
    send_parts,
    store_errors,
)

#: Opens the file that is sent, at its beginning. It is read once, from the beginning to the end.
OpenSource = Callable[[], AbstractContextManager[IO[bytes]]]


@dataclass(frozen=True)
class SentObject:
    """A completed upload, and the SHA-256 of the file that was sent, in hex."""

    upload: Upload
    sha256: str


def send_object(
    store: Store, planned: Upload, metadata: Mapping[str, str], open_source: OpenSource
) -> SentObject:
    """Sends a file to the key of ``planned`` (as `plan_upload` made it), resuming an upload to this key that
    was begun before. ``metadata`` goes onto the object. Memory: a few parts.

    Raises AlreadyThere where the key has an object; NotVerified where what arrived is not the file, which is
    removed then; FileShrank, what reading raises, StoreUnavailable, StoreFailed.
    """
    if found_object(store, planned.key) is not None:
        raise AlreadyThere(f"there is an object under {planned.key}")
    upload, stored = _begun(store, planned, metadata)
    with open_source() as file:
        source = _Hashed(file)
        numbers = StoredBefore(stored.right(upload.plan))
        algorithm = upload.checksum_algorithm or MD5
        sent = send_parts(
            FileSource(source, upload.plan),  # type: ignore[arg-type]
            lambda part: _send(store, upload, algorithm, part),
            stored=numbers,
            algorithm=algorithm,
        )
        _require_end(source, upload)
    try:
        completed = complete_upload(store, upload, sent.checksum())
    except ContentDiffers as error:
        # Parts that an earlier run stored were of a file that has changed since, say.
        delete_object(store, upload.key)
        raise NotVerified(f"what arrived under {upload.key} is not the file: {error}") from error
    return SentObject(completed, source.sha256())


def compare_object(store: Store, planned: Upload, open_source: OpenSource) -> SentObject:
    """Compares the object under the key of ``planned`` with the file, by the store's checksum of it, or by
    reading it. Raises NotVerified, what reading raises, StoreUnavailable, StoreFailed.
    """
    found = found_object(store, planned.key)
    if found is None:
        raise NotVerified(f"there is no object under {planned.key}")
    if found.metadata.get("upload") != planned.id:
        raise NotVerified(f"what is under {planned.key} was written by something else")
    if found.size_bytes != planned.size_bytes:
        raise NotVerified(f"{planned.key} has {found.size_bytes} bytes and should have {planned.size_bytes}")
    completed = _completed(planned, found)
    algorithm = found.checksum.algorithm if found.checksum else MD5
    with open_source() as file:
        source = _Hashed(file)
        read = _read(source, planned, algorithm)
        _require_end(source, planned)
    theirs = found.checksum or Checksum(MD5, found.etag)
    if read.checksum() != theirs and (found.checksum or not _reads_as(store, completed, source.sha256())):
        raise NotVerified(f"{planned.key} is another file: its checksum is not that of the file")
    return SentObject(completed, source.sha256())


def verify_content(recorded: Upload, sha256: str, open_source: OpenSource) -> str:
    """Compares a file with the record of the upload that it came from: its size, and its SHA-256 if that is
    known, or else the store's checksum. Returns its SHA-256.

    Raises NotVerified, and what reading raises.
    """
    algorithm = recorded.checksum_algorithm if recorded.checksum_value else None
    with open_source() as file:
        source = _Hashed(file)
        try:
            read = _read(source, recorded, algorithm if algorithm in CRCS else MD5)
        except FileShrank as error:
            raise NotVerified(f"the file has fewer than {recorded.size_bytes} bytes") from error
        _require_end(source, recorded)
    digest = source.sha256()
    if sha256:
        if digest != sha256:
            raise NotVerified(f"the file's SHA-256 is {digest} and should be {sha256}")
        return digest
    found = read.checksum()
    if found and algorithm in CRCS and found.value != recorded.checksum_value:
        raise NotVerified(f"the file's {algorithm} is {found.value} and should be {recorded.checksum_value}")
    return digest


def found_object(store: Store, key: str) -> StoredObject | None:
    """The object under a key, None where there is none. Raises StoreUnavailable, StoreFailed."""
    try:
        return look_at(store, key)
    except ObjectGone:
        return None


def begun_before(store: Store, key: str) -> list[ListedUpload]:
    """The unfinished uploads to this key, the last one first; none where the store does not list them."""
    try:
        begun = [each for each in list_uploads(store, key) if each.key == key]
    except StoreFailed as error:
        if error.store_code not in NOT_LISTED_CODES:
            raise
        return []
    return sorted(begun, key=lambda each: each.initiated_at, reverse=True)


def _begun(store: Store, planned: Upload, metadata: Mapping[str, str]) -> tuple[Upload, StoredParts]:
    """The upload to send parts to, and what it has: the last one that was begun for this key, or a new
    one."""
    for each in begun_before(store, planned.key):
        upload = replace(
            planned, s3_upload_id=each.s3_upload_id, checksum_algorithm=checksum_algorithm(store)
        )
        try:
            return upload, list_parts(store, upload)
        except UploadNotFound:
            continue
    return begin_upload(store, planned, metadata), StoredParts()


def _send(store: Store, upload: Upload, algorithm: str, part: Part) -> None:
    """Sends a part with its digest, which the store compares."""
    body = part.read()
    digest: dict[str, Any] = {}
    if algorithm in CRCS:
        digest[f"Checksum{algorithm}"] = CRCS[algorithm].encode(part.digest.value)
    else:
        digest["ContentMD5"] = part.digest.headers["Content-MD5"]
    with store_errors("UploadPart"):
        store.client().upload_part(
            Bucket=store.bucket,
            Key=upload.key,
            UploadId=upload.s3_upload_id,
            PartNumber=part.number,
            Body=body,
            **digest,
        )


def _read(source: "_Hashed", planned: Upload, algorithm: str) -> SentParts[None]:
    """The file's digests: as `send_parts` has them of a file all of whose parts are stored."""
    stored = StoredBefore(range(1, planned.part_count + 1))

    def send(part: Part) -> None:
        raise AssertionError(f"part {part.number} is stored")

    return send_parts(FileSource(source, planned.plan), send, stored=stored, algorithm=algorithm)  # type: ignore[arg-type]


def _completed(planned: Upload, found: StoredObject) -> Upload:
    return planned.become(
        State.COMPLETED,
        etag=found.etag,
        version_id=found.version_id,
        content_type=found.content_type or planned.content_type,
        checksum_algorithm=found.checksum.algorithm if found.checksum else None,
        checksum_value=found.checksum.value if found.checksum else None,
    )


def _reads_as(store: Store, completed: Upload, sha256: str) -> bool:
    """Whether what the store has reads as the file. For stores without checksums, whose ETags are no MD5s or
    whose object came in parts of another size."""
    digest = hashlib.sha256()
    try:
        for block in read_object(store, completed):
            digest.update(block)
    except TransferError as error:
        raise NotVerified(f"{completed.key} could not be read: {error}") from error
    return digest.hexdigest() == sha256


def _require_end(source: "_Hashed", planned: Upload) -> None:
    """Raises NotVerified where the file goes on after the size that it was said to have."""
    if source.read(1):
        raise NotVerified(f"the file has more than the {planned.size_bytes} bytes that it had before")


class _Hashed:
    """A file that is read once from the beginning to the end, and its SHA-256 on the way."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._position = 0
        self.name = getattr(file, "name", "the file")

    def tell(self) -> int:
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        block = self._file.read(size)
        self._digest.update(block)
        self._position += len(block)
        return block

    def sha256(self) -> str:
        return self._digest.hexdigest()
