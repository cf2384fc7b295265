"""Completing an upload: exactly once, even if several calls ask for it or a process dies at any moment."""

from s3portal.portal.protocol.interface import OwnerT, Portal, RowT
from s3portal.portal.protocol.leases import RETRY_AFTER_S, asking_store, given_back_on_error, settled
from s3portal.portal.protocol.states import RowState
from s3portal.transfer import (
    COMPLETE,
    Checksum,
    State,
    StoreBusy,
    UploadNotFound,
    UploadNotOpen,
    abort_upload,
    complete_upload,
)

#: The store has all of the file, and whether it can be used is up to the portal.
_NOT_ACCEPTED_YET = (State.ADOPTING, State.QUARANTINED, State.REFUSED)


def complete(portal: Portal[RowT, OwnerT], upload_id: str, checksum: Checksum | None = None) -> RowT:
    """The row of the upload, completed; again: the same.

    Raises UploadNotFound, UploadNotOpen, PartsMissing, ContentDiffers, QuotaExceeded, BeingTakenOver,
    SourceChanged, StoreBusy, StoreUnavailable, StoreFailed, and whatever else `Portal.taken_over` raises.
    """
    rows = portal.rows
    while True:
        row = settled(rows, lambda: rows.find(upload_id))
        if row is None:
            raise UploadNotFound
        if row.state in (RowState.COMPLETED, RowState.ATTACHED):
            return row
        if row.state in _NOT_ACCEPTED_YET:
            return portal.taken_over(row)
        if row.state not in (RowState.UPLOADING, RowState.COMPLETING):
            raise UploadNotOpen(state=row.upload.state)
        # Covered by a reservation, or the room is taken again: nothing is refused after the parts are put
        # together. As long as someone has the lease, the whole size counts.
        portal.take_room_again(row)
        lease = rows.take(
            upload_id, RowState.COMPLETING, before=(RowState.UPLOADING,), abandoned=(RowState.COMPLETING,)
        )
        if lease is not None:
            break
    # A store that fails costs no one their room. A call while parts are missing is no progress.
    with (
        given_back_on_error(rows, lease),
        asking_store(portal, lease.row, COMPLETE, user=lease.upload.user) as store,
    ):
        completed = complete_upload(store, lease.upload, checksum)
    is_recorded = rows.record(lease, portal.as_recorded(lease.row, completed))
    row = rows.find(upload_id)
    if row is None or row.state == State.ABORTED:
        # It was given up after the lease was over, and then the store made an object of it anyway.
        with asking_store(portal, lease.row) as store:
            abort_upload(store, completed)
        raise UploadNotOpen(state=State.ABORTED)
    if not is_recorded:
        # The lease was over before the store answered, and someone else has it.
        raise StoreBusy(operation=f"record {upload_id}", retry_after_s=RETRY_AFTER_S)
    return portal.taken_over(row) if row.state in _NOT_ACCEPTED_YET else row
