"""Multipart uploads at the store that no row knows: a process died before it could write down their ids.

The janitor aborts those that are certainly this portal's, and reports the rest. Certain is: the key has our
form under our prefix, its organisation and its dataset are in this database, no live row has the upload, and
it is older than a day. Another portal that shares the bucket has other ids. A copy of this database has the
same ones, so the janitor of a copy removes nothing at all (site_mark.py).
"""

import logging
from dataclasses import dataclass
from datetime import timedelta

from ckan import model

from ckanext.s3multipart.downloads.move_model import COPYING, KeyMove
from ckanext.s3multipart.downloads.public_keys import ids_of_own_key
from ckanext.s3multipart.model import UploadRow, now
from ckanext.s3multipart.settings import portal_store, transfer_settings
from ckanext.s3multipart.upload_states import UNFINISHED, RowState
from ckanext.s3multipart.uploads.session_model import SessionGrant
from s3portal.portal.protocol import can_be_kept
from s3portal.transfer import (
    NOT_LISTED_CODES,
    ListedUpload,
    StoreError,
    StoreFailed,
    abort_listed,
    list_uploads,
    stored_bytes,
)

log = logging.getLogger(__name__)

#: A creation that is under way elsewhere, or a client's own tool, is not disturbed.
LEFT_ALONE_FOR = timedelta(hours=24)
#: When the store has failed to say the sizes of so many, no more are asked for.
_UNMEASURED = 3


@dataclass(frozen=True)
class Unknown:
    """What was found: ``aborted`` (or to be, when only looking), ``foreign`` ones that are not certainly
    ours, with the bytes that they hold and the time of the oldest, and whether the store let us list at
    all."""

    aborted: int = 0
    foreign: int = 0
    listed: bool = True
    foreign_bytes: int = 0
    oldest_foreign: str = ""


def sweep_unknown(*, dry_run: bool) -> Unknown:
    """Aborts what is certainly ours. Raises StoreUnavailable, StoreFailed."""
    aborted = foreign = foreign_bytes = 0
    oldest, measuring = "", Measuring()
    folder = transfer_settings().s3_prefix.strip("/")
    try:
        for listed in list_uploads(portal_store(), f"{folder}/" if folder else ""):
            if now() - listed.initiated_at < LEFT_ALONE_FOR or is_live(listed):
                continue
            if not is_ours(listed):
                size_bytes = measuring.size_bytes(listed)
                foreign += 1
                foreign_bytes += size_bytes
                oldest = min(filter(None, (oldest, listed.initiated_at.isoformat())))
                log.info(
                    "The upload to %s, begun %s, holds %s bytes and is not ours",
                    listed.key,
                    listed.initiated_at,
                    size_bytes,
                )
            else:
                aborted += dry_run or abort_listed(portal_store(), listed)
    except StoreFailed as error:
        if error.store_code not in NOT_LISTED_CODES:
            raise
        return Unknown(listed=False)
    return Unknown(aborted, foreign, foreign_bytes=foreign_bytes, oldest_foreign=oldest)


class Measuring:
    """Asks how much uploads hold. The store cannot tell it of every one (some keys are no XML), and is not
    asked any more when it has failed for several."""

    def __init__(self) -> None:
        self._failed = 0

    def size_bytes(self, listed: ListedUpload) -> int:
        """How much the parts of the upload hold, 0 where that is unknown."""
        if self._failed >= _UNMEASURED:
            return 0
        try:
            return stored_bytes(portal_store(), listed)
        except StoreError as error:
            self._failed += 1
            log.warning("The size of the upload to %r is unknown: %s", listed.key, error)
            return 0


def is_live(listed: ListedUpload) -> bool:
    """Whether a row still needs this upload. Commits: no connection is held while the store is asked on."""
    if not can_be_kept(listed.key):
        return False
    live = (UploadRow.s3_upload_id == listed.s3_upload_id) | (UploadRow.s3_upload_id == "")
    row = (
        model.Session.query(UploadRow.id)
        .filter(UploadRow.key == listed.key, live, UploadRow.state.in_((*UNFINISHED, RowState.ABORTING)))
        .first()
    )
    # A file on its way to another key, in parts.
    move = model.Session.query(KeyMove.id).filter_by(target_key=listed.key, state=COPYING).first()
    model.Session.commit()
    return row is not None or move is not None


def is_ours(listed: ListedUpload) -> bool:
    """Whether its key is one of this portal's, and no session credentials write there."""
    ids = ids_of_own_key(listed.key)
    if ids is None:
        return False
    # Session credentials write here, and may for days: session_sweep.py aborts what they leave.
    if model.Session.get(SessionGrant, ids.upload_id) is not None:
        return False
    dataset, organisation = model.Package.get(ids.dataset_id), model.Group.get(ids.organisation_id)
    is_known = (
        dataset is not None
        and organisation is not None
        and bool(organisation.is_organization)
        and (dataset.id, organisation.id) == (ids.dataset_id, ids.organisation_id)
    )
    model.Session.commit()
    return is_known
