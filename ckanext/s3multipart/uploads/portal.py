"""CKAN as a portal of the upload protocol: its table, its keys, and its quota.

What there is to know of the protocol is in s3portal/portal/protocol; who may call is in caller.py.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from ckan import model

from ckanext.s3multipart.counting import UPLOADED_BYTES, UPLOADS, count
from ckanext.s3multipart.extending.described_files import wanted_upload
from ckanext.s3multipart.extending.plugin_calls import before_create
from ckanext.s3multipart.model import UploadRow, upload_of
from ckanext.s3multipart.permission import Owner, organisation_of
from ckanext.s3multipart.scanning.inspecting import require_inspected
from ckanext.s3multipart.scanning.quarantine import arrived
from ckanext.s3multipart.scanning.scan_rules import require_scannable
from ckanext.s3multipart.settings import portal_host, portal_settings, portal_store, transfer_settings
from ckanext.s3multipart.upload_states import TRANSITIONS, RowState
from ckanext.s3multipart.uploads.adoption import as_recorded, require_taken_over
from ckanext.s3multipart.uploads.keys import key_of
from ckanext.s3multipart.uploads.quota import (
    keep_room,
    look_at_lapsed,
    record_progress,
    require_room,
    reservation_end,
    take_room_again,
)
from ckanext.s3multipart.uploads.rules import check_size, check_type, content_type_of
from ckanext.s3multipart.uploads.session_model import adoption_of
from s3portal.portal.protocol import Lease, Portal, Row, Wanted
from s3portal.portal.protocol.sql_rows import SqlRows
from s3portal.transfer import (
    NewUpload,
    SourceChanged,
    State,
    Store,
    StoredParts,
    Upload,
    UploadNotFound,
    UploadNotOpen,
    begin_upload,
    new_upload_id,
    plan_upload,
)

_ROWS = UploadRow.__table__


@dataclass(frozen=True, kw_only=True)
class CkanRow(Row):
    """``resource_id`` is that of the resource whose file it is or will be; ``refusal`` says why a file that
    was found is not accepted, where a list asked for it."""

    resource_id: str
    refusal: Mapping[str, object] | None = None


class CountedRows(SqlRows[CkanRow, Owner]):
    """The rows of uploads; what becomes of them is counted when it is committed."""

    def insert(self, row: CkanRow, wanted: Wanted[Owner]) -> Lease[CkanRow] | None:
        lease = super().insert(row, wanted)
        if lease is not None:
            count(UPLOADS, "started")
        return lease

    def record(self, lease: Lease[CkanRow], upload: Upload) -> bool:
        recorded = super().record(lease, upload)
        if recorded and lease.state == RowState.COMPLETING:
            count(UPLOADS, "completed")
            count(UPLOADED_BYTES, number=upload.size_bytes)
        elif recorded and lease.state == RowState.ABORTING:
            count(UPLOADS, "aborted")
        return recorded

    def give_back(self, lease: Lease[CkanRow], *, store_failed: bool = False) -> bool:
        if lease.state == RowState.COMPLETING:
            count(UPLOADS, "failed")
        return super().give_back(lease, store_failed=store_failed)

    def delete(self, lease: Lease[CkanRow]) -> None:
        count(UPLOADS, "failed")
        super().delete(lease)


class CkanPortal(Portal[CkanRow, Owner]):
    """The portal, no matter who calls it."""

    def __init__(self) -> None:
        self.rows: SqlRows[CkanRow, Owner] = CountedRows(
            table=_ROWS,
            session=lambda: model.Session,
            user_column=_ROWS.c.user,
            is_expired=_ROWS.c.expires_at < sa.func.now(),
            row_of=_row_of,
            columns_of=_columns_of,
            new_columns=_new_columns,
            left_by_the_dead=_left_by_the_dead,
            states=RowState,
            transitions=TRANSITIONS,
            take_room=lambda wanted: require_room(wanted.owner.organisation_id, wanted.size_bytes),
            after_failure=lambda: {"reserved_until": reservation_end()},
        )

    def store(self, row: CkanRow) -> Store:
        return portal_store()

    def check(self, wanted: Wanted[Owner]) -> None:
        check_size(transfer_settings(), wanted.size_bytes)
        check_type(portal_settings(), wanted.filename, wanted.content_type)
        require_scannable(wanted.size_bytes)
        before_create(wanted_upload(wanted))

    def plan(self, wanted: Wanted[Owner]) -> CkanRow:
        owner, store, upload_id = wanted.owner, portal_store(), new_upload_id()
        prefix = store.settings.s3_prefix
        new = NewUpload(
            id=upload_id,
            key=key_of(prefix, wanted_upload(wanted), upload_id),
            owner_type=owner.owner_type,
            owner_id=owner.owner_id,
            user=wanted.user,
            filename=wanted.filename,
            size_bytes=wanted.size_bytes,
            content_type=content_type_of(wanted.filename, wanted.content_type),
            fingerprint=wanted.fingerprint,
            round_trip_ms=wanted.round_trip_ms,
        )
        # A new resource gets its id now: the object says from the beginning what it is the file of.
        return CkanRow(
            upload=plan_upload(store, new),
            state=RowState.CREATING,
            resource_id=owner.resource_id or str(uuid.uuid4()),
        )

    def begin(self, row: CkanRow) -> Upload:
        planned = row.upload
        metadata = {
            "portal": portal_host(),
            # Every reader of the file sees what an object says of itself. People log in by their names.
            "user": planned.user if portal_settings().user_in_metadata else "",
            "dataset": planned.owner_id,
            "resource": row.resource_id,
            "filename": planned.filename,
        }
        return begin_upload(portal_store(), planned, metadata)

    def describe(self, row: CkanRow) -> Mapping[str, object]:
        refusal = {} if row.refusal is None else {"refusal": row.refusal}
        return {"resource": row.resource_id, **refusal}

    def look_for_room(self, wanted: Wanted[Owner]) -> None:
        look_at_lapsed(wanted.owner.organisation_id, wanted.size_bytes)

    def keep_room(self, row: CkanRow) -> None:
        keep_room(row.upload, organisation_of(row.upload.owner_id))

    def take_room_again(self, row: CkanRow) -> None:
        take_room_again(row.upload, organisation_of(row.upload.owner_id))

    def record_progress(self, row: CkanRow, stored: StoredParts) -> None:
        record_progress(row.upload, stored)

    def as_recorded(self, row: CkanRow, completed: Upload) -> Upload:
        recorded = as_recorded(completed)
        return arrived(recorded, row.resource_id) if recorded.state == State.COMPLETED else recorded

    def taken_over(self, row: CkanRow) -> CkanRow:
        self.rows.let_go()
        if row.state == RowState.ADOPTING:
            require_taken_over(row.upload.id, row.upload.user)
        require_inspected(row.upload.id)
        now = self.rows.find(row.upload.id)
        if now is None:
            raise UploadNotFound
        if now.state == RowState.ABORTED and row.state == RowState.ADOPTING:
            raise SourceChanged
        if now.state not in (RowState.COMPLETED, RowState.ATTACHED):
            raise UploadNotOpen(state=now.upload.state)
        return now

    def was_found(self, row: CkanRow) -> bool:
        return adoption_of(row.upload.id) is not None


def _row_of(values: dict[str, Any]) -> CkanRow:
    upload = upload_of(SimpleNamespace(**values))
    return CkanRow(upload=upload, state=RowState(values["state"]), resource_id=values["resource_id"])


def _columns_of(upload: Upload) -> dict[str, Any]:
    return {field.name: getattr(upload, field.name) for field in fields(Upload)}


def _new_columns(row: CkanRow) -> dict[str, Any]:
    return {"resource_id": row.resource_id, "reserved_until": reservation_end()}


def _left_by_the_dead(values: dict[str, Any]) -> RowState:
    """The state before that of a lease whose process died."""
    if not values["s3_upload_id"] and values["reserved_until"] is not None:
        return RowState.CREATING
    if not values["s3_upload_id"] and not values["etag"]:
        # It was found at the store (discovery.py), not created by a call.
        return RowState.ADOPTING
    return RowState.COMPLETED if values["etag"] else RowState.UPLOADING


PORTAL = CkanPortal()
