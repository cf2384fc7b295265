"""Files in quarantine, and those that did not come out of it: their rows, and the objects of the latter."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from ckan import model

from ckanext.s3multipart.extending.described_files import uploaded_file
from ckanext.s3multipart.extending.plugin_calls import implementations
from ckanext.s3multipart.kept_refusal import kept_refusal
from ckanext.s3multipart.model import UploadRow, now
from ckanext.s3multipart.outbox.recording import Kind, record_event
from ckanext.s3multipart.scanning.inspection_model import Inspection
from ckanext.s3multipart.scanning.scan_rules import scanner
from ckanext.s3multipart.settings import portal_store, transfer_settings
from ckanext.s3multipart.upload_states import RowState
from s3portal.transfer import State, TransferError, Upload, asking, delete_object

_ROWS = UploadRow.__table__
_INSPECTIONS = Inspection.__table__


def is_needed() -> bool:
    """Whether files that arrive are inspected."""
    return scanner() is not None or bool(implementations("after_complete"))


def arrived(upload: Upload, resource_id: str) -> Upload:
    """The completed upload as it is to be recorded, quarantined where it has to be inspected. Its row is
    there; the caller records it and commits."""
    if not is_needed():
        record_outcome(Kind.UPLOAD_COMPLETED, upload, resource_id)
        return upload
    inspection = Inspection(upload_id=upload.id, began_at=now())
    model.Session.merge(inspection)
    return upload.become(State.QUARANTINED)


def refusal_of(upload_id: str) -> TransferError | None:
    """Why an upload was refused when it was inspected, None where it was not."""
    text = model.Session.execute(
        sa.select(_INSPECTIONS.c.refusal).where(_INSPECTIONS.c.upload_id == upload_id)
    ).scalar()
    return kept_refusal(text) if text else None


def remove_refused(upload_id: str) -> bool:
    """Removes the object of an upload that was refused when it was inspected; returns whether there was
    something to do. Raises StoreUnavailable, StoreFailed."""
    row = model.Session.execute(
        sa.select(_ROWS.c.key, _ROWS.c.version_id)
        .join(_INSPECTIONS, _INSPECTIONS.c.upload_id == _ROWS.c.id)
        .where(_ROWS.c.id == upload_id, *_is_unremoved())
    ).first()
    model.Session.commit()
    if row is None:
        return False
    with asking(portal_store()):
        delete_object(portal_store(), row.key, row.version_id)
    model.Session.execute(
        _INSPECTIONS.update().where(_INSPECTIONS.c.upload_id == upload_id).values(removed_at=now())
    )
    model.Session.commit()
    return True


def unremoved_refused() -> list[str]:
    """Refused uploads whose objects the store still has."""
    found = (
        sa.select(_ROWS.c.id)
        .join(_INSPECTIONS, _INSPECTIONS.c.upload_id == _ROWS.c.id)
        .where(*_is_unremoved())
    )
    ids = list(model.Session.execute(found).scalars())
    model.Session.commit()
    return ids


def quarantined() -> list[str]:
    """Uploads that wait to be inspected, the oldest first."""
    waiting = sa.select(_ROWS.c.id).where(_ROWS.c.state == RowState.QUARANTINED)
    ids = list(model.Session.execute(waiting.order_by(_ROWS.c.updated_at, _ROWS.c.id)).scalars())
    model.Session.commit()
    return ids


def keep_quarantined() -> None:
    """Publishers are not to blame for what they wait for: quarantined uploads do not expire. Commits."""
    model.Session.execute(
        _ROWS.update().where(_ROWS.c.state == RowState.QUARANTINED).values(expires_at=kept_until())
    )
    model.Session.commit()


def kept_until() -> Any:
    """Until when an upload is kept that can be saved from now on."""
    return sa.func.greatest(_ROWS.c.expires_at, now() + timedelta(seconds=transfer_settings().upload_expires))


def record_outcome(kind: Kind, upload: Upload, resource_id: str, **facts: str) -> None:
    """Writes an event of an upload as it is to be recorded; the caller commits."""
    row = model.Session.execute(sa.select(_ROWS).where(_ROWS.c.id == upload.id)).first()
    if row is not None:
        described = {**row._mapping, **vars(upload), "resource_id": resource_id}
        record_event(kind, uploaded_file(SimpleNamespace(**described)), **facts)


def _is_unremoved() -> tuple[Any, ...]:
    return (
        _ROWS.c.state == RowState.REFUSED,
        _INSPECTIONS.c.refusal.isnot(None),
        _INSPECTIONS.c.removed_at.is_(None),
    )
