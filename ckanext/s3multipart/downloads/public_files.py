"""Which files are where everybody reaches them, and having them there, or no longer there."""

import logging
import time
from datetime import timedelta
from typing import Any

import ckan.plugins.toolkit as tk
import sqlalchemy as sa
from ckan import model

from ckanext.s3multipart.download_settings import PUBLIC
from ckanext.s3multipart.downloads.everybody import everybody_may_read
from ckanext.s3multipart.downloads.invalidation import caches_files, require_invalidation
from ckanext.s3multipart.downloads.key_moves import begin_clearing, begin_move, continue_move, is_open_dataset
from ckanext.s3multipart.downloads.move_model import CLEARED, COPYING, KeyMove
from ckanext.s3multipart.downloads.public_keys import is_own_key, is_public_key, public_folder
from ckanext.s3multipart.errors import BeingWithdrawn
from ckanext.s3multipart.model import UploadRow, now
from ckanext.s3multipart.settings import download_settings, portal_store
from ckanext.s3multipart.upload_states import PUBLISHED, RowState
from s3portal.transfer import COMPLETE, StoreError, asking

log = logging.getLogger(__name__)

#: What someone who saves a dataset waits for, and what a background job does in one go (CKAN stops them
#: after 180 s).
PATIENCE_S = 15.0
_JOB_S = 120.0
#: A file that was withdrawn, and whose dataset was not made private after all, stays where it is for so long.
_HELD = timedelta(days=1)
#: Files that one round of the janitor begins to move.
_MOST_A_ROUND = 1000


def withdraw(dataset_id: str, patience_s: float = PATIENCE_S) -> None:
    """Has every file of the dataset under a key that needs a signature, and forgotten by caches.

    Raises BeingWithdrawn while that takes longer than the patience, CacheKeepsFiles, StoreUnavailable,
    StoreFailed. Commits.
    """
    rows = public_rows(dataset_id).all()
    if rows:
        require_invalidation()
    for row in rows:
        begin_move(row, dataset_id, to_everybody=False)
    if caches_files():
        for row in _cached_rows(dataset_id):
            require_invalidation()
            begin_clearing(row, dataset_id)
    ends_at = time.monotonic() + patience_s
    begun = _withdrawals(dataset_id)
    if begun:
        with asking(portal_store(), COMPLETE):
            for move_id in begun:
                if time.monotonic() < ends_at:
                    continue_move(move_id, ends_at)
    left = _withdrawals(dataset_id)
    if left:
        for move_id in left:
            _enqueue(move_id)
        raise BeingWithdrawn(left=len(left), files=len(begun))


def public_rows(dataset_id: str) -> Any:
    """The files of the dataset that everybody reaches, as a query; those of deleted resources, too."""
    of_dataset = sa.exists().where(
        model.Resource.id == UploadRow.resource_id, model.Resource.package_id == dataset_id
    )
    return model.Session.query(UploadRow).filter(
        UploadRow.state.in_(PUBLISHED),
        UploadRow.key.startswith(public_folder(), autoescape=True),
        of_dataset | (UploadRow.owner_id == dataset_id),
    )


def is_published(row: UploadRow) -> bool:
    """Whether readers may be sent to where everybody reaches the file. Where it could be there and is not, or
    is there and should not, it is moved in the background."""
    if not everybody_may_read(row.resource_id):
        if is_public_key(row.key) and not _is_on_its_way(row):
            _enqueue(begin_move(row, _dataset_of(row), to_everybody=False))
        return False
    if is_public_key(row.key):
        return True
    if may_be_published(row) and not _is_on_its_way(row):
        _enqueue(begin_move(row, _dataset_of(row), to_everybody=True))
    return False


def may_be_published(row: UploadRow) -> bool:
    """Whether the file may go where everybody reaches it. An object that was adopted stays where it is."""
    if row.keep_object or not is_own_key(row.key) or is_public_key(row.key):
        return False
    if not everybody_may_read(row.resource_id):
        return False
    withdrawn = model.Session.query(KeyMove.id).filter(
        KeyMove.upload_id == row.id, ~KeyMove.to_everybody, KeyMove.changed_at > now() - _HELD
    )
    return withdrawn.first() is None


def _is_on_its_way(row: UploadRow) -> bool:
    on_its_way = model.Session.query(KeyMove.id).filter_by(upload_id=row.id, state=COPYING)
    return on_its_way.first() is not None


def publish(row: UploadRow, patience_s: float = _JOB_S) -> None:
    """Has the file under a key that everybody reaches, if everybody may read it. Raises StoreUnavailable,
    StoreFailed."""
    if may_be_published(row):
        move_id = begin_move(row, _dataset_of(row), to_everybody=True)
        continue_move(move_id, time.monotonic() + patience_s)


def continue_in_background(move_id: str) -> None:
    """The background job: two minutes, and another job where more is left to copy."""
    try:
        continue_move(move_id, time.monotonic() + _JOB_S)
    except StoreError as error:
        log.warning("The move %s of a file continues later: %s", move_id, error)
        return
    if model.Session.query(KeyMove.id).filter_by(id=move_id, state=COPYING, lease_until=None).first():
        _enqueue(move_id)


def sweep_moves() -> int:
    """The janitor's round: what was begun is continued, what everybody reaches and should not is withdrawn,
    and, with download_mode = public, what everybody may read is published. Returns how many failed."""
    for row in _wrongly_public():
        begin_move(row, _dataset_of(row), to_everybody=False)
    if download_settings().download_mode == PUBLIC:
        for row in _not_yet_public():
            if may_be_published(row):
                begin_move(row, _dataset_of(row), to_everybody=True)
    failed = 0
    open_moves = model.Session.query(KeyMove.id).filter(KeyMove.state != CLEARED).all()
    for (move_id,) in open_moves:
        try:
            continue_move(move_id, time.monotonic() + _JOB_S)
        except StoreError as error:
            failed += 1
            log.warning("The move %s of a file continues later: %s", move_id, error)
    model.Session.query(KeyMove).filter(KeyMove.state == CLEARED, KeyMove.changed_at < now() - _HELD).delete()
    model.Session.commit()
    return failed


def _wrongly_public() -> list[UploadRow]:
    rows = model.Session.query(UploadRow).filter(
        UploadRow.state.in_(PUBLISHED), UploadRow.key.startswith(public_folder(), autoescape=True)
    )
    return [row for row in rows if not (is_open_dataset(row) and everybody_may_read(row.resource_id))]


def _not_yet_public() -> list[UploadRow]:
    rows = (
        model.Session.query(UploadRow)
        .join(model.Resource, model.Resource.id == UploadRow.resource_id)
        .join(model.Package, model.Package.id == model.Resource.package_id)
        .filter(
            UploadRow.state.in_(PUBLISHED),
            ~UploadRow.key.startswith(public_folder(), autoescape=True),
            # It stays where it is, and must not take the places of others in a round.
            ~UploadRow.keep_object,
            ~model.Package.private,
            model.Package.state == model.State.ACTIVE,
            model.Resource.state == model.State.ACTIVE,
        )
    )
    return rows.limit(_MOST_A_ROUND).all()


def _cached_rows(dataset_id: str) -> list[UploadRow]:
    """Files that everybody reached, and that are gone from the store but perhaps not from a cache."""
    cleared = sa.exists().where(KeyMove.source_key == UploadRow.key)
    return (
        model.Session.query(UploadRow)
        .filter(
            UploadRow.owner_id == dataset_id,
            UploadRow.state.in_((RowState.REMOVING, RowState.REMOVED)),
            UploadRow.key.startswith(public_folder(), autoescape=True),
            ~cleared,
        )
        .all()
    )


def _withdrawals(dataset_id: str) -> list[str]:
    """The moves that are not over, of files that everybody reached."""
    moves = model.Session.query(KeyMove.id).filter(
        KeyMove.dataset_id == dataset_id, ~KeyMove.to_everybody, KeyMove.state != CLEARED
    )
    found = [move_id for (move_id,) in moves]
    model.Session.commit()
    return found


def _dataset_of(row: UploadRow) -> str:
    resource = model.Resource.get(row.resource_id)
    return str(resource.package_id if resource is not None else row.owner_id)


def _enqueue(move_id: str) -> None:
    try:
        tk.enqueue_job(continue_in_background, [move_id], title=f"s3multipart: move {move_id}")
    except Exception as error:  # noqa: BLE001  # whatever Redis and its clients raise
        log.warning("No background job for the move %s, the janitor continues it: %s", move_id, error)
