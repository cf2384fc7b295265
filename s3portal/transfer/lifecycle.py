"""The life of an upload at the store: create, sign parts, list parts, complete, abort, delete.

Every call may be repeated, after a lost answer too, and by any process: what there is to know is in the
``Upload`` that the portal keeps and at the store. Nothing here talks to a database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from s3portal.transfer.checksum_trial import checksum_algorithm, checksum_arguments
from s3portal.transfer.creation import creation_arguments
from s3portal.transfer.error_translation import error_code, says_no_upload, store_errors
from s3portal.transfer.errors import (
    AlreadyAttached,
    InvalidRequest,
    Problem,
    TooManyParts,
    UploadNotFound,
    UploadNotOpen,
)
from s3portal.transfer.multipart_listing import abort_at_store
from s3portal.transfer.new_upload import NewUpload
from s3portal.transfer.part_plan import chosen_part_size, plan_parts
from s3portal.transfer.presign import SignedPart, presign_parts
from s3portal.transfer.states import State
from s3portal.transfer.store import Store
from s3portal.transfer.stored_parts import StoredParts
from s3portal.transfer.upload import Upload

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import DeleteObjectRequestTypeDef

#: How many parts one call signs, and one page of ListParts holds.
MAX_PARTS_A_CALL = 1000
_MAX_FILENAME_CHARACTERS = 1000


def create_upload(store: Store, new: NewUpload) -> Upload:
    """Plans the parts and begins a multipart upload; one request, and the first of a process also tries what
    checksums the store computes (checksum_trial.py).

    Raises InvalidRequest, FileTooLarge, StoreUnavailable, StoreFailed.
    """
    return begin_upload(store, plan_upload(store, new), new.metadata)


def plan_upload(store: Store, new: NewUpload) -> Upload:
    """The upload that `begin_upload` begins: without a request, so a portal can keep it before it asks the
    store. Its ``s3_upload_id`` is "". Raises InvalidRequest, FileTooLarge.
    """
    if not 1 <= len(new.filename) <= _MAX_FILENAME_CHARACTERS:
        raise InvalidRequest(field="filename", problem=Problem.LENGTH, limit=_MAX_FILENAME_CHARACTERS)
    if new.size_bytes < 0:
        raise InvalidRequest(field="size", problem=Problem.NEGATIVE)
    limit_bytes, limit_setting = store.settings.size_limit
    plan = plan_parts(
        new.size_bytes,
        part_size_bytes=chosen_part_size(new.size_bytes, store.settings.part_size, new.round_trip_ms),
        max_object_size_bytes=limit_bytes,
        setting=limit_setting,
    )
    now = _now()
    return Upload(
        id=new.id,
        state=State.UPLOADING,
        owner_type=new.owner_type,
        owner_id=new.owner_id,
        user=new.user,
        filename=new.filename,
        size_bytes=new.size_bytes,
        content_type=new.content_type,
        part_size_bytes=plan.part_size_bytes,
        part_count=plan.part_count,
        key=new.key,
        s3_upload_id="",
        fingerprint=new.fingerprint,
        created_at=now,
        updated_at=now,
        expires_at=now + timedelta(seconds=store.settings.upload_expires),
    )


def begin_upload(store: Store, planned: Upload, metadata: Mapping[str, str] | None = None) -> Upload:
    """Begins the multipart upload of what `plan_upload` planned. Raises StoreUnavailable, StoreFailed."""
    algorithm = checksum_algorithm(store)
    arguments = creation_arguments(
        store,
        key=planned.key,
        filename=planned.filename,
        content_type=planned.content_type,
        metadata={**(metadata or {}), "upload": planned.id},
    )
    client = store.client()
    with store_errors("CreateMultipartUpload"):
        created = client.create_multipart_upload(**arguments, **checksum_arguments(algorithm))
        s3_upload_id = created["UploadId"]
    return replace(
        planned,
        content_type=arguments["ContentType"],
        s3_upload_id=s3_upload_id,
        checksum_algorithm=algorithm,
        updated_at=_now(),
    )


def sign_parts(store: Store, upload: Upload, part_numbers: Sequence[int]) -> list[SignedPart]:
    """Where to PUT these parts, at most 1,000; no request.

    Raises UploadNotOpen, TooManyParts, PartOutsidePlan, StoreFailed.
    """
    if upload.state != State.UPLOADING:
        raise UploadNotOpen(state=upload.state)
    if len(part_numbers) > MAX_PARTS_A_CALL:
        raise TooManyParts(given=len(part_numbers), limit=MAX_PARTS_A_CALL)
    return presign_parts(
        store, upload.key, upload.s3_upload_id, upload.plan, part_numbers, store.settings.url_expires
    )


def list_parts(store: Store, upload: Upload) -> StoredParts:
    """What the store has of the upload: a request for every 1,000 parts.

    Raises UploadNotFound if the store does not know the upload (any longer), StoreUnavailable, StoreFailed.
    """
    stored = StoredParts()
    pages = (
        store.client()
        .get_paginator("list_parts")
        .paginate(Bucket=store.bucket, Key=upload.key, UploadId=upload.s3_upload_id)
    )
    with store_errors("ListParts"):
        try:
            for page in pages:
                for part in page.get("Parts", []):
                    stored.add(part["PartNumber"], part["Size"], part["ETag"].strip('"'))
        except ClientError as error:
            if says_no_upload(error):
                raise UploadNotFound from error
            raise
    return stored


def abort_upload(store: Store, upload: Upload) -> Upload:
    """Gives the upload up and removes what the store has of it; again: the same answer.

    Raises AlreadyAttached, StoreUnavailable, StoreFailed.
    """
    if upload.state == State.ATTACHED:
        raise AlreadyAttached
    if upload.state == State.ABORTED:
        return upload
    if not _aborted_at_store(store, upload):
        # It was completed, even if the answer was lost, and left an object under its key, as only it could.
        delete_object(store, upload.key, upload.version_id)
    return upload.become(State.ABORTED)


def _aborted_at_store(store: Store, upload: Upload) -> bool:
    """Whether there was an unfinished upload to abort."""
    if not upload.s3_upload_id:
        # The file was written in another way than by a multipart upload of the portal's.
        return False
    was_there = abort_at_store(store, upload.key, upload.s3_upload_id)
    return was_there and upload.state == State.UPLOADING


def delete_object(store: Store, key: str, version_id: str | None = None) -> None:
    """Removes an object; one that does not exist counts as removed.

    In a bucket with versions only ``version_id`` frees the bytes. Raises StoreUnavailable, StoreFailed.
    """
    request: DeleteObjectRequestTypeDef = {"Bucket": store.bucket, "Key": key}
    if version_id:
        request["VersionId"] = version_id
    with store_errors("DeleteObject"):
        try:
            store.client().delete_object(**request)
        except ClientError as error:
            # AWS answers 204 here; other stores say that it is gone.
            if error_code(error) not in ("NoSuchKey", "NoSuchVersion"):
                raise


def _now() -> datetime:
    return datetime.now(timezone.utc)
