"""Removes what no one finished: expired uploads, and multipart uploads that a killed process left behind."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

from botocore.exceptions import BotoCoreError, ClientError
from indico.core.db import db
from indico.modules.attachments.models.attachments import AttachmentFile

from indico_plugin.asking import without_transaction
from indico_plugin.backends import writable_s3_backends
from indico_plugin.bucket_info import buckets_with_files
from indico_plugin.direct_upload.portal import PORTAL, open_store
from indico_plugin.direct_upload.states import LEASED, UNFINISHED, UploadState
from indico_plugin.direct_upload.table import table_is_current
from indico_plugin.dynamic_buckets import DynamicS3Storage
from indico_plugin.models.uploads import NOTHING_LEFT, DirectUpload
from indico_plugin.plugin_settings import logger
from indico_plugin.storage import S3StorageBase
from s3portal.portal.protocol import abort
from s3portal.transfer import State, TransferError, abort_upload

#: A save by Indico itself takes hours at most; what is this old was left behind.
STALE_AFTER = timedelta(days=7)


def remove_expired_uploads() -> int:
    """Aborts uploads that are past their time, with what the store has of them. How many.

    One that the store cannot remove now is tried again the next day.
    """
    if not table_is_current():
        return 0
    removed = 0
    for upload_id in _expired_ids():
        try:
            # Someone may just have completed it, or made a material of it.
            removed += abort(PORTAL, upload_id, only_expired=True).state == UploadState.ABORTED
        except TransferError as error:
            logger.warning("Upload %s could not be removed: %s", upload_id, error)
        db.session.commit()
    _remove_what_was_left()
    return removed


def _expired_ids() -> list[str]:
    """Uploads that are past their time, and those that someone began to give up."""
    is_past = DirectUpload.expires_at < datetime.now(timezone.utc)
    expired = DirectUpload.state.in_({*UNFINISHED, *LEASED}) & is_past
    given_up = (DirectUpload.state == UploadState.ABORTING) & DirectUpload.lease_until.is_(None)
    return [row.id for row in DirectUpload.query.filter(expired | given_up)]


def _remove_what_was_left() -> None:
    """Removes what the store has of uploads that an earlier version gave up while the store was away."""
    left = DirectUpload.query.filter(
        DirectUpload.state == UploadState.ABORTED, DirectUpload.s3_upload_id != NOTHING_LEFT
    )
    for upload_id in [row.id for row in left]:
        row = DirectUpload.query.filter_by(id=upload_id).one()
        # Only of a completed one there is an object to delete; its row has an ETag.
        upload = replace(row.as_upload(), state=State.COMPLETED if row.etag else State.UPLOADING)
        try:
            store = open_store(row.backend, row.bucket)
            with without_transaction(store):
                abort_upload(store, upload)
            DirectUpload.query.filter_by(id=upload_id).update({"s3_upload_id": NOTHING_LEFT})
        except TransferError as error:
            logger.warning("Upload %s could not be removed: %s", upload_id, error)
        db.session.commit()


def abort_stale_multiparts() -> int:
    """Aborts old multipart uploads in the buckets that Indico writes to, except for direct uploads that may
    be resumed. Returns how many.
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
    if not table_is_current():
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
    if not table_is_current():
        return set()
    live = DirectUpload.query.filter(DirectUpload.state.in_((UploadState.UPLOADING, *LEASED)))
    return {row.s3_upload_id for row in live}
