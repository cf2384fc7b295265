"""Whether a file is still at the store: asked when its link is followed, and kept in the database.

A link never depends on the answer: it is asked for once a minute and file at most, for a second at most, and
not while the store is known to be away. Where there is none, what was known last stays.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

import ckan.plugins.toolkit as tk
import sqlalchemy as sa
from ckan import model
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from ckanext.s3multipart.model import UploadRow, now
from ckanext.s3multipart.settings import portal_store
from ckanext.s3multipart.upload_states import PUBLISHED
from s3portal.transfer import LOOK, ObjectGone, StoredObject, TransferError, Upload, asking, is_away, look_at

log = logging.getLogger(__name__)

ASKED_EVERY = timedelta(minutes=1)
# A doctor asks again for so many, the latest losses first: what was brought back is no longer reported.
_ASKED_AGAIN = 25


class FileCheck(tk.BaseModel):
    """What the store last said of an upload's file."""

    __tablename__ = "s3multipart_file_check"

    upload_id = sa.Column(
        sa.UnicodeText,
        sa.ForeignKey("s3multipart_upload.id", name="s3multipart_file_check_upload", ondelete="CASCADE"),
        primary_key=True,
    )
    asked_at = sa.Column(sa.DateTime(timezone=True), nullable=False)
    #: When the store last answered; the columns below are what it said then.
    answered_at = sa.Column(sa.DateTime(timezone=True))
    last_modified = sa.Column(sa.DateTime(timezone=True))
    missing_since = sa.Column(sa.DateTime(timezone=True))
    #: Since when something else is there than what was published.
    changed_since = sa.Column(sa.DateTime(timezone=True))


@dataclass(frozen=True)
class FileState:
    """What is known of a file at the store; None is unknown, or not so."""

    last_modified: datetime | None = None
    missing_since: datetime | None = None
    changed_since: datetime | None = None


@dataclass(frozen=True)
class TroubledFile:
    """A published file that is not, or not as it was published, at the store. ``dataset`` is a name."""

    dataset: str
    resource_id: str
    filename: str
    key: str
    since: datetime


def check_file(row: UploadRow) -> FileState:
    """What is known of the file, after asking the store where it is time to. Ends the transaction."""
    try:
        return _checked(row.as_upload(), ASKED_EVERY)
    except SQLAlchemyError as error:
        model.Session.rollback()
        log.warning("Whether the file of resource %s is there is unknown: %s", row.resource_id, error)
        return FileState()


def vanished_files() -> list[TroubledFile]:
    """The files of resources that links did not find at the store, the oldest loss first."""
    _ask_again(FileCheck.missing_since)
    return _troubled(FileCheck.missing_since)


def changed_files() -> list[TroubledFile]:
    """The files of resources under whose keys links found something else than what was published."""
    _ask_again(FileCheck.changed_since)
    return _troubled(FileCheck.changed_since)


def _checked(upload: Upload, every: timedelta) -> FileState:
    state, asked_at = _known(upload.id)
    if asked_at is not None and now() - every < asked_at <= now():
        return state
    try:
        if is_away(portal_store()) or not _claim(upload.id, every):
            return state
        # Nothing of the database is held while the store is asked.
        with asking(portal_store(), LOOK):
            found = look_at(portal_store(), upload.key, upload.version_id)
    except ObjectGone:
        found = None
    except TransferError as error:
        log.info("The store did not say whether it has %s: %s", upload.key, error)
        return state
    _record(upload, found)
    return _known(upload.id)[0]


def _known(upload_id: str) -> tuple[FileState, datetime | None]:
    """What the store said last, and when it was asked last."""
    check = model.Session.get(FileCheck, upload_id, populate_existing=True)
    if check is None:
        return FileState(), None
    return FileState(check.last_modified, check.missing_since, check.changed_since), check.asked_at


def _claim(upload_id: str, every: timedelta) -> bool:
    """Whether this process is the one that asks now."""
    moment = now()
    # A clock that was ahead does not keep the store from being asked until then.
    due = (FileCheck.asked_at <= moment - every) | (FileCheck.asked_at > moment)
    claimed = model.Session.execute(
        insert(FileCheck)
        .values(upload_id=upload_id, asked_at=moment)
        .on_conflict_do_update(index_elements=["upload_id"], set_={"asked_at": moment}, where=due)
        .returning(FileCheck.upload_id)
    ).first()
    model.Session.commit()
    return claimed is not None


def _record(upload: Upload, found: StoredObject | None) -> None:
    check = model.Session.get(FileCheck, upload.id, populate_existing=True)
    if check is None:
        return
    check.answered_at = now()
    changed = found is not None and _is_another(found, upload)
    if found is None and check.missing_since is None:
        log.error(
            "The file of upload %s, of a resource, is not at the store any more: %s", upload.id, upload.key
        )
    if changed and check.changed_since is None:
        log.error("The store has another file than the one that was published: %s", upload.key)
    check.missing_since = None if found else check.missing_since or check.answered_at
    check.changed_since = (check.changed_since or check.answered_at) if changed else None
    check.last_modified = found.last_modified if found else None
    model.Session.commit()


def _is_another(found: StoredObject, upload: Upload) -> bool:
    """Whether this is not what was published. A file that was restored in parts of other sizes has another
    ETag, and the same checksum."""
    if found.size_bytes != upload.size_bytes:
        return True
    if not upload.etag or found.etag == upload.etag:
        return False
    recorded = (upload.checksum_algorithm, upload.checksum_value)
    return found.checksum is None or recorded != (found.checksum.algorithm, found.checksum.value)


def _ask_again(since: sa.Column) -> None:
    rows = (
        model.Session.query(UploadRow)
        .join(FileCheck, FileCheck.upload_id == UploadRow.id)
        .filter(UploadRow.state.in_(PUBLISHED), since.isnot(None))
        .order_by(since.desc())
        .limit(_ASKED_AGAIN)
    )
    for upload in [row.as_upload() for row in rows]:
        _checked(upload, timedelta())


def _troubled(since: sa.Column) -> list[TroubledFile]:
    rows = (
        model.Session.query(UploadRow, model.Package.name, since)
        .join(FileCheck, FileCheck.upload_id == UploadRow.id)
        .join(model.Resource, model.Resource.id == UploadRow.resource_id)
        .join(model.Package, model.Package.id == model.Resource.package_id)
        .filter(UploadRow.state.in_(PUBLISHED), since.isnot(None))
        .filter(model.Resource.state == model.State.ACTIVE, model.Package.state != model.State.DELETED)
        .order_by(since)
    )
    return [TroubledFile(name, row.resource_id, row.filename, row.key, moment) for row, name, moment in rows]
