"""Indico as a portal of the upload protocol: its table, its keys, and where uploads go.

What there is to know of the protocol is in s3portal/portal/protocol; who may call is in caller.py.
"""

import mimetypes
from dataclasses import dataclass

from indico.core.config import config
from indico.core.db import db
from indico.core.storage import StorageError
from indico.core.storage.backend import get_storage
from indico.modules.users import User
from indico.util.fs import secure_client_filename

from indico_plugin.backends import open_backend
from indico_plugin.direct_upload.permission import require_size
from indico_plugin.direct_upload.reservation import Reservation, reserve_place
from indico_plugin.direct_upload.states import UploadState
from indico_plugin.models.uploads import DirectUpload, columns_of, upload_of
from indico_plugin.plugin_settings import logger
from s3portal.portal.protocol import Portal, Row, Wanted
from s3portal.portal.protocol.sql_rows import SqlRows
from s3portal.transfer import (
    NewUpload,
    Store,
    StoreFailed,
    Upload,
    begin_upload,
    plan_upload,
    store_errors,
)

_TABLE = DirectUpload.__table__


@dataclass(frozen=True)
class UploadOwner:
    """What an upload belongs to: the object whose material it becomes, or the material whose file it
    replaces.
    """

    owner_type: str
    owner_id: str
    #: The object itself.
    linked: db.Model

    @classmethod
    def of(cls, linked: db.Model) -> "UploadOwner":
        """As uploads have it."""
        return cls(type(linked).__name__.lower(), str(linked.id), linked)


@dataclass(frozen=True, kw_only=True)
class IndicoRow(Row):
    """``backend`` and ``bucket`` are where the upload began; the ids are those that the material and its file
    will have."""

    backend: str
    bucket: str
    attachment_id: int
    file_id: int


class IndicoPortal(Portal[IndicoRow, UploadOwner]):
    """The portal, no matter who calls it."""

    def __init__(self):
        self.rows = SqlRows(
            table=_TABLE,
            session=lambda: db.session,
            user_column=_TABLE.c.user_id,
            user_value=int,
            # The column holds UTC, and no time zone.
            is_expired=_TABLE.c.expires_at < db.func.timezone("UTC", db.func.now()),
            row_of=_row_of,
            columns_of=columns_of,
            new_columns=_place_of,
            left_by_the_dead=_left_by_the_dead,
        )

    def store(self, row: IndicoRow) -> Store:
        """The bucket that it began in, whatever the date is by now. Raises StoreFailed where indico.conf has
        lost the backend since.
        """
        return open_store(row.backend, row.bucket)

    def check(self, wanted: Wanted[UploadOwner]) -> None:
        require_size(wanted.size_bytes)

    def plan(self, wanted: Wanted[UploadOwner]) -> IndicoRow:
        # As of a normal upload: what the file's name says counts more than what the browser thinks.
        content_type = (
            mimetypes.guess_type(wanted.filename)[0] or wanted.content_type or "application/octet-stream"
        )
        filename = secure_client_filename(wanted.filename)
        place = reserve_place(wanted.owner.linked, User.get(int(wanted.user)), filename, content_type)
        storage = get_storage(place.backend)
        bucket = storage.current_bucket()
        new = NewUpload(
            key=place.key,
            owner_type=wanted.owner.owner_type,
            owner_id=wanted.owner.owner_id,
            user=wanted.user,
            filename=wanted.filename,
            size_bytes=wanted.size_bytes,
            content_type=content_type,
            fingerprint=wanted.fingerprint,
            round_trip_ms=wanted.round_trip_ms,
        )
        return _row(UploadState.CREATING, plan_upload(storage.store(bucket), new), place, bucket)

    def begin(self, row: IndicoRow) -> Upload:
        """The upload, in a dynamic bucket also where it is the first file of its month.

        Raises StoreFailed where that bucket cannot be made.
        """
        storage, planned = get_storage(row.backend), row.upload
        metadata = {"portal": config.BASE_URL, "user": planned.user, "filename": planned.filename}
        try:
            return begin_upload(storage.store(row.bucket), planned, metadata)
        except StoreFailed as error:
            make_bucket = storage.bucket_maker(row.bucket)
            if make_bucket is None or error.store_code != "NoSuchBucket":
                raise
        with store_errors("CreateBucket"):
            make_bucket()
        return begin_upload(storage.store(row.bucket), planned, metadata)


def open_store(backend: str, bucket: str) -> Store:
    """A bucket of a backend. Raises StoreFailed where indico.conf has no such backend, or no longer does."""
    try:
        return open_backend(backend).store(bucket)
    except StorageError as error:
        logger.error("Bucket %s: %s", bucket, error)
        raise StoreFailed(operation="OpenStore", store_code="StorageError") from error


def _row(state: UploadState, upload: Upload, place: Reservation, bucket: str) -> IndicoRow:
    return IndicoRow(
        upload=upload,
        state=state,
        backend=place.backend,
        bucket=bucket,
        attachment_id=place.attachment_id,
        file_id=place.file_id,
    )


def _row_of(values: dict) -> IndicoRow:
    place = Reservation(values["attachment_id"], values["file_id"], values["backend"], values["key"])
    return _row(UploadState(values["state"]), upload_of(values), place, values["bucket"])


def _place_of(row: IndicoRow) -> dict:
    return {
        "backend": row.backend,
        "bucket": row.bucket,
        "attachment_id": row.attachment_id,
        "file_id": row.file_id,
    }


def _left_by_the_dead(values: dict) -> UploadState:
    """The state before that of a lease whose process died."""
    if not values["s3_upload_id"]:
        return UploadState.CREATING
    return UploadState.COMPLETED if values["etag"] else UploadState.UPLOADING


PORTAL = IndicoPortal()
