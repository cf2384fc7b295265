"""Aborting an upload: the store keeps nothing of it, and no one can attach it while it is being aborted."""

from dataclasses import replace

from s3portal.portal.protocol.interface import OwnerT, Portal, RowT
from s3portal.portal.protocol.leases import asking_store, given_back_on_error, settled
from s3portal.portal.protocol.states import LEASED, RowState
from s3portal.transfer import (
    AlreadyAttached,
    State,
    UploadNotFound,
    UploadNotOpen,
    abort_upload,
    abort_uploads,
)

_BEFORE = (State.UPLOADING, State.ADOPTING, State.QUARANTINED, State.COMPLETED, State.REFUSED)


def abort(portal: Portal[RowT, OwnerT], upload_id: str, *, only_expired: bool = False) -> RowT:
    """The row of the upload, given up; again: the same. With ``only_expired``, one whose time is not over
    stays as it is, unless someone began to give it up.

    Raises UploadNotFound, UploadNotOpen, AlreadyAttached, StoreBusy, StoreUnavailable, StoreFailed.
    """
    rows = portal.rows
    while True:
        row = settled(rows, lambda: rows.find(upload_id))
        if row is None:
            raise UploadNotFound
        if row.state == State.ABORTED:
            return row
        if row.state == State.ATTACHED:
            raise AlreadyAttached
        if row.state not in (*_BEFORE, *LEASED):
            raise UploadNotOpen(state=row.state)
        # One whose store is no longer known cannot be given up: no one could remove it.
        portal.store(row)
        lease = rows.take(
            upload_id,
            RowState.ABORTING,
            before=_BEFORE,
            abandoned=LEASED,
            only_expired=only_expired,
        )
        if lease is not None:
            break
        if only_expired:
            return row
    if lease.before in (State.COMPLETED, State.QUARANTINED):
        # The object may be removed even if the answer is lost, so the upload can no longer be attached.
        lease = replace(lease, before=lease.state)
    has_known_id = bool(lease.upload.s3_upload_id) or portal.was_found(lease.row)
    with given_back_on_error(rows, lease), asking_store(portal, lease.row) as store:
        if has_known_id:
            aborted = abort_upload(store, lease.upload)
        else:
            # A process died while it created this one: what the store made of it has no known id.
            abort_uploads(store, lease.upload.key, (), exact=True)
            aborted = lease.upload.become(State.ABORTED)
    rows.record(lease, aborted)
    row = rows.find(upload_id)
    if row is None:
        raise UploadNotFound
    return row
