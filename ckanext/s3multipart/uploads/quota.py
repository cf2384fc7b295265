"""What an organisation's files hold together, and room for more.

What counts: every file that is stored, earlier versions and those of deleted datasets included, with its
whole size; an upload with its whole size as long as its reservation lasts, and afterwards with what the
store has of it. A reservation lasts for a while from the beginning, and from each time the store has more
than before. When it lapsed, the room is taken again before more parts are signed, and refused there if
others have it.

Counting and then taking room happens under one lock for the organisation, during which no store is asked.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from ckan import model

from ckanext.s3multipart.errors import QuotaFull
from ckanext.s3multipart.model import UploadRow, upload_of
from ckanext.s3multipart.settings import PREFIX, portal_settings, portal_store, transfer_settings
from ckanext.s3multipart.upload_states import PUBLISHED, RowState
from s3portal.transfer import (
    StoredParts,
    StoreError,
    Upload,
    UploadNotFound,
    asking,
    deadline,
    list_parts,
    time_left_s,
)

log = logging.getLogger(__name__)

#: A reservation lasts at least as long as the parts that were signed can still be sent.
_SHORTEST_RESERVATION_S = 900
#: Before a file is refused for the sake of uploads that seem to stand still, so many are looked at.
_LOOKED_AT = 10
#: For so long together; a look that has less time is not begun.
_LOOKS_FOR_S = 5
_LEAST_FOR_A_LOOK_S = 1

_ROWS = UploadRow.__table__
_PACKAGES = model.package_table
_RESOURCES = model.resource_table

_IS_SENT = _ROWS.c.state.in_((RowState.CREATING, RowState.UPLOADING))
_IS_RESERVED = _IS_SENT & (_ROWS.c.reserved_until > sa.func.clock_timestamp())
_IS_IN_PARTS = _IS_SENT | ((_ROWS.c.state == RowState.ABORTING) & _ROWS.c.etag.is_(None))
#: Refused files are removed as soon as their keys can no longer be written.
_UNCOUNTED = (RowState.ABORTED, RowState.REFUSED, RowState.REMOVED)
_COUNTED_BYTES = sa.case(
    (_ROWS.c.state.in_(_UNCOUNTED), 0),
    (_IS_RESERVED, _ROWS.c.size_bytes),
    (_IS_IN_PARTS, _ROWS.c.stored_bytes),
    else_=_ROWS.c.size_bytes,
)


@dataclass(frozen=True)
class Usage:
    """What an organisation's files hold, in bytes: together; of that, what uploads reserve that are being
    sent; what belongs to deleted datasets and resources; and what earlier versions hold of the others.
    ``files`` is how many count."""

    used: int
    reserved: int
    deleted: int
    files: int
    versions: int


def usage(organisation_id: str) -> Usage:
    """What counts for the quota of the organisation now."""
    # A deleted resource is purged when its dataset is saved the next time.
    resource_state = sa.func.coalesce(_RESOURCES.c.state, model.State.DELETED)
    is_deleted = (_PACKAGES.c.state == model.State.DELETED) | (
        _ROWS.c.state.in_(PUBLISHED) & (resource_state == model.State.DELETED)
    )
    is_version = (_ROWS.c.state == RowState.VERSION) & ~is_deleted
    reserved = _COUNTED_BYTES - sa.func.least(_ROWS.c.stored_bytes, _COUNTED_BYTES)
    row = model.Session.execute(
        sa.select(
            _sum(_COUNTED_BYTES),
            _sum(sa.case((_IS_RESERVED, reserved), else_=0)),
            _sum(sa.case((is_deleted, _COUNTED_BYTES), else_=0)),
            sa.func.count(sa.case((_ROWS.c.state.in_(_UNCOUNTED), None), else_=1)),
            _sum(sa.case((is_version, _COUNTED_BYTES), else_=0)),
        )
        .select_from(_ROWS)
        .join(_PACKAGES, _PACKAGES.c.id == _ROWS.c.owner_id)
        .outerjoin(_RESOURCES, _RESOURCES.c.id == _ROWS.c.resource_id)
        .where(_PACKAGES.c.owner_org == organisation_id)
    ).one()
    return Usage(*(int(value) for value in row))


def reservation_end() -> Any:
    """Until when a reservation lasts that is made or renewed now."""
    return sa.func.clock_timestamp() + timedelta(seconds=_reservation_s())


def _reservation_s() -> int:
    return max(_SHORTEST_RESERVATION_S, transfer_settings().url_expires)


def require_room(organisation_id: str, size_bytes: int, *, besides: str = "") -> None:
    """Raises QuotaFull where so many bytes do not fit. Until the transaction ends, no one else takes room.

    ``besides`` is the upload that the bytes are for, which does not count twice.
    """
    quota_bytes = portal_settings().org_quota
    if not quota_bytes:
        return
    lock = sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"s3multipart {organisation_id}", 0))
    model.Session.execute(sa.select(lock))
    counted = usage(organisation_id)
    own = sa.select(_COUNTED_BYTES).where(_ROWS.c.id == besides)
    used = counted.used - int(model.Session.execute(own).scalar() or 0)
    if used + size_bytes > quota_bytes:
        raise QuotaFull(
            used=used,
            allowed=quota_bytes,
            given=size_bytes,
            reserved=counted.reserved,
            deleted=counted.deleted,
            versions=counted.versions,
            setting=f"{PREFIX}org_quota",
        )


def keep_room(upload: Upload, organisation_id: str) -> None:
    """Before more of an upload is sent: its reservation must last, or the room is taken again.

    Asks the store only where there is a quota and the reservation is getting old; commits before. Raises
    QuotaFull, StoreUnavailable, StoreFailed.
    """
    if not portal_settings().org_quota or not _is_old(upload.id):
        return
    model.Session.commit()
    try:
        with asking(portal_store()):
            stored = list_parts(portal_store(), upload)
    except UploadNotFound:
        # It was completed, and the answer was lost: the next complete finds the object.
        return
    record_progress(upload, stored)
    take_room_again(upload, organisation_id)


def take_room_again(upload: Upload, organisation_id: str) -> None:
    """Gives an upload whose reservation has lapsed a new one, if there is room. Commits. Raises QuotaFull."""
    if not portal_settings().org_quota or _lasts(upload.id):
        return
    require_room(organisation_id, upload.size_bytes, besides=upload.id)
    model.Session.execute(
        _ROWS.update().where(_ROWS.c.id == upload.id).values(reserved_until=reservation_end())
    )
    model.Session.commit()


def look_at_lapsed(organisation_id: str, size_bytes: int) -> None:
    """Asks the store about uploads whose reservations lapsed, where they decide whether so many bytes fit:
    one whose parts arrive anyway (with session credentials nobody asks the portal for URLs) keeps its
    room. Commits; holds no connection while the store is asked."""
    quota_bytes = portal_settings().org_quota
    used = usage(organisation_id).used if quota_bytes else 0
    if not quota_bytes or used + size_bytes > quota_bytes:
        return
    uploads = _lapsed(organisation_id)
    model.Session.commit()
    missing = sum(upload.size_bytes for upload in uploads)
    if used + missing + size_bytes <= quota_bytes:
        return
    with deadline(_LOOKS_FOR_S):
        _look_at(uploads, organisation_id)


def _look_at(uploads: list[Upload], organisation_id: str) -> None:
    for upload in uploads:
        if (time_left_s() or 0) < _LEAST_FOR_A_LOOK_S:
            return
        try:
            with asking(portal_store()):
                stored = list_parts(portal_store(), upload)
        except UploadNotFound:
            continue
        except StoreError as error:
            log.info("Upload %s is assumed to have stalled: %s", upload.id, error)
            return
        if not record_progress(upload, stored):
            continue
        try:
            take_room_again(upload, organisation_id)
        except QuotaFull:
            model.Session.rollback()


def record_progress(upload: Upload, stored: StoredParts) -> bool:
    """Notes what the store has of an upload; returns whether that is more than before. A reservation that has
    not lapsed lasts on then. Commits."""
    stored_bytes = sum(stored.sizes_bytes)
    is_more = _ROWS.c.stored_bytes < stored_bytes
    renewed = _ROWS.update().where(
        _ROWS.c.id == upload.id, _ROWS.c.state == RowState.UPLOADING, _ROWS.c.stored_bytes != stored_bytes
    )
    before = sa.select(_ROWS.c.stored_bytes).where(_ROWS.c.id == upload.id)
    had = int(model.Session.execute(before).scalar() or 0)
    model.Session.execute(
        renewed.values(
            stored_bytes=stored_bytes,
            reserved_until=sa.case(
                (is_more & (_ROWS.c.reserved_until > sa.func.clock_timestamp()), reservation_end()),
                else_=_ROWS.c.reserved_until,
            ),
        )
    )
    model.Session.commit()
    return stored_bytes > had


def _lapsed(organisation_id: str) -> list[Upload]:
    lapsed = (
        sa.select(_ROWS)
        .join(_PACKAGES, _PACKAGES.c.id == _ROWS.c.owner_id)
        .where(
            _PACKAGES.c.owner_org == organisation_id,
            _ROWS.c.state == RowState.UPLOADING,
            _ROWS.c.expires_at > sa.func.now(),
            sa.func.coalesce(_ROWS.c.reserved_until <= sa.func.clock_timestamp(), True),
        )
        .order_by(_ROWS.c.updated_at.desc())
        .limit(_LOOKED_AT)
    )
    return [upload_of(row) for row in model.Session.execute(lapsed)]


def _is_old(upload_id: str) -> bool:
    """Whether half of the reservation is over, so that progress is looked for before it lapses."""
    half = reservation_end() - timedelta(seconds=_reservation_s() / 2)
    return not _exists(_ROWS.c.id == upload_id, _ROWS.c.reserved_until > half)


def _lasts(upload_id: str) -> bool:
    return _exists(_ROWS.c.id == upload_id, _ROWS.c.reserved_until > sa.func.clock_timestamp())


def _exists(*conditions: Any) -> bool:
    return model.Session.execute(sa.select(_ROWS.c.id).where(*conditions)).first() is not None


def _sum(column: Any) -> Any:
    return sa.func.coalesce(sa.func.sum(column), 0)
