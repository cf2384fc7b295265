"""Giving an unfinished upload of one publisher to another."""

from s3portal.portal.protocol.interface import OwnerT, Portal, RowT
from s3portal.portal.protocol.states import RowState
from s3portal.transfer import UploadNotFound, UploadNotOpen

#: An upload that the store is asked about just now stays with its publisher.
HANDED_OVER = (RowState.UPLOADING, RowState.COMPLETED)


def hand_over(portal: Portal[RowT, OwnerT], upload_id: str, user: str) -> RowT:
    """The row of the upload, which is that user's now. A repeated creation by the one who began it makes a
    new upload.

    Raises UploadNotFound, also where its time is over, and UploadNotOpen.
    """
    is_theirs = portal.rows.hand_over(upload_id, user, HANDED_OVER)
    row = portal.rows.find(upload_id)
    if row is None or (not is_theirs and row.state in HANDED_OVER):
        raise UploadNotFound
    if not is_theirs:
        raise UploadNotOpen(state=row.upload.state)
    return row
