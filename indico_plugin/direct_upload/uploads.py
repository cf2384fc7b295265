"""Uploads that a form is saved with: rows as SQLAlchemy has them, which can be locked until the commit."""

import uuid

from indico.core.db import db
from indico.modules.users import User

from indico_plugin.direct_upload.portal import PORTAL, UploadOwner
from indico_plugin.direct_upload.states import UploadState
from indico_plugin.models.uploads import DirectUpload
from s3portal.portal.protocol import complete
from s3portal.transfer import UploadNotFound


def find(upload_id: str, owner: db.Model, user: User, *, lock: bool = False) -> DirectUpload:
    """The user's own upload for this owner. Raises UploadNotFound for any other, whatever the reason."""
    try:
        wanted = str(uuid.UUID(upload_id))
    except (ValueError, AttributeError, TypeError):
        raise UploadNotFound from None
    kept = UploadOwner.of(owner)
    query = DirectUpload.query.filter_by(
        id=wanted, user_id=user.id, owner_type=kept.owner_type, owner_id=int(kept.owner_id)
    ).populate_existing()
    row = (query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise UploadNotFound
    return row


def complete_if_open(row: DirectUpload) -> None:
    """Makes an object of the parts of an upload that is not completed yet. The store is asked, which ends the
    transaction.

    Raises PartsMissing, UploadNotOpen, ContentDiffers, StoreUnavailable, StoreFailed.
    """
    if row.state not in (UploadState.COMPLETED, UploadState.ATTACHED):
        complete(PORTAL, row.id)
