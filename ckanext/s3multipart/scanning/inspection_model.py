"""A table: what has to be found out about a file before it is accepted, and what was."""

import ckan.plugins.toolkit as tk
import sqlalchemy as sa

from s3portal.transfer import DeclaredState


class Verdict(DeclaredState):
    """What is known of viruses in a file."""

    CLEAN = "clean"
    INFECTED = "infected"
    #: It is larger than the scanner takes, and the site lets such files through.
    TOO_LARGE = "too_large"


class Inspection(tk.BaseModel):
    """Of one upload, from its arrival on; it stays as long as the upload's row."""

    __tablename__ = "s3multipart_inspection"

    upload_id = sa.Column(
        sa.UnicodeText,
        sa.ForeignKey("s3multipart_upload.id", name="s3multipart_inspection_upload", ondelete="CASCADE"),
        primary_key=True,
    )
    began_at = sa.Column(sa.DateTime(timezone=True), nullable=False)
    #: When the last of the other extensions let it pass.
    passed_at = sa.Column(sa.DateTime(timezone=True))
    verdict = sa.Column(sa.UnicodeText)
    #: When the scanner said so, which version of it, and what it found.
    scanned_at = sa.Column(sa.DateTime(timezone=True))
    scanner = sa.Column(sa.UnicodeText)
    signature = sa.Column(sa.UnicodeText)
    #: Why the file is not accepted, as JSON: the error's code and facts.
    refusal = sa.Column(sa.UnicodeText)
    #: Of a file that is not accepted: when the store removed it.
    removed_at = sa.Column(sa.DateTime(timezone=True))
    #: Until when a process says that it is at it.
    lease_token = sa.Column(sa.UnicodeText)
    lease_until = sa.Column(sa.DateTime(timezone=True))
    #: When a background job was last asked for.
    queued_at = sa.Column(sa.DateTime(timezone=True))
    #: What went wrong at the last attempt, such as a scanner that cannot be reached.
    last_error = sa.Column(sa.UnicodeText)
    failed_at = sa.Column(sa.DateTime(timezone=True))
