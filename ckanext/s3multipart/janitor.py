"""Removing what nobody will come back for: uploads never finished or never attached, and files of nothing."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
from ckan import model

from ckanext.s3multipart.model import REMOVED, REMOVING, UploadRow, now
from ckanext.s3multipart.removal import remove_marked
from ckanext.s3multipart.settings import ON_DELETE, portal_settings, portal_store
from s3portal.transfer.errors import StoreError
from s3portal.transfer.lifecycle import abort_upload
from s3portal.transfer.upload import ABORTED, ATTACHED, COMPLETED, UPLOADING

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Swept:
    """What one round did, in numbers of uploads."""

    expired: int
    removed: int
    forgotten: int
    failed: int


def sweep(*, dry_run: bool = False) -> Swept:
    """One round. Safe to run at any time and on several machines at once: every upload is locked while it
    goes."""
    expired, unused, old = _expired_ids(), _unused_ids(), _forgotten_ids()
    if dry_run:
        return Swept(len(expired), len(unused), len(old), 0)
    expired_done, expired_failed = _each(expired, _expire)
    removed_done, removed_failed = _each(unused, _remove)
    forgotten_done, _ = _each(old, _forget)
    return Swept(expired_done, removed_done, forgotten_done, expired_failed + removed_failed)


def _expired_ids() -> list[str]:
    """Uploads that were begun, or completed, too long ago to be attached any more."""
    expired = UploadRow.state.in_((UPLOADING, COMPLETED)) & (UploadRow.expires_at < now())
    return [row.id for row in model.Session.query(UploadRow.id).filter(expired)]


def _unused_ids() -> list[str]:
    """Files that are marked, and files of resources or datasets that were deleted past CKAN's notice."""
    gone_datasets = [None] if portal_settings().remove_files_on != ON_DELETE else [None, model.State.DELETED]
    left = (
        model.Session.query(UploadRow.id)
        .outerjoin(model.Resource, model.Resource.id == UploadRow.resource_id)
        .outerjoin(model.Package, model.Package.id == model.Resource.package_id)
        .filter(
            (UploadRow.state == REMOVING)
            | (
                (UploadRow.state == ATTACHED)
                & (
                    model.Resource.id.is_(None)
                    | (model.Resource.state == model.State.DELETED)
                    | model.Package.id.is_(None)
                    | sa.and_(len(gone_datasets) > 1, model.Package.state == model.State.DELETED)
                )
            )
        )
    )
    return [row.id for row in left]


def _forgotten_ids() -> list[str]:
    """Rows that only say that a file is gone, of datasets that are gone too or of uploads long given up."""
    gone = (
        model.Session.query(UploadRow.id)
        .outerjoin(model.Package, model.Package.id == UploadRow.owner_id)
        .filter(
            ((UploadRow.state == ABORTED) & (UploadRow.expires_at < now()))
            | ((UploadRow.state == REMOVED) & model.Package.id.is_(None))
        )
    )
    return [row.id for row in gone]


def _each(upload_ids: list[str], do: Callable[[str], bool]) -> tuple[int, int]:
    """Does it for each upload; returns how many were done and how many failed at the store."""
    done = failed = 0
    for upload_id in upload_ids:
        try:
            done += do(upload_id)
            model.Session.commit()
        except StoreError as error:
            model.Session.rollback()
            failed += 1
            log.warning("Upload %s stays: %s", upload_id, error)
    return done, failed


def _expire(upload_id: str) -> bool:
    row = _locked(upload_id, (UPLOADING, COMPLETED))
    if row is None:
        return False
    row.record(abort_upload(portal_store(), row.as_upload()))
    return True


def _remove(upload_id: str) -> bool:
    row = _locked(upload_id, (ATTACHED, REMOVING))
    if row is None:
        return False
    row.state = REMOVING
    model.Session.commit()
    return remove_marked({upload_id}) == 1


def _forget(upload_id: str) -> bool:
    row = _locked(upload_id, (ABORTED, REMOVED))
    if row is None:
        return False
    model.Session.delete(row)
    return True


def _locked(upload_id: str, states: tuple[str, ...]) -> UploadRow | None:
    """The upload if it is still in one of these states and nobody else is at it."""
    return (
        model.Session.query(UploadRow)
        .filter(UploadRow.id == upload_id, UploadRow.state.in_(states))
        .populate_existing()
        .with_for_update(skip_locked=True)
        .one_or_none()
    )
