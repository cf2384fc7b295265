"""Completing an upload: nothing is called stored before the store said so and what it holds was compared."""

import hashlib
import re
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from s3portal.transfer.checksums import CRCS, MD5
from s3portal.transfer.error_translation import says_no_upload, store_errors
from s3portal.transfer.errors import ContentDiffers, ObjectGone, PartsMissing, UploadNotFound, UploadNotOpen
from s3portal.transfer.lifecycle import list_parts
from s3portal.transfer.object_head import head_object, pinnable, require_written_by
from s3portal.transfer.object_metadata import decode_metadata
from s3portal.transfer.part_ranges import format_ranges
from s3portal.transfer.states import State
from s3portal.transfer.store import Store
from s3portal.transfer.stored_parts import StoredParts
from s3portal.transfer.upload import Checksum, Upload

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

_ETAG_OF_PARTS = re.compile(r"[0-9a-f]{32}-[0-9]+")


def complete_upload(store: Store, upload: Upload, checksum: Checksum | None = None) -> Upload:
    """Makes the stored parts an object, looks at the object, and returns the upload as completed.

    Calling it again, or after an answer was lost, gives the same. ``checksum`` is the client's own of the
    whole file; it is compared where the store has one of its kind, and what is recorded is the store's. One
    of ``MD5`` is the ETag that parts with these MD5s have together, ``<hex>-<count>``.

    Requests: ListParts for every 1,000 parts, CompleteMultipartUpload, HeadObject. A 200 with an Error inside
    is retried by botocore, as a 500. Raises PartsMissing, ContentDiffers, UploadNotOpen, UploadNotFound,
    StoreUnavailable, StoreFailed.
    """
    if upload.state == State.ABORTED:
        raise UploadNotOpen(state=upload.state)
    if upload.state != State.UPLOADING:
        return upload
    try:
        stored = list_parts(store, upload)
    except UploadNotFound:
        # Completed before, and the answer was lost; or aborted by a rule of the bucket. The object tells.
        return _verified(upload, _own_object(store, upload, None), None, checksum)
    _check_against_plan(upload, stored)
    try:
        version_id = join_parts(store, upload, stored)
    except UploadNotFound:
        # A retry after an answer that was lost on the way, or another call at the same time.
        version_id = None
    head = _own_object(store, upload, version_id)
    return _verified(upload, head, expected_etag(stored.etags), checksum)


def expected_etag(part_etags: list[str]) -> str | None:
    """The ETag of an object made of these parts: the MD5 of their MD5s and their count. None where the parts'
    ETags are not MD5s."""
    if not all(re.fullmatch(r"[0-9a-f]{32}", etag) for etag in part_etags):
        return None
    digest = hashlib.md5(usedforsecurity=False)
    for etag in part_etags:
        digest.update(bytes.fromhex(etag))
    return f"{digest.hexdigest()}-{len(part_etags)}"


def join_parts(store: Store, upload: Upload, stored: StoredParts) -> str | None:
    """Has the store make an object of the parts that it listed; returns its version id, None without
    versions.

    Raises UploadNotFound where they were joined before, or the upload was aborted; StoreUnavailable,
    StoreFailed.
    """
    with store_errors("CompleteMultipartUpload"):
        try:
            completed = store.client().complete_multipart_upload(
                Bucket=store.bucket,
                Key=upload.key,
                UploadId=upload.s3_upload_id,
                # S3 compares these ETags with its parts: a part that was replaced since ListParts is refused.
                MultipartUpload={"Parts": stored.for_completion()},
            )
        except ClientError as error:
            if says_no_upload(error):
                raise UploadNotFound from error
            raise
    return pinnable(completed.get("VersionId"))


def _check_against_plan(upload: Upload, stored: StoredParts) -> None:
    missing, wrong = stored.missing(upload.plan), stored.wrong(upload.plan)
    if missing or wrong:
        raise PartsMissing(missing=format_ranges(missing), wrong_size=format_ranges(wrong))


def _own_object(store: Store, upload: Upload, version_id: str | None) -> "HeadObjectOutputTypeDef":
    """HEAD of the object that this upload made. Raises UploadNotFound where there is none."""
    try:
        head = head_object(store, upload.key, version_id)
    except ObjectGone as error:
        raise UploadNotFound from error
    require_written_by(upload, decode_metadata(head["Metadata"]))
    return head


def _verified(
    upload: Upload,
    head: "HeadObjectOutputTypeDef",
    expected_by_parts: str | None,
    checksum: Checksum | None,
) -> Upload:
    """The upload as completed, with what the store says of the object. Raises ContentDiffers."""
    if head["ContentLength"] != upload.size_bytes:
        raise ContentDiffers(what="size", expected=upload.size_bytes, found=head["ContentLength"])
    etag = head.get("ETag", "").strip('"')
    # Elsewhere ETags mean nothing: a store may make up its own that look like S3's.
    etag_counts = upload.checksum_algorithm == MD5 and _etag_is_md5(head)
    # Without the parts' own ETags, at least their count is known.
    expected_end = expected_by_parts or f"-{upload.part_count}"
    if etag_counts and not etag.endswith(expected_end):
        raise ContentDiffers(what="ETag", expected=expected_end, found=etag)
    if checksum and checksum.algorithm == MD5:
        if _etag_is_md5(head) and etag != checksum.value:
            raise ContentDiffers(what="ETag", expected=checksum.value, found=etag)
        checksum = None
    stored_checksum = full_object_checksum(head, checksum)
    if checksum and stored_checksum and checksum != stored_checksum:
        raise ContentDiffers(what="checksum", expected=checksum.value, found=stored_checksum.value)
    return upload.become(
        State.COMPLETED,
        etag=etag,
        version_id=pinnable(head.get("VersionId")),
        content_type=head.get("ContentType", upload.content_type),
        checksum_algorithm=stored_checksum.algorithm if stored_checksum else None,
        checksum_value=stored_checksum.value if stored_checksum else None,
    )


def _etag_is_md5(head: "HeadObjectOutputTypeDef") -> bool:
    """Whether the ETag is made of MD5s: not under a key from KMS or from the client, nor at stores that make
    up their own (S3 API Reference, "Object", ETag)."""
    encrypted = head.get("ServerSideEncryption", "").startswith("aws:kms") or "SSECustomerAlgorithm" in head
    return not encrypted and bool(_ETAG_OF_PARTS.fullmatch(head.get("ETag", "").strip('"')))


def full_object_checksum(head: "HeadObjectOutputTypeDef", like: Checksum | None) -> Checksum | None:
    """The store's own checksum of the whole object, preferably of the algorithm that is to be compared."""
    if head.get("ChecksumType", "FULL_OBJECT") != "FULL_OBJECT":
        return None
    found = {name: str(value) for name in CRCS if (value := head.get(f"Checksum{name}"))}
    algorithms = [like.algorithm] if like else list(found)
    return next((Checksum(name, found[name]) for name in algorithms if name in found), None)
