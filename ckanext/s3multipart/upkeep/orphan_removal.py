"""Removing orphans that are safe to remove, each after one more look."""

import logging
from datetime import datetime

import sqlalchemy as sa
from ckan import model

from ckanext.s3multipart.model import UploadRow
from ckanext.s3multipart.settings import portal_store
from ckanext.s3multipart.site_mark import require_same_site
from ckanext.s3multipart.upkeep.orphan_findings import MULTIPART, OBJECT, ROW, Orphan, OrphanList
from ckanext.s3multipart.upkeep.orphans import needs_object
from ckanext.s3multipart.upkeep.unknown_uploads import is_live
from ckanext.s3multipart.upload_states import RowState
from ckanext.s3multipart.uploads.key_locks import lock_key
from ckanext.s3multipart.uploads.portal import PORTAL
from s3portal.portal.protocol import abort
from s3portal.transfer import (
    ListedUpload,
    ObjectGone,
    StoreError,
    TransferError,
    abort_listed,
    delete_object,
    look_at,
)

log = logging.getLogger(__name__)

_ROWS = UploadRow.__table__


def remove_orphans(found: OrphanList) -> None:
    """Removes what is safe to remove, after looking at each once more. Raises DatabaseOfAnotherSite, before
    anything is done, and ValueError for a look that did not finish."""
    if not found.report.finished:
        raise ValueError("the look for orphans did not finish")
    require_same_site()
    for orphan in found:
        if not orphan.safe:
            continue
        try:
            removed = _REMOVALS[orphan.kind](orphan)
        except StoreError as error:
            log.warning("%s stays: %s", orphan.key, error)
            found.report.failed += 1
            continue
        finally:
            model.Session.rollback()
        found.report.of(orphan.kind).removed += removed


def _remove_object(orphan: Orphan) -> bool:
    # Whoever makes a row of this key now waits, and then does not find the object.
    lock_key(orphan.key)
    if model.Session.execute(sa.select(_ROWS.c.id).where(_ROWS.c.key == orphan.key, needs_object())).first():
        return False
    try:
        found = look_at(portal_store(), orphan.key)
    except ObjectGone:
        return False
    if found.last_modified.replace(microsecond=0) > datetime.fromisoformat(orphan.since):
        return False
    delete_object(portal_store(), orphan.key, found.version_id)
    return True


def _remove_row(orphan: Orphan) -> bool:
    try:
        return bool(abort(PORTAL, orphan.upload_id).state == RowState.ABORTED)
    except StoreError:
        raise
    except TransferError as error:
        log.info("Upload %s stays: %s", orphan.upload_id, error)
        return False


def _abort_multipart(orphan: Orphan) -> bool:
    listed = ListedUpload(orphan.key, orphan.upload_id, datetime.fromisoformat(orphan.since))
    return not is_live(listed) and abort_listed(portal_store(), listed)


_REMOVALS = {OBJECT: _remove_object, ROW: _remove_row, MULTIPART: _abort_multipart}
