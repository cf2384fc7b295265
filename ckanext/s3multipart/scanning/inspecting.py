"""From the arrival of a file to its acceptance: it is quarantined until other extensions and the scanner for
viruses have let it pass. Nobody can save a resource with it, or download it, before.

One process at a time inspects a file; one that is killed leaves a lease that ends. What an extension or the
scanner cannot say now is asked again by the next call, by a background job, and by the janitor.
"""

import logging
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from ckan import model

from ckanext.s3multipart.extending.described_files import uploaded_file
from ckanext.s3multipart.extending.errors import RefusedByExtension
from ckanext.s3multipart.extending.plugin_calls import after_complete
from ckanext.s3multipart.kept_refusal import refusal_text
from ckanext.s3multipart.model import UploadRow, now, upload_of
from ckanext.s3multipart.outbox.recording import Kind
from ckanext.s3multipart.scanning.errors import BeingChecked, FileInfected, TooLargeToCheck
from ckanext.s3multipart.scanning.inspection_jobs import queue_inspection
from ckanext.s3multipart.scanning.inspection_model import Inspection, Verdict
from ckanext.s3multipart.scanning.quarantine import kept_until, record_outcome, refusal_of, remove_refused
from ckanext.s3multipart.scanning.scan_rules import is_too_large, scanned, scanner
from ckanext.s3multipart.settings import portal_store
from ckanext.s3multipart.upload_states import TRANSITIONS, RowState
from s3portal.transfer import (
    ContentDiffers,
    ObjectGone,
    State,
    StoreError,
    TransferError,
    Upload,
    UploadNotOpen,
    read_object,
    safe_filename,
)

log = logging.getLogger(__name__)

RETRY_AFTER_S = 5
_LEASE = timedelta(minutes=5)
_MOST_OF_A_USER = 50
_RENEW_EVERY_S = 60.0
_ROWS = UploadRow.__table__
_INSPECTIONS = Inspection.__table__
#: Why a file is not accepted: everything else that goes wrong passes.
_FINAL = (RefusedByExtension, FileInfected, TooLargeToCheck, ObjectGone, ContentDiffers)


def inspect(upload_id: str, *, streams: bool = False) -> None:
    """Goes as far as possible towards accepting a quarantined upload, or refusing it. Does nothing where it
    is not quarantined, or another process is at it.

    Where ``streams`` is not set, a file that has to be streamed to the scanner is left to a background job,
    which is asked for. Raises ExtensionFailed, ScannerFailed, StoreUnavailable, StoreFailed: then it stays
    as it is.
    """
    claimed = _claim(upload_id)
    if claimed is None:
        return
    try:
        _ask_extensions(claimed)
        if not _has_verdict(claimed) and not streams:
            queue_inspection(upload_id, inspect_in_background)
            return
        _scan(claimed)
        _accept(claimed)
    except _FINAL as refusal:
        _refuse(claimed, refusal)
    except TransferError as error:
        _note_failure(upload_id, error)
        raise
    finally:
        _release(claimed)


def require_inspected(upload_id: str) -> None:
    """As `inspect`, for a caller who waits for the file. Raises BeingChecked where it is not done yet, and
    why the file was refused."""
    inspect(upload_id)
    state = model.Session.execute(sa.select(_ROWS.c.state).where(_ROWS.c.id == upload_id)).scalar()
    refusal = refusal_of(upload_id) if state == RowState.REFUSED else None
    model.Session.commit()
    if state == RowState.QUARANTINED:
        raise BeingChecked(retry_after_s=RETRY_AFTER_S)
    if refusal is not None:
        raise refusal


def inspect_of(user_id: str) -> None:
    """As `inspect`, for what this user has in quarantine; what cannot be said now is said another time."""
    waiting = sa.select(_ROWS.c.id).where(_ROWS.c.state == RowState.QUARANTINED, _ROWS.c.user == user_id)
    ids = list(model.Session.execute(waiting.limit(_MOST_OF_A_USER)).scalars())
    model.Session.commit()
    for upload_id in ids:
        try:
            inspect(upload_id)
        except TransferError as error:
            log.warning("Upload %s stays in quarantine: %s", upload_id, error)


def inspect_in_background(upload_id: str) -> None:
    """The background job."""
    try:
        inspect(upload_id, streams=True)
    except TransferError as error:
        log.warning("Upload %s is checked later: %s", upload_id, getattr(error, "cause", "") or error)


@dataclass(frozen=True)
class _Claimed:
    """An inspection that this process is to do."""

    upload: Upload
    #: The row's values, as other extensions are shown them.
    row: Any
    token: str
    has_passed: bool
    verdict: str | None


def _claim(upload_id: str) -> _Claimed | None:
    token = str(uuid.uuid4())
    is_free = _INSPECTIONS.c.lease_until.is_(None) | (_INSPECTIONS.c.lease_until < now())
    claimed = model.Session.execute(
        _INSPECTIONS.update()
        .where(_INSPECTIONS.c.upload_id == upload_id, is_free)
        .values(lease_token=token, lease_until=now() + _LEASE)
        .returning(_INSPECTIONS.c.passed_at, _INSPECTIONS.c.verdict)
    ).first()
    row = model.Session.execute(sa.select(_ROWS).where(_ROWS.c.id == upload_id)).first()
    if claimed is None or row is None or row.state != RowState.QUARANTINED:
        model.Session.rollback()
        return None
    model.Session.commit()
    return _Claimed(upload_of(row), row, token, claimed.passed_at is not None, claimed.verdict)


def _ask_extensions(claimed: _Claimed) -> None:
    if claimed.has_passed:
        return
    after_complete(uploaded_file(claimed.row))
    _note(claimed, passed_at=now())


def _has_verdict(claimed: _Claimed) -> bool:
    """Whether all is known that is known without streaming the file."""
    return scanner() is None or claimed.verdict is not None or is_too_large(claimed.upload.size_bytes)


def _scan(claimed: _Claimed) -> None:
    """Asks the scanner, unless it was asked before. Raises FileInfected, TooLargeToCheck, ScannerFailed,
    ObjectGone, ContentDiffers, StoreUnavailable, StoreFailed."""
    address, upload = scanner(), claimed.upload
    if address is None or claimed.verdict is not None:
        return
    said, scanned_by = scanned(address, upload, _held(claimed, read_object(portal_store(), upload)))
    if said.verdict == Verdict.INFECTED:
        # Noted with the refusal, at once: a verdict without it would let the file pass the next time.
        raise FileInfected(filename=safe_filename(upload.filename), signature=said.signature)
    _note(claimed, verdict=str(said.verdict), scanner=scanned_by or None, scanned_at=now())


def _held(claimed: _Claimed, blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The blocks, with the lease renewed on the way. Raises UploadNotOpen where the upload was given up."""
    renew_at = time.monotonic() + _RENEW_EVERY_S
    for block in blocks:
        if time.monotonic() >= renew_at:
            renew_at = time.monotonic() + _RENEW_EVERY_S
            if not _renew(claimed):
                raise UploadNotOpen(state=State.ABORTED)
        yield block


def _renew(claimed: _Claimed) -> bool:
    renewed = model.Session.execute(
        _INSPECTIONS.update()
        .where(_INSPECTIONS.c.upload_id == claimed.upload.id, _INSPECTIONS.c.lease_token == claimed.token)
        .values(lease_until=now() + _LEASE)
    )
    state = model.Session.execute(sa.select(_ROWS.c.state).where(_ROWS.c.id == claimed.upload.id)).scalar()
    model.Session.commit()
    return bool(renewed.rowcount) and state == RowState.QUARANTINED


def _accept(claimed: _Claimed) -> None:
    if _leave_quarantine(claimed, RowState.COMPLETED):
        record_outcome(Kind.UPLOAD_COMPLETED, claimed.upload, claimed.row.resource_id)
    model.Session.commit()


def _refuse(claimed: _Claimed, refusal: TransferError) -> None:
    log.warning("Upload %s is not accepted: %s", claimed.upload.id, refusal)
    model.Session.rollback()
    if not _leave_quarantine(claimed, RowState.REFUSED):
        model.Session.rollback()
        return
    facts, found = {"reason": str(refusal)}, {}
    kind = Kind.UPLOAD_REFUSED
    if isinstance(refusal, FileInfected):
        kind, facts = Kind.SCAN_INFECTED, {**facts, "signature": refusal.signature}
        found = {"verdict": str(Verdict.INFECTED), "signature": refusal.signature, "scanned_at": now()}
    _note_in_transaction(claimed, refusal=refusal_text(refusal), **found)
    record_outcome(kind, claimed.upload, claimed.row.resource_id, **facts)
    model.Session.commit()
    try:
        remove_refused(claimed.upload.id)
    except StoreError as error:
        log.warning("The janitor removes the file of upload %s: %s", claimed.upload.id, error)


def _leave_quarantine(claimed: _Claimed, state: RowState) -> bool:
    """False where the upload was given up in the meantime, or this process was too slow."""
    is_ours = sa.exists().where(
        _INSPECTIONS.c.upload_id == claimed.upload.id, _INSPECTIONS.c.lease_token == claimed.token
    )
    left = model.Session.execute(
        _ROWS.update()
        .where(_ROWS.c.id == claimed.upload.id, _ROWS.c.state == RowState.QUARANTINED, is_ours)
        .values(
            state=TRANSITIONS.step(RowState.QUARANTINED, state), updated_at=now(), expires_at=kept_until()
        )
    )
    return bool(left.rowcount)


def _note(claimed: _Claimed, **values: Any) -> None:
    _note_in_transaction(claimed, **values)
    model.Session.commit()


def _note_in_transaction(claimed: _Claimed, **values: Any) -> None:
    model.Session.execute(
        _INSPECTIONS.update()
        .where(_INSPECTIONS.c.upload_id == claimed.upload.id, _INSPECTIONS.c.lease_token == claimed.token)
        .values(last_error=None, failed_at=None, **values)
    )


def _note_failure(upload_id: str, error: TransferError) -> None:
    model.Session.rollback()
    model.Session.execute(
        _INSPECTIONS.update()
        .where(_INSPECTIONS.c.upload_id == upload_id)
        .values(last_error=str(getattr(error, "cause", "") or error), failed_at=now())
    )
    model.Session.commit()


def _release(claimed: _Claimed) -> None:
    model.Session.rollback()
    model.Session.execute(
        _INSPECTIONS.update()
        .where(_INSPECTIONS.c.upload_id == claimed.upload.id, _INSPECTIONS.c.lease_token == claimed.token)
        .values(lease_token=None, lease_until=None)
    )
    model.Session.commit()
