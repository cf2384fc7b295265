"""What the upload protocol does with rows and the store, in this order: a row is committed first, the store
is asked without a database connection, and what it answered is committed only if the row is still ours.

Authorisation is the actions' affair.
"""

import uuid
from dataclasses import dataclass, fields

import sqlalchemy as sa
from ckan import model
from sqlalchemy.exc import IntegrityError

from ckanext.s3multipart.adoption import as_recorded, require_taken_over
from ckanext.s3multipart.leases import Lease, given_back_on_error, new_lease, settled, take_lease
from ckanext.s3multipart.model import OWNER_TYPE, UploadRow, any_upload
from ckanext.s3multipart.permission import Owner
from ckanext.s3multipart.quota import (
    keep_room,
    look_at_lapsed,
    record_progress,
    require_room,
    reservation_end,
    take_room_again,
)
from ckanext.s3multipart.rules import content_type_of
from ckanext.s3multipart.session_model import adoption_of
from ckanext.s3multipart.settings import portal_host, portal_settings, portal_store
from ckanext.s3multipart.unknown_uploads import abort_unknown
from ckanext.s3multipart.upload_states import RowState
from s3portal.transfer.completion import complete_upload
from s3portal.transfer.errors import (
    AlreadyAttached,
    InvalidRequest,
    Problem,
    SourceChanged,
    StoreBusy,
    UploadNotFound,
    UploadNotOpen,
)
from s3portal.transfer.keys import object_key
from s3portal.transfer.lifecycle import abort_upload, begin_upload, list_parts, plan_upload
from s3portal.transfer.new_upload import NewUpload, new_upload_id
from s3portal.transfer.states import State
from s3portal.transfer.store_gate import COMPLETE, asking
from s3portal.transfer.stored_parts import StoredParts
from s3portal.transfer.upload import Checksum, Upload

_ROWS = UploadRow.__table__


@dataclass(frozen=True)
class Wanted:
    """What a caller asks ``create`` for."""

    user: model.User
    owner: Owner
    filename: str
    size_bytes: int
    content_type: str
    fingerprint: str
    round_trip_ms: float | None
    idempotency_key: str | None


def create(wanted: Wanted) -> tuple[UploadRow, StoredParts | None]:
    """The row of a new upload, or of the one that the same idempotency key made before, and what the store
    has of it as `look` says it.

    Raises InvalidRequest, FileTooLarge, QuotaFull, StoreBusy, StoreUnavailable, StoreFailed.
    """
    row = _made_before(wanted)
    if row is not None and row.state != RowState.CREATING:
        if row.state == RowState.UPLOADING:
            keep_room(row.as_upload(), wanted.owner.organisation_id)
        return look(row, wanted.owner.organisation_id)
    lease = _new_row(wanted) if row is None else _abandoned(row, wanted.owner.organisation_id)
    if lease is None:
        return create(wanted)
    _begin(lease, wanted.user)
    return _row(lease.upload.id), StoredParts()


def complete(upload_id: str, organisation_id: str, checksum: Checksum | None) -> UploadRow:
    """The row of the upload, completed.

    Raises UploadNotFound, UploadNotOpen, PartsMissing, ContentDiffers, QuotaFull, BeingTakenOver,
    SourceChanged, StoreBusy, StoreUnavailable, StoreFailed.
    """
    row = settled(upload_id, lambda: any_upload(upload_id))
    if row is None:
        raise UploadNotFound
    if row.state in (RowState.COMPLETED, RowState.ATTACHED):
        return row
    if row.state == RowState.ADOPTING:
        return _taken_over(row)
    if row.state not in (RowState.UPLOADING, RowState.COMPLETING):
        raise UploadNotOpen(state=row.as_upload().state)
    upload = row.as_upload()
    # Covered by a reservation, or the room is taken again: nothing is refused after the parts are put
    # together. As long as somebody has the lease, the whole size counts.
    take_room_again(upload, organisation_id)
    lease = take_lease(
        upload_id, RowState.COMPLETING, before=(RowState.UPLOADING,), abandoned=(RowState.COMPLETING,)
    )
    if lease is None:
        return complete(upload_id, organisation_id, checksum)
    # A store that fails costs nobody their room. Calling in vain, with parts missing, is no progress.
    with (
        given_back_on_error(lease, reserved_until=reservation_end()),
        asking(portal_store(), COMPLETE, user=upload.user),
    ):
        completed = complete_upload(portal_store(), lease.upload, checksum)
    if not lease.record_upload(as_recorded(completed)):
        # The lease was over before the store answered, and somebody else has it.
        raise StoreBusy(operation=f"record {upload_id}", retry_after_s=2)
    return _taken_over(_row(upload_id))


def abort(upload_id: str, *, only_expired: bool = False) -> UploadRow:
    """The row of the upload, given up, with nothing left of it at the store.

    Raises UploadNotFound, UploadNotOpen, AlreadyAttached, StoreBusy, StoreUnavailable, StoreFailed.
    """
    row = settled(upload_id, lambda: any_upload(upload_id))
    if row is None:
        raise UploadNotFound
    if row.state == RowState.ABORTED:
        return row
    if row.state == RowState.ATTACHED:
        raise AlreadyAttached
    if row.state in (RowState.REMOVING, RowState.REMOVED):
        raise UploadNotOpen(state=row.state)
    lease = take_lease(
        upload_id,
        RowState.ABORTING,
        before=(RowState.UPLOADING, RowState.ADOPTING, RowState.COMPLETED, RowState.REFUSED),
        abandoned=(RowState.CREATING, RowState.COMPLETING, RowState.ABORTING),
        only_if=_ROWS.c.expires_at < sa.func.now() if only_expired else None,
    )
    if lease is None:
        if only_expired:
            return _row(upload_id)
        return abort(upload_id)
    is_adopted = adoption_of(upload_id) is not None
    model.Session.commit()
    with given_back_on_error(lease), asking(portal_store()):
        if lease.upload.s3_upload_id or is_adopted:
            aborted = abort_upload(portal_store(), lease.upload)
        else:
            # A process died while it created this one: what the store made of it has no known id.
            abort_unknown(portal_store(), lease.upload.key)
            aborted = lease.upload.become(State.ABORTED)
    lease.record_upload(aborted)
    return _row(upload_id)


def _taken_over(row: UploadRow) -> UploadRow:
    """The row once the portal alone can write its file.

    Raises BeingTakenOver while that is not so, and SourceChanged where somebody wrote over the file before.
    """
    if row.state != RowState.ADOPTING:
        return row
    upload_id, user = row.id, row.user
    model.Session.commit()
    require_taken_over(upload_id, user)
    row = _row(upload_id)
    if row.state == RowState.ABORTED:
        raise SourceChanged
    return row


def look(row: UploadRow, organisation_id: str) -> tuple[UploadRow, StoredParts | None]:
    """The upload, and what the store has of it now; None where that is not asked any more.

    Raises what `complete` raises.
    """
    if row.state not in (RowState.UPLOADING, RowState.COMPLETING):
        return row, None
    upload = row.as_upload()
    model.Session.commit()
    try:
        with asking(portal_store()):
            stored = list_parts(portal_store(), upload)
    except UploadNotFound:
        # A process that died between the store's answer and its own: the object, if there is one, tells.
        return complete(upload.id, organisation_id, None), None
    record_progress(upload, stored)
    return _row(upload.id), stored


def _made_before(wanted: Wanted) -> UploadRow | None:
    if wanted.idempotency_key is None:
        return None

    def find() -> UploadRow | None:
        return (
            model.Session.query(UploadRow)
            .filter_by(user=wanted.user.id, idempotency_key=wanted.idempotency_key)
            .populate_existing()
            .one_or_none()
        )

    row = find()
    row = row and settled(row.id, find)
    if row is None:
        return None
    if (row.owner_id, row.filename, row.size_bytes) != (
        wanted.owner.dataset_id,
        wanted.filename,
        wanted.size_bytes,
    ):
        raise InvalidRequest(field="idempotency_key", problem=Problem.USED_BEFORE)
    return row


def _abandoned(row: UploadRow, organisation_id: str) -> Lease | None:
    """A lease of the row of a process that died while it created the upload; None where another call was
    first. The room that was taken for it may have lapsed."""
    upload = row.as_upload()
    take_room_again(upload, organisation_id)
    return take_lease(upload.id, RowState.CREATING, abandoned=(RowState.CREATING,))


def _new_row(wanted: Wanted) -> Lease | None:
    """A lease of a new row, committed; None where the same call came twice and the other one was first."""
    upload_id = new_upload_id()
    organisation_id, dataset_id = wanted.owner.organisation_id, wanted.owner.dataset_id
    new = NewUpload(
        id=upload_id,
        key=object_key(
            portal_store().settings.s3_prefix, organisation_id, dataset_id, upload_id, wanted.filename
        ),
        owner_type=OWNER_TYPE,
        owner_id=dataset_id,
        user=wanted.user.id,
        filename=wanted.filename,
        size_bytes=wanted.size_bytes,
        content_type=content_type_of(wanted.filename, wanted.content_type),
        fingerprint=wanted.fingerprint,
        round_trip_ms=wanted.round_trip_ms,
    )
    planned = plan_upload(portal_store(), new)
    look_at_lapsed(organisation_id, wanted.size_bytes)
    require_room(organisation_id, wanted.size_bytes)
    lease = new_lease()
    values = {
        **{field.name: getattr(planned, field.name) for field in fields(Upload)},
        **lease,
        "state": RowState.CREATING,
        # A new resource gets its id now: the object says from the beginning what it is the file of.
        "resource_id": wanted.owner.resource_id or str(uuid.uuid4()),
        "idempotency_key": wanted.idempotency_key,
        "reserved_until": reservation_end(),
    }
    try:
        model.Session.execute(_ROWS.insert().values(**values))
        model.Session.commit()
    except IntegrityError:
        model.Session.rollback()
        if wanted.idempotency_key is None:
            raise
        return None
    return Lease(lease["lease_token"], RowState.CREATING, RowState.CREATING, planned)


def _begin(lease: Lease, user: model.User) -> None:
    planned = lease.upload
    metadata = {
        "portal": portal_host(),
        # Every reader of the file sees what an object says of itself. People log in by their names.
        "user": user.id if portal_settings().user_in_metadata else "",
        "dataset": planned.owner_id,
        "resource": _row(planned.id).resource_id,
        "filename": planned.filename,
    }
    model.Session.commit()
    try:
        with asking(portal_store()):
            upload = begin_upload(portal_store(), planned, metadata)
    except BaseException:
        model.Session.rollback()
        # The room is free again. What the store made of it after all is found by its key.
        lease.delete()
        raise
    if not lease.record_upload(upload):
        # The lease was over before the store answered, and somebody else has it.
        with asking(portal_store()):
            abort_upload(portal_store(), upload)
        raise StoreBusy(operation=f"create {upload.id}", retry_after_s=2)


def _row(upload_id: str) -> UploadRow:
    row = any_upload(upload_id)
    if row is None:
        raise UploadNotFound
    return row
