"""What the store has of an upload now, and the recovery of a completion whose answer or commit was lost."""

from s3portal.portal.protocol.completing import complete
from s3portal.portal.protocol.interface import OwnerT, Portal, RowT
from s3portal.portal.protocol.leases import asking_store
from s3portal.portal.protocol.states import RowState
from s3portal.transfer import StoredParts, UploadNotFound, list_parts


def look(portal: Portal[RowT, OwnerT], row: RowT) -> tuple[RowT, StoredParts | None]:
    """The upload, and what the store has of it now; None if the store is no longer asked.

    Raises what `complete` raises.
    """
    if row.state not in (RowState.UPLOADING, RowState.COMPLETING):
        return row, None
    try:
        with asking_store(portal, row) as store:
            stored = list_parts(store, row.upload)
    except UploadNotFound:
        # A process that died between the store's answer and its own: the object, if there is one, tells.
        return complete(portal, row.upload.id), None
    portal.record_progress(row, stored)
    now = portal.rows.find(row.upload.id)
    if now is None:
        raise UploadNotFound
    return now, stored
