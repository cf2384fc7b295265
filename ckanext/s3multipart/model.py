"""The two tables of the extension: uploads, and downloads by day. The migrations make them."""

from dataclasses import fields
from datetime import date, datetime, timezone
from typing import Any

import ckan.plugins.toolkit as tk
import sqlalchemy as sa
from ckan import model
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import validates

from ckanext.s3multipart.upload_states import TRANSITIONS, RowState, shown_state
from s3portal.transfer import Upload

OWNER_TYPE = "dataset"


class UploadRow(tk.BaseModel):
    """An upload as `Upload` describes it, and what CKAN knows of it besides."""

    __tablename__ = "s3multipart_upload"
    __table_args__ = (
        sa.UniqueConstraint("user", "idempotency_key", name="s3multipart_upload_idempotency"),
        sa.Index("s3multipart_upload_resource", "resource_id"),
        sa.Index("s3multipart_upload_owner", "owner_id"),
        sa.Index("s3multipart_upload_state", "state", "expires_at"),
        # A resource has one file: the database itself holds that, whatever two saves do at once.
        sa.Index(
            "s3multipart_upload_attached",
            "resource_id",
            unique=True,
            postgresql_where=sa.text(f"state = '{RowState.ATTACHED}'"),
        ),
    )

    id = sa.Column(sa.UnicodeText, primary_key=True)
    state = sa.Column(sa.UnicodeText, nullable=False)
    owner_type = sa.Column(sa.UnicodeText, nullable=False)
    owner_id = sa.Column(sa.UnicodeText, nullable=False)
    #: The publisher's id: names of users can change.
    user = sa.Column(sa.UnicodeText, nullable=False)
    filename = sa.Column(sa.UnicodeText, nullable=False)
    size_bytes = sa.Column(sa.BigInteger, nullable=False)
    content_type = sa.Column(sa.UnicodeText, nullable=False)
    part_size_bytes = sa.Column(sa.BigInteger, nullable=False)
    part_count = sa.Column(sa.Integer, nullable=False)
    key = sa.Column(sa.UnicodeText, nullable=False)
    s3_upload_id = sa.Column(sa.UnicodeText, nullable=False)
    created_at = sa.Column(sa.DateTime(timezone=True), nullable=False)
    updated_at = sa.Column(sa.DateTime(timezone=True), nullable=False)
    expires_at = sa.Column(sa.DateTime(timezone=True), nullable=False)
    fingerprint = sa.Column(sa.UnicodeText, nullable=False)
    checksum_algorithm = sa.Column(sa.UnicodeText)
    checksum_value = sa.Column(sa.UnicodeText)
    etag = sa.Column(sa.UnicodeText)
    version_id = sa.Column(sa.UnicodeText)

    #: Of the whole file, 64 hexadecimal digits: as the publisher's program said, or as it was streamed.
    sha256 = sa.Column(sa.UnicodeText)

    #: The resource that is replaced, or the id reserved for a new one; once attached, the resource.
    resource_id = sa.Column(sa.UnicodeText, nullable=False)
    #: When it became the file of its resource.
    attached_at = sa.Column(sa.DateTime(timezone=True))
    #: When another file took its place; null unless it is an earlier version.
    replaced_at = sa.Column(sa.DateTime(timezone=True))
    #: What the client calls this creation, so that a repeated one answers the same upload.
    idempotency_key = sa.Column(sa.UnicodeText)

    #: Who asks the store about this upload just now, and until when they must be through with it.
    lease_token = sa.Column(sa.UnicodeText)
    lease_until = sa.Column(sa.DateTime(timezone=True))
    #: What the store had of an unfinished upload when it was last asked.
    stored_bytes = sa.Column(sa.BigInteger, nullable=False, server_default="0")
    #: Until then the whole size counts for the quota, and afterwards only ``stored_bytes`` (quota.py).
    reserved_until = sa.Column(sa.DateTime(timezone=True))
    #: When the resource or the dataset was deleted whose file this is (removal.py).
    unused_since = sa.Column(sa.DateTime(timezone=True))
    #: The object was there before the portal and outlives its resource (moving/adopting.py).
    keep_object = sa.Column(sa.Boolean, nullable=False, server_default=sa.false())

    @validates("state")
    def _check_state(self, _column: str, state: str) -> str:
        if self.state not in (None, state):
            TRANSITIONS.step(self.state, RowState(state))
        return state

    @classmethod
    def from_upload(cls, upload: Upload, *, resource_id: str, idempotency_key: str | None) -> "UploadRow":
        """A new row, not in a session yet."""
        row = cls(resource_id=resource_id, idempotency_key=idempotency_key)
        row.record(upload)
        return row

    def record(self, upload: Upload) -> None:
        """Writes what happened to the upload into its row."""
        for field in fields(Upload):
            setattr(self, field.name, getattr(upload, field.name))

    def as_upload(self) -> Upload:
        """The upload that the row holds, with the state that others see."""
        return upload_of(self)


def upload_of(row: Any) -> Upload:
    """The upload of a row of the table, however it was read."""
    values = {field.name: getattr(row, field.name) for field in fields(Upload)}
    return Upload(**{**values, "state": shown_state(row.state)})


class DownloadCount(tk.BaseModel):
    """How often a resource was downloaded on a day (UTC)."""

    __tablename__ = "s3multipart_download"
    __table_args__ = (sa.Index("s3multipart_download_day", "day"),)

    resource_id = sa.Column(sa.UnicodeText, primary_key=True)
    day = sa.Column(sa.Date, primary_key=True)
    count = sa.Column(sa.BigInteger, nullable=False)
    #: The sizes of the files that were asked for; what versions before counted is not in it.
    bytes_sent = sa.Column(sa.BigInteger, nullable=False, server_default="0")


def now() -> datetime:
    """The time as rows have it."""
    return datetime.now(timezone.utc)


def earlier_now() -> Any:
    """The time by this machine's clock or by the database's, whichever is earlier: of two clocks one may be
    ahead, and nothing is removed permanently before both say so."""
    moment = sa.DateTime(timezone=True)
    return sa.func.least(sa.literal(now(), moment), sa.func.now(), type_=moment)


def find_upload(upload_id: str, user_id: str, *, lock: bool = False) -> UploadRow | None:
    """This user's upload. With ``lock`` it stays as it is for others until the transaction ends."""
    query = model.Session.query(UploadRow).filter_by(id=upload_id, user=user_id).populate_existing()
    return (query.with_for_update() if lock else query).one_or_none()


def any_upload(upload_id: str, *, lock: bool = False) -> UploadRow | None:
    """The upload, no matter who made it. With ``lock`` it stays as it is for others until the transaction
    ends."""
    query = model.Session.query(UploadRow).filter_by(id=upload_id).populate_existing()
    return (query.with_for_update() if lock else query).one_or_none()


def attached_upload(resource_id: str) -> UploadRow | None:
    """The upload that is the file of this resource."""
    return (
        model.Session.query(UploadRow)
        .filter_by(resource_id=resource_id, state=RowState.ATTACHED)
        .one_or_none()
    )


def earlier_uploads(resource_id: str) -> list[UploadRow]:
    """The uploads that were files of this resource, and are kept as versions or gone."""
    earlier = UploadRow.state.in_((RowState.VERSION, RowState.REMOVED))
    return model.Session.query(UploadRow).filter(UploadRow.resource_id == resource_id, earlier).all()


def had_upload(resource_id: str) -> bool:
    """Whether a file of this resource was removed."""
    removed = model.Session.query(UploadRow.id).filter(
        UploadRow.resource_id == resource_id, UploadRow.state.in_((RowState.REMOVING, RowState.REMOVED))
    )
    return removed.first() is not None


def count_download(resource_id: str, day: date, size_bytes: int = 0) -> None:
    """Adds one to the day's count; the caller commits."""
    counted = insert(DownloadCount).values(resource_id=resource_id, day=day, count=1, bytes_sent=size_bytes)
    more = {"count": DownloadCount.count + 1, "bytes_sent": DownloadCount.bytes_sent + size_bytes}
    model.Session.execute(counted.on_conflict_do_update(index_elements=["resource_id", "day"], set_=more))


def downloads(resource_id: str) -> int:
    """How often the resource was downloaded so far."""
    total = model.Session.query(sa.func.coalesce(sa.func.sum(DownloadCount.count), 0))
    return int(total.filter(DownloadCount.resource_id == resource_id).scalar())
