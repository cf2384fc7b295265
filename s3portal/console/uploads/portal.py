"""Where the console's uploads go, and who calls: everything is asked of the store as the visitor."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from s3portal.console.texts import gettext as _
from s3portal.console.uploads.rows import ConsoleRows, Folder
from s3portal.portal.protocol import Caller, CannotTakeOver, NotAnAdministrator, Portal, Row, RowState, Wanted
from s3portal.transfer import (
    InvalidRequest,
    NewUpload,
    NotAllowed,
    Problem,
    Store,
    StoreFailed,
    Upload,
    UploadNotFound,
    begin_upload,
    plan_upload,
)

_KEY_LIMIT_BYTES = 1024


@dataclass(frozen=True)
class ConsolePortal(Portal[Row, Folder]):
    """``open_bucket`` returns the store of a bucket as the visitor reaches it."""

    rows: ConsoleRows
    open_bucket: Callable[[str], Store]

    def store(self, row: Row) -> Store:
        return self.open_bucket(Folder.of(row.upload.owner_id).bucket)

    def plan(self, wanted: Wanted[Folder]) -> Row:
        folder = wanted.owner
        key = folder.prefix + wanted.filename
        if "/" in wanted.filename or len(key.encode()) > _KEY_LIMIT_BYTES:
            raise InvalidRequest(field="filename", problem=Problem.LENGTH, limit=_KEY_LIMIT_BYTES)
        guessed = mimetypes.guess_type(wanted.filename)[0]
        new = NewUpload(
            key=key,
            owner_type=folder.owner_type,
            owner_id=folder.owner_id,
            user=wanted.user,
            filename=wanted.filename,
            size_bytes=wanted.size_bytes,
            content_type=wanted.content_type or guessed or "application/octet-stream",
            fingerprint=wanted.fingerprint,
            round_trip_ms=wanted.round_trip_ms,
        )
        return Row(upload=plan_upload(self.open_bucket(folder.bucket), new), state=RowState.CREATING)

    def begin(self, row: Row) -> Upload:
        try:
            return begin_upload(self.store(row), row.upload)
        except StoreFailed as refused:
            if refused.store_code == "AccessDenied":
                raise NotAllowed(reason=_("You may not upload into this bucket.")) from refused
            raise


@dataclass(frozen=True)
class ConsoleCaller(Caller[Row, Folder]):
    """Somebody who is signed in, at the page of one folder."""

    portal: ConsolePortal
    arn: str
    folder: Folder

    @property
    def user(self) -> str:
        return self.arn

    def fields_of(self, call: str, fields: tuple[str, ...]) -> tuple[str, ...]:
        # The address names the owner, and one in the body would be another.
        return tuple(name for name in fields if name != "owner")

    def owner(self, asked: Mapping[str, Any]) -> Folder:
        return self.folder

    def own(self, upload_id: str) -> Row:
        row = self.portal.rows.find(upload_id)
        if row is None or (row.upload.user, row.upload.owner_id) != (self.user, self.folder.owner_id):
            raise UploadNotFound
        return row

    def open_to_send(self, upload_id: str) -> Row:
        return self.own(upload_id)

    def unfinished(self, asked: Mapping[str, Any]) -> list[Row]:
        return self.portal.rows.unfinished(self.user, self.folder.owner_id)

    def everybodys(self, asked: Mapping[str, Any]) -> list[Row]:
        raise NotAnAdministrator

    def recipient(self, row: Row, reference: str) -> str:
        raise CannotTakeOver(user=reference)

    def administered(self, upload_id: str) -> Row:
        raise UploadNotFound
