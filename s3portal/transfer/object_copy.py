"""Taking a file over: a copy within the store, to a key that only the portal can write.

The bytes stay at the store. A small file is copied in one request, a larger one in parts, so that a copy that
is interrupted or killed resumes where it stopped. Every step may be repeated, by any process."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypedDict

from botocore.exceptions import ClientError

from s3portal.transfer.checksum_trial import checksum_algorithm, checksum_arguments
from s3portal.transfer.checksums import CRCS
from s3portal.transfer.completion import join_parts
from s3portal.transfer.creation import creation_arguments
from s3portal.transfer.error_translation import error_code, store_errors
from s3portal.transfer.errors import ContentDiffers, ObjectGone, SourceChanged, UploadNotFound
from s3portal.transfer.lifecycle import list_parts
from s3portal.transfer.object_head import require_written_by
from s3portal.transfer.part_plan import MAX_PART_COUNT, MAX_PART_SIZE_BYTES, PartPlan
from s3portal.transfer.states import State
from s3portal.transfer.store import Store
from s3portal.transfer.stored_object import StoredObject, look_at
from s3portal.transfer.upload import Upload

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CopySourceTypeDef

_MIB = 1024 * 1024
#: Copied in one request. S3 would take 5 GiB (S3 API Reference, CopyObject), but a request should be over in
#: seconds, so that no process waits long, and what was done before an interruption is kept.
COPY_WHOLE_BYTES = 256 * _MIB
#: The least that one UploadPartCopy copies of a larger file.
COPY_PART_BYTES = 256 * _MIB

_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class CopySource:
    """What is copied: exactly these bytes, or nothing. ``bucket`` is "" for the store's own; another one is
    behind the same endpoint, and the store's keys read it."""

    key: str
    etag: str
    size_bytes: int
    version_id: str | None = None
    bucket: str = ""


class _SourceArguments(TypedDict):
    CopySource: "CopySourceTypeDef"
    CopySourceIfMatch: str


def copy_step(
    store: Store,
    source: CopySource,
    target: Upload,
    *,
    metadata: Mapping[str, str],
    keep_going: Callable[[], bool],
    whole_bytes: int = COPY_WHOLE_BYTES,
    part_bytes: int = COPY_PART_BYTES,
) -> Upload:
    """Copies ``source`` to the key of ``target``, as far as ``keep_going`` lets it; returns the target as it
    is then.

    Until its state is ``completed``, keep what was returned (its ``s3_upload_id`` says where the copied parts
    are) and call again. ``metadata`` goes onto the object, as at ``create_upload``. Raises SourceChanged
    if the source has changed, ContentDiffers, StoreUnavailable, StoreFailed."""
    written = creation_arguments(
        store,
        key=target.key,
        filename=target.filename,
        content_type=target.content_type,
        metadata={**metadata, "upload": target.id},
    )
    if target.size_bytes <= whole_bytes:
        version_id = _copy_whole(store, source, target, written)
        return _completed(store, source, target, look_at(store, target.key, version_id))
    if not target.s3_upload_id:
        return _begun(store, target, written)
    try:
        if not _copy_parts(store, source, target, _plan(target.size_bytes, part_bytes), keep_going):
            return target
        # Here too: what mixes two contents should not even be an object for a moment.
        _require_unchanged(store, source)
        version_id = join_parts(store, target, list_parts(store, target))
    except UploadNotFound:
        # Joined before, and the answer was lost; or aborted by a rule of the bucket. The object tells.
        try:
            return _completed(store, source, target, look_at(store, target.key))
        except ObjectGone:
            return replace(target, s3_upload_id="")
    return _completed(store, source, target, look_at(store, target.key, version_id))


def _source_arguments(store: Store, source: CopySource) -> _SourceArguments:
    copied: CopySourceTypeDef = {"Bucket": source.bucket or store.bucket, "Key": source.key}
    if source.version_id:
        copied["VersionId"] = source.version_id
    return {"CopySource": copied, "CopySourceIfMatch": f'"{source.etag}"'}


def _copy_whole(store: Store, source: CopySource, target: Upload, written: dict[str, Any]) -> str | None:
    algorithm = checksum_algorithm(store)
    checksums: dict[str, Any] = {"ChecksumAlgorithm": algorithm} if algorithm in CRCS else {}
    with store_errors("CopyObject"):
        try:
            copied = store.client().copy_object(
                MetadataDirective="REPLACE",
                **_source_arguments(store, source),
                **written,
                **checksums,
            )
        except ClientError as error:
            _raise_if_changed(error)
            raise
    return copied.get("VersionId")


def _begun(store: Store, target: Upload, written: dict[str, Any]) -> Upload:
    with store_errors("CreateMultipartUpload"):
        created = store.client().create_multipart_upload(
            **written,
            **checksum_arguments(checksum_algorithm(store)),
        )
        return replace(target, s3_upload_id=created["UploadId"])


def _plan(size_bytes: int, part_bytes: int) -> PartPlan:
    part_size_bytes = max(part_bytes, -(-size_bytes // MAX_PART_COUNT))
    # S3 API Reference, UploadPartCopy: a part of up to 5 GiB.
    part_size_bytes = min(MAX_PART_SIZE_BYTES, -(-part_size_bytes // _MIB) * _MIB)
    return PartPlan(size_bytes, part_size_bytes, -(-size_bytes // part_size_bytes))


def _copy_parts(
    store: Store, source: CopySource, target: Upload, plan: PartPlan, keep_going: Callable[[], bool]
) -> bool:
    """Copies what is missing; returns whether everything is there. Raises UploadNotFound, SourceChanged."""
    stored = list_parts(store, target)
    for number in sorted({*stored.missing(plan), *stored.wrong(plan)}):
        if not keep_going():
            return False
        first = (number - 1) * plan.part_size_bytes
        with store_errors("UploadPartCopy"):
            try:
                store.client().upload_part_copy(
                    Bucket=store.bucket,
                    Key=target.key,
                    UploadId=target.s3_upload_id,
                    PartNumber=number,
                    CopySourceRange=f"bytes={first}-{first + plan.length(number) - 1}",
                    **_source_arguments(store, source),
                )
            except ClientError as error:
                if error_code(error) == "NoSuchUpload":
                    raise UploadNotFound from error
                _raise_if_changed(error)
                raise
    return True


def _completed(store: Store, source: CopySource, target: Upload, copy: StoredObject) -> Upload:
    """The target as completed, once the copy is what the source was."""
    require_written_by(target, copy.metadata)
    if copy.size_bytes != source.size_bytes:
        raise ContentDiffers(what="size", expected=source.size_bytes, found=copy.size_bytes)
    if not _same_md5(source.etag, copy):
        _require_same_source(store, source, copy)
    return target.become(
        State.COMPLETED,
        etag=copy.etag,
        version_id=copy.version_id,
        content_type=copy.content_type,
        checksum_algorithm=copy.checksum.algorithm if copy.checksum else None,
        checksum_value=copy.checksum.value if copy.checksum else None,
    )


def _same_md5(source_etag: str, copy: StoredObject) -> bool:
    encrypted = copy.encryption.startswith("aws:kms")
    return not encrypted and bool(_MD5.fullmatch(source_etag)) and copy.etag == source_etag


def _require_same_source(store: Store, source: CopySource, copy: StoredObject) -> None:
    theirs, ours = _require_unchanged(store, source).checksum, copy.checksum
    if theirs and ours and theirs.algorithm == ours.algorithm and theirs != ours:
        raise ContentDiffers(what="checksum", expected=theirs.value, found=ours.value)


def _require_unchanged(store: Store, source: CopySource) -> StoredObject:
    """The source as it is now. Some stores accept CopySourceIfMatch and ignore it (Ceph RGW 16 for
    UploadPartCopy), so it is looked at once more: if it was not written again, the copy is of what it was."""
    try:
        now = look_at(store.beside(source.bucket or store.bucket), source.key, source.version_id)
    except ObjectGone as error:
        raise SourceChanged from error
    if now.etag != source.etag or now.size_bytes != source.size_bytes:
        raise SourceChanged
    return now


def _raise_if_changed(error: ClientError) -> None:
    if error_code(error) in ("PreconditionFailed", "412", "NoSuchKey", "NoSuchVersion", "404"):
        raise SourceChanged from error
