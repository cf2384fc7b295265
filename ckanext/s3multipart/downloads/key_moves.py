"""Moving a file to another key: copied within the store, switched in one transaction, cleared.

The steps may be repeated, by any process, and killed between any two. Until the switch the file is where it
was; from then on it is where it is to be. A file goes to a key that everybody reaches only while everybody
may read its dataset, which is looked at under the dataset's lock: a save that makes it private waits for the
switch, or the switch for the save.
"""

import logging
import time
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from ckan import model
from sqlalchemy.exc import IntegrityError

from ckanext.s3multipart.downloads.invalidation import begin_invalidation, caches_files, is_invalidated
from ckanext.s3multipart.downloads.move_model import CLEARED, CLEARING, COPYING, KeyMove
from ckanext.s3multipart.downloads.public_keys import new_key
from ckanext.s3multipart.model import UploadRow, now
from ckanext.s3multipart.settings import portal_host, portal_settings, portal_store, transfer_settings
from ckanext.s3multipart.site_mark import is_copied
from ckanext.s3multipart.upload_states import PUBLISHED
from s3portal.transfer import (
    ContentDiffers,
    CopySource,
    ListedUpload,
    SourceChanged,
    State,
    Upload,
    abort_listed,
    copy_step,
    delete_object,
    safe_content_type,
)

log = logging.getLogger(__name__)

_MOVES = KeyMove.__table__
#: A process that moves a file claims it for so long at a time; then another takes over from a killed one.
_LEASE = timedelta(minutes=5)
#: Clocks differ, and a download begins some time after its link was followed.
_LINKS_OUTLIVE = timedelta(minutes=2)


def begin_move(row: UploadRow, dataset_id: str, *, to_everybody: bool) -> str:
    """Notes that the file goes to a key of the other kind. Returns the id of the move, which may have been
    begun before. Commits."""
    move = KeyMove(
        id=str(uuid.uuid4()),
        upload_id=row.id,
        dataset_id=dataset_id,
        state=COPYING,
        to_everybody=to_everybody,
        source_key=row.key,
        source_version_id=row.version_id,
        target_key=new_key(row, public=to_everybody),
        s3_upload_id="",
        changed_at=now(),
    )
    upload_id, move_id = row.id, move.id
    try:
        model.Session.add(move)
        model.Session.commit()
    except IntegrityError:
        model.Session.rollback()
        begun = model.Session.query(KeyMove).filter_by(upload_id=upload_id, state=COPYING).one()
        move_id = begun.id
        model.Session.commit()
    return move_id


def begin_clearing(row: UploadRow, dataset_id: str) -> None:
    """Notes that what was under the row's key, which everybody reached, is to be forgotten. Commits."""
    note_clearing(row, dataset_id)
    model.Session.commit()


def note_clearing(row: UploadRow, dataset_id: str) -> None:
    """The same, for a caller who commits."""
    model.Session.add(
        KeyMove(
            id=str(uuid.uuid4()),
            upload_id=row.id,
            dataset_id=dataset_id,
            state=CLEARING,
            to_everybody=False,
            source_key=row.key,
            source_version_id=row.version_id,
            target_key="",
            s3_upload_id="",
            clear_after=now(),
            changed_at=now(),
        )
    )


def is_moving(key: str) -> bool:
    """Whether a file is on its way to this key or away from it, so that what is there may be removed."""
    either = (KeyMove.source_key == key) | (KeyMove.target_key == key)
    return model.Session.query(KeyMove.id).filter(either, KeyMove.state != CLEARED).first() is not None


def continue_move(move_id: str, ends_at: float) -> bool:
    """Goes on until it is done or the monotonic clock says ``ends_at``; returns whether nothing is left.

    Returns False at once where another process is at it. Raises StoreUnavailable, StoreFailed.
    """
    # The objects of a copied database are those of the site that it was copied from.
    move = None if is_copied() else _claim(move_id)
    if move is None:
        return (
            model.Session.query(KeyMove).filter(KeyMove.id == move_id, KeyMove.state != CLEARED).count() == 0
        )
    try:
        if move.state == COPYING and not _copied(move, ends_at):
            return False
        return _cleared(move_id)
    finally:
        _release(move_id)


def _claim(move_id: str) -> Any:
    free = sa.or_(_MOVES.c.lease_until.is_(None), _MOVES.c.lease_until < now())
    claimed = model.Session.execute(
        _MOVES.update()
        .where(_MOVES.c.id == move_id, _MOVES.c.state != CLEARED, free)
        .values(lease_until=now() + _LEASE)
        .returning(*_MOVES.c)
    ).first()
    model.Session.commit()
    return claimed


def _release(move_id: str) -> None:
    model.Session.rollback()
    model.Session.execute(_MOVES.update().where(_MOVES.c.id == move_id).values(lease_until=None))
    model.Session.commit()


def _copied(move: Any, ends_at: float) -> bool:
    """Whether the copy is made and the file switched to it, or the move given up."""
    row = model.Session.get(UploadRow, move.upload_id, populate_existing=True)
    if row is None or row.state not in PUBLISHED or row.key != move.source_key:
        _give_up(move, "")
        return True
    upload = row.as_upload()
    source = CopySource(move.source_key, upload.etag or "", upload.size_bytes, move.source_version_id)
    # What everybody reaches has no page for browsers to run.
    shown_type = safe_content_type(upload.content_type) if move.to_everybody else upload.content_type
    target = replace(
        upload,
        state=State.ADOPTING,
        key=move.target_key,
        s3_upload_id=move.s3_upload_id,
        content_type=shown_type,
        etag=None,
        version_id=None,
    )
    metadata = {
        "portal": portal_host(),
        "user": upload.user if portal_settings().user_in_metadata else "",
        "dataset": upload.owner_id,
        "resource": row.resource_id,
        "filename": upload.filename,
    }
    model.Session.commit()

    def keep_going() -> bool:
        return time.monotonic() < ends_at and _renew(move.id)

    try:
        while target.state != State.COMPLETED:
            before = target
            target = copy_step(portal_store(), source, target, metadata=metadata, keep_going=keep_going)
            if target.state != State.COMPLETED and target.s3_upload_id == before.s3_upload_id:
                return False
            _note_parts(move.id, target.s3_upload_id)
    except (SourceChanged, ContentDiffers) as refusal:
        log.warning("The file of upload %s stays where it is: %s", move.upload_id, refusal)
        _give_up(move, target.s3_upload_id)
        return True
    if not _switch(move, target):
        _give_up(move, target.s3_upload_id, target.version_id)
    return True


def _switch(move: Any, copy: Upload) -> bool:
    """Has the row say where the file is now, unless it is no longer wanted there."""
    model.Session.query(model.Package.id).filter_by(id=move.dataset_id).with_for_update().all()
    row = (
        model.Session.query(UploadRow)
        .filter_by(id=move.upload_id)
        .populate_existing()
        .with_for_update()
        .one_or_none()
    )
    is_there = row is not None and row.state in PUBLISHED and row.key == move.source_key
    is_wanted = model.Session.query(KeyMove.id).filter_by(id=move.id, state=COPYING).with_for_update().first()
    if not (is_there and is_wanted) or (move.to_everybody and not is_open_dataset(row)):
        model.Session.rollback()
        return False
    row.key, row.etag, row.version_id = copy.key, copy.etag, copy.version_id
    if copy.checksum_value:
        row.checksum_algorithm, row.checksum_value = copy.checksum_algorithm, copy.checksum_value
    links_end = now() + timedelta(seconds=transfer_settings().download_expires) + _LINKS_OUTLIVE
    model.Session.execute(
        _MOVES.update()
        .where(_MOVES.c.id == move.id)
        .values(state=CLEARING, clear_after=links_end if move.to_everybody else now(), changed_at=now())
    )
    model.Session.commit()
    return True


def is_open_dataset(row: UploadRow) -> bool:
    """Whether the resource of this file, and its dataset, are there for everybody, as the database has it."""
    found = (
        model.Session.query(model.Package.private, model.Package.state, model.Resource.state)
        .join(model.Resource, model.Resource.package_id == model.Package.id)
        .filter(model.Resource.id == row.resource_id)
        .first()
    )
    return found is not None and tuple(found) == (False, model.State.ACTIVE, model.State.ACTIVE)


def _cleared(move_id: str) -> bool:
    """Whether nothing is left under the old key, nor of its address in a cache."""
    move = model.Session.get(KeyMove, move_id, populate_existing=True)
    if move is None or move.state == CLEARED:
        model.Session.commit()
        return True
    source_key, version_id, invalidation_id = move.source_key, move.source_version_id, move.invalidation_id
    is_due, was_public = move.clear_after <= now(), not move.to_everybody
    model.Session.commit()
    if not is_due:
        return False
    delete_object(portal_store(), source_key, version_id)
    if was_public and caches_files():
        if not invalidation_id:
            invalidation_id = begin_invalidation(source_key, move_id)
            _change(move_id, invalidation_id=invalidation_id)
        if not is_invalidated(invalidation_id):
            return False
    _change(move_id, state=CLEARED)
    return True


def _give_up(move: Any, s3_upload_id: str, version_id: str | None = None) -> None:
    """The copy is not needed: what there is of it is to be cleared.

    A process that was kept waiting for longer than its lease lasts may find that another one has switched the
    file to the very same copy, which stays then.
    """
    changed = model.Session.execute(
        _MOVES.update()
        .where(_MOVES.c.id == move.id, _MOVES.c.state == COPYING)
        .values(
            state=CLEARING,
            # Nobody was told where the copy is, so no cache has it.
            to_everybody=True,
            source_key=move.target_key,
            source_version_id=version_id,
            clear_after=now(),
            changed_at=now(),
        )
    )
    model.Session.commit()
    if changed.rowcount and (s3_upload_id or move.s3_upload_id):
        begun = ListedUpload(move.target_key, s3_upload_id or move.s3_upload_id, move.changed_at)
        abort_listed(portal_store(), begun)


def _note_parts(move_id: str, s3_upload_id: str) -> None:
    _change(move_id, s3_upload_id=s3_upload_id, lease_until=now() + _LEASE)


def _renew(move_id: str) -> bool:
    return _change(move_id, lease_until=now() + _LEASE)


def _change(move_id: str, **values: object) -> bool:
    changed = model.Session.execute(
        _MOVES.update().where(_MOVES.c.id == move_id).values(changed_at=now(), **values)
    )
    model.Session.commit()
    return bool(changed.rowcount)
