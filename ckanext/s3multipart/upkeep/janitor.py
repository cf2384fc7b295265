"""Removing what no one will come back for: uploads never finished or never attached, and orphaned files."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ckan import model

from ckanext.s3multipart.counting import counted_round
from ckanext.s3multipart.downloads.public_files import sweep_moves
from ckanext.s3multipart.model import UploadRow, earlier_now, now
from ckanext.s3multipart.scanning.quarantine import quarantined
from ckanext.s3multipart.settings import portal_settings
from ckanext.s3multipart.site_mark import require_same_site
from ckanext.s3multipart.statistics.months import add_up
from ckanext.s3multipart.upkeep.checksums import enqueue_missing, say_all
from ckanext.s3multipart.upkeep.inspection_round import Inspected, inspect_waiting, tell_waiting
from ckanext.s3multipart.upkeep.session_sweep import SweptGrants, ended_grants, sweep_grants
from ckanext.s3multipart.upkeep.unknown_uploads import Unknown, sweep_unknown
from ckanext.s3multipart.upload_states import LEASED, PUBLISHED, UNFINISHED, RowState
from ckanext.s3multipart.uploads.held_files import held_by_deleted, is_left, is_unused
from ckanext.s3multipart.uploads.portal import PORTAL
from ckanext.s3multipart.uploads.removal import remove_marked
from ckanext.s3multipart.uploads.version_limits import is_surplus
from s3portal.portal.protocol import abort
from s3portal.transfer import StoreError, TransferError

log = logging.getLogger(__name__)

#: A store that fails so many times in a row is left alone until the next round.
_GIVE_UP_AFTER = 20


@dataclass(frozen=True)
class Swept:
    """What one round did, in numbers of uploads; and what it found and left.

    ``unknown`` multipart uploads had no row and were aborted, ``foreign`` ones may be someone else's: they
    hold ``foreign_bytes``, the oldest since ``oldest_foreign``; ``versions`` were earlier versions beyond
    what the settings keep; ``listed`` is False where the store does not let us look for them. Deleted
    datasets and resources still hold ``held_files`` with ``held_bytes``.
    """

    expired: int
    removed: int
    forgotten: int
    failed: int
    unknown: int = 0
    foreign: int = 0
    listed: bool = True
    held_files: int = 0
    held_bytes: int = 0
    found: int = 0
    refused: int = 0
    taken_over: int = 0
    cleared: int = 0
    foreign_bytes: int = 0
    oldest_foreign: str = ""
    accepted: int = 0
    rejected: int = 0
    quarantine: int = 0
    versions: int = 0


@counted_round
def sweep(*, dry_run: bool = False) -> Swept:
    """One round. Safe to run at any time and on several machines at once: every upload has a lease while it
    goes. Raises DatabaseOfAnotherSite, before anything is done."""
    require_same_site()
    if not dry_run:
        _note_unused()
    expired, unused, surplus, old = _expired_ids(), _unused_ids(), _surplus_ids(), _forgotten_ids()
    if dry_run:
        done, failed = [len(expired), len(unused), len(surplus), len(old)], 0
        grants = SweptGrants(cleared=len(ended_grants()))
        inspected = Inspected(quarantine=len(quarantined()))
    else:
        # First, so that what was written just before its prefix ends is found.
        grants = sweep_grants()
        inspected = inspect_waiting()
        rounds = [
            _each(expired, _expire),
            _each(unused, _remove),
            _each(surplus, _remove_version),
            _each(old, _forget),
        ]
        done, failed = [each[0] for each in rounds], sum(each[1] for each in rounds)
        failed += sweep_moves()
        say_all()
        enqueue_missing()
        add_up()
        tell_waiting()
    unknown, failed_to_look = _look_for_unknown(dry_run)
    held = held_by_deleted()
    expired_count, removed_count, versions_count, forgotten_count = done
    return Swept(
        expired_count,
        removed_count,
        forgotten_count,
        failed + failed_to_look + grants.failed + inspected.failed,
        unknown=unknown.aborted,
        foreign=unknown.foreign,
        listed=unknown.listed,
        held_files=held.files,
        held_bytes=held.size_bytes,
        found=grants.found,
        refused=grants.refused,
        taken_over=grants.taken_over,
        cleared=grants.cleared,
        foreign_bytes=unknown.foreign_bytes,
        oldest_foreign=unknown.oldest_foreign,
        accepted=inspected.accepted,
        rejected=inspected.rejected,
        quarantine=inspected.quarantine,
        versions=versions_count,
    )


def _expired_ids() -> list[str]:
    """Uploads that were begun, or completed, too long ago to be attached, those that a process which
    died left in the middle of something, and those that the store did not let go."""
    expired = UploadRow.state.in_((*UNFINISHED, *LEASED)) & (UploadRow.expires_at < now())
    expired |= (UploadRow.state == RowState.ABORTING) & UploadRow.lease_until.is_(None)
    return [row.id for row in model.Session.query(UploadRow.id).filter(expired)]


def _note_unused() -> None:
    """Marks what was deleted or restored without CKAN noticing."""
    rows = UploadRow.__table__
    published = rows.c.state.in_(PUBLISHED)
    unused = is_unused()
    for condition, since in (
        (unused & rows.c.unused_since.is_(None), now()),
        (~unused & rows.c.unused_since.isnot(None), None),
    ):
        model.Session.execute(rows.update().where(published, condition).values(unused_since=since))
    model.Session.commit()


def _unused_ids() -> list[str]:
    """Files that are marked, files of resources and datasets that are no more, and files of those that were
    deleted so long ago that they are not kept for a restore."""
    left = model.Session.query(UploadRow.id).filter(
        (UploadRow.state == RowState.REMOVING) | (UploadRow.state.in_(PUBLISHED) & _may_be_removed())
    )
    return [row.id for row in left]


def _surplus_ids() -> list[str]:
    """Earlier versions that are more than the site keeps, of resources that stay."""
    surplus = model.Session.query(UploadRow.id).filter(is_surplus(), ~_may_be_removed())
    return [row.id for row in surplus]


def _may_be_removed() -> Any:
    grace_ends = earlier_now() - timedelta(seconds=portal_settings().delete_grace)
    return is_left() | (is_unused() & (UploadRow.unused_since <= grace_ends))


def _forgotten_ids() -> list[str]:
    """Rows that only say that a file is gone, of datasets that are gone too or of uploads long given up."""
    gone = (
        model.Session.query(UploadRow.id)
        .outerjoin(model.Package, model.Package.id == UploadRow.owner_id)
        .filter(
            ((UploadRow.state == RowState.ABORTED) & (UploadRow.expires_at < now()))
            | ((UploadRow.state == RowState.REMOVED) & model.Package.id.is_(None))
        )
    )
    return [row.id for row in gone]


def _look_for_unknown(dry_run: bool) -> tuple[Unknown, int]:
    """The uploads without rows that were found, and 1 if the store failed."""
    try:
        return sweep_unknown(dry_run=dry_run), 0
    except StoreError as error:
        log.warning("Uploads without rows could not be searched for: %s", error)
        return Unknown(), 1


def _each(upload_ids: list[str], do: Callable[[str], bool]) -> tuple[int, int]:
    """Does it for each upload; returns how many were done and how many failed at the store."""
    done = failed = in_a_row = 0
    for number, upload_id in enumerate(upload_ids):
        try:
            done += do(upload_id)
            model.Session.commit()
            in_a_row = 0
        except StoreError as error:
            model.Session.rollback()
            failed += 1
            in_a_row += 1
            log.warning("Upload %s stays: %s", upload_id, error)
        if in_a_row == _GIVE_UP_AFTER:
            # All of them stay on record, and the next round tries again.
            left = len(upload_ids) - number - 1
            log.warning("The store does not answer: another %s uploads are left for the next round", left)
            return done, failed + left
    return done, failed


def _expire(upload_id: str) -> bool:
    if not _is_free(upload_id):
        return False
    try:
        return bool(abort(PORTAL, upload_id, only_expired=True).state == RowState.ABORTED)
    except StoreError:
        raise
    except TransferError as error:
        # It was attached, or someone else removed it, since it was found.
        log.info("Upload %s stays: %s", upload_id, error)
        return False


def _remove(upload_id: str) -> bool:
    may_go = (UploadRow.state == RowState.REMOVING) | _may_be_removed()
    return _take_away(_locked(upload_id, (*PUBLISHED, RowState.REMOVING), may_go))


def _remove_version(upload_id: str) -> bool:
    # One that is restored meanwhile is locked, or is no longer a version.
    return _take_away(_locked(upload_id, (RowState.VERSION,), is_surplus()))


def _take_away(row: UploadRow | None) -> bool:
    if row is None:
        return False
    upload_id = row.id
    row.state = RowState.REMOVING
    model.Session.commit()
    return remove_marked({upload_id}) == 1


def _forget(upload_id: str) -> bool:
    row = _locked(upload_id, (RowState.ABORTED, RowState.REMOVED))
    if row is None:
        return False
    model.Session.delete(row)
    return True


def _is_free(upload_id: str) -> bool:
    """Whether no one is saving a resource with it just now."""
    free = _locked(upload_id, (*UNFINISHED, *LEASED)) is not None
    model.Session.rollback()
    return free


def _locked(upload_id: str, states: tuple[str, ...], condition: Any = None) -> UploadRow | None:
    """The upload if it is still in one of these states and no one else is at it."""
    query = model.Session.query(UploadRow).filter(UploadRow.id == upload_id, UploadRow.state.in_(states))
    if condition is not None:
        query = query.filter(condition)
    return query.populate_existing().with_for_update(skip_locked=True).one_or_none()
