"""Two tables: what session credentials and forms can write, and the files that were found there."""

from datetime import timedelta

import ckan.plugins.toolkit as tk
import sqlalchemy as sa
from ckan import model
from sqlalchemy.orm import validates

from ckanext.s3multipart.uploads.grant_states import TRANSITIONS, GrantState

#: What a grant was given out as: session credentials for a dataset, forms, session credentials for one
#: upload.
CREDENTIALS = "credentials"
FORM = "form"
UPLOAD = "upload"
#: A PUT that began with valid keys may end long after they expire; after this long, nothing more can arrive.
LATE_WRITES = timedelta(days=1)


class SessionGrant(tk.BaseModel):
    """A prefix, or the key of one upload, that someone other than the portal can write for a while.

    The row is there before the first credentials are, and goes when none are valid any longer and what was
    written is either a file of the portal's or removed.
    """

    __tablename__ = "s3multipart_session_grant"
    __table_args__ = (
        # One prefix for each user, dataset and kind, whatever two calls do at once.
        sa.Index(
            "s3multipart_session_grant_live",
            "user",
            "dataset_id",
            "kind",
            unique=True,
            postgresql_where=sa.text(f"state = '{GrantState.LIVE}' AND kind <> '{UPLOAD}'"),
        ),
        sa.Index(
            "s3multipart_session_grant_upload",
            "upload_id",
            unique=True,
            postgresql_where=sa.text(f"kind = '{UPLOAD}'"),
        ),
        sa.Index("s3multipart_session_grant_state", "state", "writable_until"),
    )

    id = sa.Column(sa.UnicodeText, primary_key=True)
    kind = sa.Column(sa.UnicodeText, nullable=False)
    state = sa.Column(sa.UnicodeText, nullable=False)
    user = sa.Column(sa.UnicodeText, nullable=False)
    dataset_id = sa.Column(sa.UnicodeText, nullable=False)
    organisation_id = sa.Column(sa.UnicodeText, nullable=False)
    #: Of the kind ``upload``: whose key this is.
    upload_id = sa.Column(sa.UnicodeText)
    #: What keys begin with, ending in ``/``; of the kind ``upload`` the whole key.
    prefix = sa.Column(sa.UnicodeText, nullable=False)
    size_limit_bytes = sa.Column(sa.BigInteger, nullable=False)
    #: Whether every session was kept to sending parts, by a condition that the store was seen to enforce.
    parts_only = sa.Column(sa.Boolean, nullable=False)
    created_at = sa.Column(sa.DateTime(timezone=True), nullable=False)
    #: Until when credentials and forms are given out.
    issuable_until = sa.Column(sa.DateTime(timezone=True), nullable=False)
    #: When the last of them stops working; null as long as none was given out.
    writable_until = sa.Column(sa.DateTime(timezone=True))
    #: The key after which the next look at what is there begins, "" for the beginning.
    scanned_to = sa.Column(sa.UnicodeText, nullable=False)

    @validates("state")
    def _check_state(self, _column: str, state: str) -> str:
        if self.state not in (None, state):
            TRANSITIONS.step(self.state, GrantState(state))
        return state


class Adoption(tk.BaseModel):
    """Where the file of an upload was written by someone other than the portal."""

    __tablename__ = "s3multipart_adoption"
    __table_args__ = (
        # The same bytes are found once, no matter who looks.
        sa.UniqueConstraint(
            "grant_id", "source_key", "source_etag", "source_modified_at", name="s3multipart_adoption_source"
        ),
    )

    upload_id = sa.Column(sa.UnicodeText, primary_key=True)
    grant_id = sa.Column(sa.UnicodeText, nullable=False)
    source_key = sa.Column(sa.UnicodeText, nullable=False)
    source_etag = sa.Column(sa.UnicodeText, nullable=False)
    source_version_id = sa.Column(sa.UnicodeText)
    source_modified_at = sa.Column(sa.DateTime(timezone=True), nullable=False)
    #: Until when a process says that it is copying.
    lease_until = sa.Column(sa.DateTime(timezone=True))
    #: When a background job was last asked for.
    queued_at = sa.Column(sa.DateTime(timezone=True))
    #: Why the file is not accepted, as JSON: the error's code and facts.
    refusal = sa.Column(sa.UnicodeText)


def grant_of_upload(upload_id: str) -> SessionGrant | None:
    """What credentials of this very upload can write, None where none were given out."""
    return model.Session.query(SessionGrant).filter_by(kind=UPLOAD, upload_id=upload_id).one_or_none()


def adoption_of(upload_id: str) -> Adoption | None:
    """Where the upload's file was found, None where the portal's own upload made it."""
    return model.Session.get(Adoption, upload_id, populate_existing=True)
