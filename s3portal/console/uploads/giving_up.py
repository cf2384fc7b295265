"""Giving up an upload of the console: its parts go, and no object does.

Other portals have keys that no two uploads share, so they may remove what is under a key. Here people choose
names, and under the name of an upload may be an object that has nothing to do with it.
"""

from __future__ import annotations

from botocore.exceptions import ClientError

from s3portal.console.uploads.portal import ConsoleCaller
from s3portal.portal.protocol import LEASED, Row, RowState, asking_store
from s3portal.transfer import AlreadyAttached, State, StoreBusy, UploadNotFound, error_code, store_errors

_RETRY_AFTER_S = 2


def give_up(caller: ConsoleCaller, upload_id: str) -> Row:
    """The row of the upload, given up; again: the same.

    Raises UploadNotFound, AlreadyAttached for one that is an object by now, StoreBusy, StoreUnavailable,
    StoreFailed.
    """
    portal, row = caller.portal, caller.own(upload_id)
    if row.state == RowState.ABORTED:
        return row
    lease = portal.rows.take(upload_id, RowState.ABORTING, before=(RowState.UPLOADING,), abandoned=LEASED)
    if lease is None:
        if row.state in (RowState.COMPLETED, RowState.ATTACHED):
            raise AlreadyAttached
        raise StoreBusy(operation=f"give up {upload_id}", retry_after_s=_RETRY_AFTER_S)
    try:
        if lease.upload.s3_upload_id:
            with asking_store(portal, lease.row) as store, store_errors("AbortMultipartUpload"):
                try:
                    store.client().abort_multipart_upload(
                        Bucket=store.bucket, Key=lease.upload.key, UploadId=lease.upload.s3_upload_id
                    )
                except ClientError as error:
                    # Given up or completed before.
                    if error_code(error) != "NoSuchUpload":
                        raise
    except BaseException:
        portal.rows.give_back(lease)
        raise
    portal.rows.record(lease, lease.upload.become(State.ABORTED))
    given_up = portal.rows.find(upload_id)
    if given_up is None:
        raise UploadNotFound
    return given_up
