"""The janitor's round through files that wait to be accepted, and through what has to be told."""

import logging
from dataclasses import dataclass

from ckan import model

from ckanext.s3multipart.model import UploadRow
from ckanext.s3multipart.outbox.delivering import tell_plugins
from ckanext.s3multipart.outbox.kept_events import forget_old_events
from ckanext.s3multipart.outbox.sending import send_waiting
from ckanext.s3multipart.scanning.inspecting import inspect
from ckanext.s3multipart.scanning.quarantine import (
    keep_quarantined,
    quarantined,
    remove_refused,
    unremoved_refused,
)
from ckanext.s3multipart.upload_states import RowState
from s3portal.transfer import StoreError, TransferError

log = logging.getLogger(__name__)


@dataclass
class Inspected:
    """What one round did, in numbers of uploads: ``accepted`` and ``rejected`` ones, those that still wait
    in ``quarantine``, and those that the store failed at."""

    accepted: int = 0
    rejected: int = 0
    quarantine: int = 0
    failed: int = 0


def inspect_waiting() -> Inspected:
    """One round. Safe to run at any time and on several machines at once."""
    keep_quarantined()
    counted = Inspected()
    for upload_id in quarantined():
        try:
            inspect(upload_id, streams=True)
        except TransferError as error:
            model.Session.rollback()
            counted.failed += isinstance(error, StoreError)
            log.warning("Upload %s stays in quarantine: %s", upload_id, error)
        state = _state(upload_id)
        counted.accepted += state == RowState.COMPLETED
        counted.rejected += state == RowState.REFUSED
        counted.quarantine += state == RowState.QUARANTINED
    for upload_id in unremoved_refused():
        try:
            remove_refused(upload_id)
        except StoreError as error:
            model.Session.rollback()
            counted.failed += 1
            log.warning("The refused file of upload %s is not removed yet: %s", upload_id, error)
    return counted


def tell_waiting() -> None:
    """Tells what nobody was told yet."""
    tell_plugins()
    send_waiting()
    forget_old_events()


def _state(upload_id: str) -> str | None:
    state = model.Session.query(UploadRow.state).filter_by(id=upload_id).scalar()
    model.Session.commit()
    return state
