"""Removes what nobody finished: expired uploads, and multipart uploads that a killed process left behind."""

from datetime import datetime, timedelta, timezone

from botocore.exceptions import BotoCoreError, ClientError
from indico.core.db import db
from indico.modules.attachments.models.attachments import AttachmentFile

from indico_plugin.backends import writable_s3_backends
from indico_plugin.bucket_info import buckets_with_files
from indico_plugin.direct_upload.states import UNFINISHED, UploadState
from indico_plugin.direct_upload.table import table_exists
from indico_plugin.direct_upload.uploads import NOTHING_LEFT, abort, remove_from_store
from indico_plugin.dynamic_buckets import DynamicS3Storage
from indico_plugin.models.uploads import DirectUpload
from indico_plugin.plugin_settings import logger
from indico_plugin.storage import S3StorageBase
from s3portal.transfer import TransferError

#: A save by Indico itself takes hours at most; what is this old was left behind.
STALE_AFTER = timedelta(days=7)


def remove_expired_uploads() -> int:
    """Aborts uploads that are past their time, with what the store has of them. How many.

    One that the store cannot remove now is tried again the next day.
    """
    if not table_exists():
        return 0
    now = datetime.now(timezone.utc)
    expired = DirectUpload.query.filter(DirectUpload.state.in_(UNFINISHED), DirectUpload.expires_at < now)
    # Given up, and the store could not be told then.
    left = DirectUpload.query.filter(
        DirectUpload.state == UploadState.ABORTED, DirectUpload.s3_upload_id != NOTHING_LEFT
    )
    removed = 0
    for upload_id, is_expired in [*((row.id, True) for row in expired), *((row.id, False) for row in left)]:
        row = DirectUpload.query.filter_by(id=upload_id).one()
        try:
            if not is_expired:
                remove_from_store(row)
            # Somebody may just have completed it, or made a material of it.
            elif row.state in UNFINISHED:
                abort(row)
                removed += 1
        except TransferError as error:
            logger.warning("Upload %s could not be removed: %s", upload_id, error)
        db.session.commit()
    return removed


def abort_stale_multiparts() -> int:
    """Aborts old multipart uploads in the buckets that Indico writes to, but for the direct uploads that may
    still go on. How many.
    """
    alive = _s3_ids_of_live_uploads()
    aborted = 0
    for name, storage in writable_s3_backends():
        for bucket in _buckets(name, storage):
            try:
                aborted += _abort_stale(storage, bucket, alive)
            except (ClientError, BotoCoreError) as error:
                logger.warning("Bucket %s was not tidied up: %s", bucket, error)
    return aborted


def files_without_md5() -> list[int]:
    """The ids of directly uploaded files whose MD5 is still to be worked out."""
    if not table_exists():
        return []
    rows = (
        db.session.query(AttachmentFile.id)
        .join(DirectUpload, DirectUpload.file_id == AttachmentFile.id)
        .filter(AttachmentFile.md5 == "", DirectUpload.state == UploadState.ATTACHED)
    )
    return [file_id for (file_id,) in rows]


def _abort_stale(storage: S3StorageBase, bucket: str, alive: set[str]) -> int:
    client = storage.store(bucket).client()
    oldest = datetime.now(timezone.utc) - STALE_AFTER
    aborted = 0
    for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        for upload in page.get("Uploads", []):
            if upload["Initiated"] < oldest and upload["UploadId"] not in alive:
                client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
                aborted += 1
    return aborted


def _buckets(name: str, storage: S3StorageBase) -> set[str]:
    present = set() if storage.write_refusal else {storage.current_bucket()}
    return present | buckets_with_files(name) if isinstance(storage, DynamicS3Storage) else present


def _s3_ids_of_live_uploads() -> set[str]:
    if not table_exists():
        return set()
    return {row.s3_upload_id for row in DirectUpload.query.filter_by(state=UploadState.UPLOADING)}
