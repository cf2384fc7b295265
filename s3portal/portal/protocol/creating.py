"""Beginning an upload: its row is committed first, then the store is asked, and what it answered is committed
only if the row is still ours."""

from s3portal.portal.protocol.interface import Lease, OwnerT, Portal, RowT, Wanted
from s3portal.portal.protocol.leases import RETRY_AFTER_S, asking_store, settled
from s3portal.portal.protocol.looking import look
from s3portal.portal.protocol.states import RowState
from s3portal.transfer import (
    InvalidRequest,
    Problem,
    StoreBusy,
    StoredParts,
    UploadNotFound,
    abort_upload,
)


def begin(portal: Portal[RowT, OwnerT], wanted: Wanted[OwnerT]) -> tuple[RowT, StoredParts | None]:
    """The row of a new upload, or of the one that the same idempotency key made before, and what the store
    has of it as `look` says it.

    Raises InvalidRequest, FileTooLarge, QuotaExceeded, StoreBusy, StoreUnavailable, StoreFailed.
    """
    while True:
        row = _made_before(portal, wanted)
        if row is not None and row.state != RowState.CREATING:
            if row.state == RowState.UPLOADING:
                portal.keep_room(row)
            return look(portal, row)
        lease = _new(portal, wanted) if row is None else _abandoned(portal, row)
        # None where the same call came twice and the other one was first.
        if lease is not None:
            return _begun(portal, lease), StoredParts()


def _made_before(portal: Portal[RowT, OwnerT], wanted: Wanted[OwnerT]) -> RowT | None:
    key = wanted.idempotency_key
    if key is None:
        return None
    row = settled(portal.rows, lambda: portal.rows.made_by_key(wanted.user, key))
    if row is None:
        return None
    made = (row.upload.owner_type, row.upload.owner_id, row.upload.filename, row.upload.size_bytes)
    if made != (wanted.owner.owner_type, wanted.owner.owner_id, wanted.filename, wanted.size_bytes):
        raise InvalidRequest(field="idempotency_key", problem=Problem.USED_BEFORE)
    return row


def _new(portal: Portal[RowT, OwnerT], wanted: Wanted[OwnerT]) -> Lease[RowT] | None:
    row = portal.plan(wanted)
    portal.look_for_room(wanted)
    return portal.rows.insert(row, wanted)


def _abandoned(portal: Portal[RowT, OwnerT], row: RowT) -> Lease[RowT] | None:
    """A lease of the row of a process that died while it created the upload. The room that was taken for it
    may have lapsed."""
    portal.take_room_again(row)
    return portal.rows.take(row.upload.id, RowState.CREATING, abandoned=(RowState.CREATING,))


def _begun(portal: Portal[RowT, OwnerT], lease: Lease[RowT]) -> RowT:
    rows, row = portal.rows, lease.row
    try:
        with asking_store(portal, row):
            upload = portal.begin(row)
    except BaseException:
        # The room is free again. What the store made of it after all is found by its key.
        rows.delete(lease)
        raise
    if not rows.record(lease, upload):
        # The lease was over before the store answered, and someone else has it.
        with asking_store(portal, row) as store:
            abort_upload(store, upload)
        raise StoreBusy(operation=f"create {upload.id}", retry_after_s=RETRY_AFTER_S)
    begun = rows.find(upload.id)
    if begun is None:
        raise UploadNotFound
    return begun
