"""Two tables: what verifying a file found, and the rounds in which all files are verified."""

import ckan.plugins.toolkit as tk
import sqlalchemy as sa


class FixityRound(tk.BaseModel):
    """One round through all files. It is resumed until it is finished."""

    __tablename__ = "s3multipart_fixity_round"

    id = sa.Column(sa.Integer, primary_key=True)
    deep = sa.Column(sa.Boolean, nullable=False)
    started_at = sa.Column(sa.DateTime(timezone=True), nullable=False)
    finished_at = sa.Column(sa.DateTime(timezone=True))


class Fixity(tk.BaseModel):
    """What an upload's file was when it was verified last; ``problem`` is None where it is as recorded."""

    __tablename__ = "s3multipart_fixity"

    upload_id = sa.Column(
        sa.UnicodeText,
        sa.ForeignKey("s3multipart_upload.id", name="s3multipart_fixity_upload", ondelete="CASCADE"),
        primary_key=True,
    )
    round_id = sa.Column(sa.Integer, nullable=False)
    verified_at = sa.Column(sa.DateTime(timezone=True), nullable=False)
    #: Whether the file was read, or the store's own word taken.
    streamed = sa.Column(sa.Boolean, nullable=False)
    problem = sa.Column(sa.UnicodeText)
    detail = sa.Column(sa.UnicodeText)
