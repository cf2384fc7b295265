"""The janitor's round through what session credentials and forms can write: finds, takes over, clears up."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from ckan import model

from ckanext.s3multipart.model import UploadRow, earlier_now, now
from ckanext.s3multipart.settings import portal_store
from ckanext.s3multipart.upload_states import PUBLISHED, TRANSITIONS, RowState
from ckanext.s3multipart.uploads.adoption import take_over
from ckanext.s3multipart.uploads.discovery import discover_all
from ckanext.s3multipart.uploads.grant_states import GrantState
from ckanext.s3multipart.uploads.session_model import LATE_WRITES, UPLOAD, Adoption, SessionGrant
from s3portal.transfer import StoreError, abort_uploads, remove_unkept

log = logging.getLogger(__name__)

#: After this long, a prefix is cleared even if the portal cannot look at its files.
_GIVEN_UP_AFTER = timedelta(days=30)
_COPIED_AT_MOST_S = 3600.0
#: Uploads in these states have an object under their key, and nothing else is about to happen to it.
_WITH_OBJECT = (RowState.QUARANTINED, RowState.COMPLETED, *PUBLISHED)
_SETTLED = (RowState.COMPLETED, *PUBLISHED, RowState.ABORTED, RowState.REFUSED, RowState.REMOVED)


@dataclass
class SweptGrants:
    """What one round did: files found, refused and taken over, prefixes cleared, and what the store failed
    at."""

    found: int = 0
    refused: int = 0
    taken_over: int = 0
    cleared: int = 0
    failed: int = 0


def sweep_grants() -> SweptGrants:
    """One round. Safe to run at any time and on several machines at once."""
    swept = SweptGrants()
    for grant_id in _grants(SessionGrant.kind != UPLOAD, SessionGrant.writable_until.isnot(None)):
        try:
            found = discover_all(grant_id)
        except StoreError as error:
            model.Session.rollback()
            swept.failed += 1
            log.warning("The files written under grant %s could not be examined: %s", grant_id, error)
        else:
            swept.found += found.accepted
            swept.refused += found.refused
    for upload_id in _waiting():
        try:
            swept.taken_over += take_over(upload_id, _COPIED_AT_MOST_S)
        except StoreError as error:
            swept.failed += 1
            log.warning("Upload %s is not taken over yet: %s", upload_id, error)
    for grant_id in ended_grants():
        try:
            swept.cleared += _clear(grant_id)
        except StoreError as error:
            model.Session.rollback()
            swept.failed += 1
            log.warning("Grant %s is not cleared yet: %s", grant_id, error)
    return swept


def ended_grants() -> list[str]:
    """Those that can no longer be used to write anything."""
    late = earlier_now() - LATE_WRITES
    is_over = SessionGrant.issuable_until < earlier_now()
    return _grants(is_over & (SessionGrant.writable_until.is_(None) | (SessionGrant.writable_until < late)))


def _grants(*which: object) -> list[str]:
    ids = [row.id for row in model.Session.query(SessionGrant.id).filter(*which)]
    model.Session.commit()
    return ids


def _waiting() -> list[str]:
    """Uploads that are being taken over."""
    ids = [row.id for row in model.Session.query(UploadRow.id).filter_by(state=RowState.ADOPTING)]
    model.Session.commit()
    return ids


def _clear(grant_id: str) -> bool:
    """Removes what is not kept of what was written, and the grant; False where it has to wait."""
    grant = model.Session.get(SessionGrant, grant_id, populate_existing=True)
    if grant is None:
        return False
    kind, prefix, used, upload_id = (
        grant.kind,
        grant.prefix,
        grant.writable_until is not None,
        grant.upload_id,
    )
    given_up = used and grant.writable_until < now() - _GIVEN_UP_AFTER
    grant.state = GrantState.CLOSING
    model.Session.commit()
    if used and kind != UPLOAD:
        try:
            discover_all(grant_id)
        except StoreError:
            if not given_up:
                raise
    if not _all_settled(grant_id, upload_id):
        return False
    if used:
        exact = kind == UPLOAD
        remove_unkept(portal_store(), prefix, _kept(prefix), exact=exact)
        abort_uploads(portal_store(), prefix, (), exact=exact)
    _forget(grant_id)
    return True


def _all_settled(grant_id: str, upload_id: str | None) -> bool:
    """Whether every upload of the grant has come to rest, so that what it needs is known."""
    adopted = model.Session.query(Adoption.upload_id).filter_by(grant_id=grant_id)
    unsettled = model.Session.query(UploadRow.id).filter(
        UploadRow.id.in_(adopted) | (UploadRow.id == upload_id), UploadRow.state.notin_(_SETTLED)
    )
    settled = unsettled.first() is None
    model.Session.commit()
    return settled


def _kept(prefix: str) -> set[tuple[str, str | None]]:
    """What uploads have under this prefix, as pairs of key and version id."""
    rows = model.Session.query(UploadRow.key, UploadRow.version_id).filter(
        UploadRow.key.startswith(prefix, autoescape=True), UploadRow.state.in_(_WITH_OBJECT)
    )
    kept = {(row.key, row.version_id) for row in rows}
    model.Session.commit()
    return kept


def _forget(grant_id: str) -> None:
    """The grant goes, and with it what was noted of its files; what was refused is gone from the store."""
    adopted = model.Session.query(Adoption.upload_id).filter_by(grant_id=grant_id)
    refused = model.Session.query(UploadRow).filter(
        UploadRow.id.in_(adopted), UploadRow.state == RowState.REFUSED
    )
    refused.update(
        {"state": TRANSITIONS.step(RowState.REFUSED, RowState.ABORTED), "updated_at": now()},
        synchronize_session=False,
    )
    model.Session.query(Adoption).filter_by(grant_id=grant_id).delete(synchronize_session=False)
    model.Session.query(SessionGrant).filter_by(id=grant_id).delete(synchronize_session=False)
    model.Session.commit()
