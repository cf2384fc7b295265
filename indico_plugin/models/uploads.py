"""The table of direct uploads: one row from the moment a file is chosen until long after it is a material."""

from collections.abc import Mapping
from typing import Any

from indico.core.db import db
from indico.core.db.sqlalchemy import UTCDateTime
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.orm import validates

from indico_plugin.direct_upload.states import TRANSITIONS, UploadState
from s3portal.portal.protocol import shown_state
from s3portal.transfer import Upload

_TRANSFER_FIELDS = (
    "state", "filename", "size_bytes", "content_type", "part_size_bytes", "part_count", "key", "s3_upload_id",
    "fingerprint", "checksum_algorithm", "checksum_value", "etag", "version_id", "created_at", "updated_at",
    "expires_at",
)  # fmt: skip

#: In the place of S3's upload id once the store has nothing more of an upload that was given up.
NOTHING_LEFT = ""


class DirectUpload(db.Model):
    """One upload. ``owner_type`` and ``owner_id`` say whose material it becomes: ``event``, ``session``,
    ``contribution``, ``subcontribution`` or ``category``.

    The ids of users, materials and files are plain numbers. Foreign keys would be looked after by SQLAlchemy
    whenever Indico deletes one of those, also on sites that never made this table.
    """

    __tablename__ = "uploads"
    __table_args__ = (
        db.UniqueConstraint("user_id", "idempotency_key"),
        db.Index(None, "owner_type", "owner_id"),
        {"schema": "plugin_storage_s3"},
    )

    id = db.Column(UUID(as_uuid=False), primary_key=True)
    idempotency_key = db.Column(db.String, nullable=True)
    user_id = db.Column(db.Integer, nullable=False)
    owner_type = db.Column(db.String, nullable=False)
    owner_id = db.Column(db.Integer, nullable=False)
    #: The ids that the material and its file will have; the key has them in it.
    attachment_id = db.Column(db.Integer, nullable=False)
    file_id = db.Column(db.Integer, nullable=False)
    #: The entry of STORAGE_BACKENDS and the bucket, as they were when the upload began.
    backend = db.Column(db.String, nullable=False)
    bucket = db.Column(db.String, nullable=False)
    state = db.Column(db.String, nullable=False, index=True)
    filename = db.Column(db.String, nullable=False)
    size_bytes = db.Column(db.BigInteger, nullable=False)
    content_type = db.Column(db.String, nullable=False)
    part_size_bytes = db.Column(db.BigInteger, nullable=False)
    part_count = db.Column(db.Integer, nullable=False)
    key = db.Column(db.String, nullable=False)
    s3_upload_id = db.Column(db.String, nullable=False)
    fingerprint = db.Column(db.String, nullable=False, default="")
    checksum_algorithm = db.Column(db.String, nullable=True)
    checksum_value = db.Column(db.String, nullable=True)
    etag = db.Column(db.String, nullable=True)
    version_id = db.Column(db.String, nullable=True)
    created_at = db.Column(UTCDateTime, nullable=False)
    updated_at = db.Column(UTCDateTime, nullable=False)
    expires_at = db.Column(UTCDateTime, nullable=False, index=True)
    #: Who asks the store about this upload just now, and until when they must be through with it.
    lease_token = db.Column(db.String, nullable=True)
    lease_until = db.Column(db.DateTime(timezone=True), nullable=True)

    @validates("state")
    def _check_state(self, _column, state):
        if self.state not in (None, state):
            TRANSITIONS.step(self.state, UploadState(state))
        return state

    def as_upload(self) -> Upload:
        """The upload that the row holds, with the state that others see."""
        return upload_of({column.name: getattr(self, column.name) for column in self.__table__.c})

    def record(self, upload: Upload) -> None:
        """Writes what happened to the upload into its row."""
        for name in _TRANSFER_FIELDS:
            setattr(self, name, getattr(upload, name))

    def __repr__(self):
        return f"<DirectUpload({self.id}, {self.owner_type} {self.owner_id}, {self.state}, {self.filename})>"


def upload_of(columns: Mapping[str, Any]) -> Upload:
    """The upload of a row's columns, with the state that others see."""
    fields = {name: columns[name] for name in _TRANSFER_FIELDS if name != "state"}
    return Upload(
        id=columns["id"],
        state=shown_state(UploadState(columns["state"])),
        owner_type=columns["owner_type"],
        owner_id=str(columns["owner_id"]),
        user=str(columns["user_id"]),
        **fields,
    )


def columns_of(upload: Upload) -> dict[str, Any]:
    """The columns that hold the upload."""
    columns = {
        **{name: getattr(upload, name) for name in _TRANSFER_FIELDS},
        "id": upload.id,
        "owner_type": upload.owner_type,
        "owner_id": int(upload.owner_id),
        "user_id": int(upload.user),
    }
    if upload.state == UploadState.ABORTED:
        columns["s3_upload_id"] = NOTHING_LEFT
    return columns
