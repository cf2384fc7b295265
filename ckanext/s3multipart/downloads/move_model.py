"""A table: files on their way between a key that everybody reaches and one that needs a signature."""

import ckan.plugins.toolkit as tk
import sqlalchemy as sa

#: The copy is being made; the file is where it was.
COPYING = "copying"
#: The file is where it is to be, and what is left under its old key has to go, from caches too.
CLEARING = "clearing"
#: Nothing is left under the old key. Kept a while where the file is no longer to be reached by everybody.
CLEARED = "cleared"


class KeyMove(tk.BaseModel):
    """One file's way from one key to another. The row is there before the copy is, so nothing that was copied
    is forgotten."""

    __tablename__ = "s3multipart_key_move"
    __table_args__ = (
        # One way at a time, whatever two processes do at once.
        sa.Index(
            "s3multipart_key_move_copying",
            "upload_id",
            unique=True,
            postgresql_where=sa.text(f"state = '{COPYING}'"),
        ),
        sa.Index("s3multipart_key_move_dataset", "dataset_id"),
    )

    id = sa.Column(sa.UnicodeText, primary_key=True)
    upload_id = sa.Column(sa.UnicodeText, nullable=False)
    dataset_id = sa.Column(sa.UnicodeText, nullable=False)
    state = sa.Column(sa.UnicodeText, nullable=False)
    #: Whether the new key is one that everybody reaches.
    to_everybody = sa.Column(sa.Boolean, nullable=False)
    source_key = sa.Column(sa.UnicodeText, nullable=False)
    source_version_id = sa.Column(sa.UnicodeText)
    target_key = sa.Column(sa.UnicodeText, nullable=False)
    #: The store's id of the copy, where it is made in parts.
    s3_upload_id = sa.Column(sa.UnicodeText, nullable=False)
    #: When the old object may go: links to it were handed out.
    clear_after = sa.Column(sa.DateTime(timezone=True))
    #: CloudFront's id of the request to forget the old address.
    invalidation_id = sa.Column(sa.UnicodeText)
    changed_at = sa.Column(sa.DateTime(timezone=True), nullable=False)
    #: Until when a process says that it is at it.
    lease_until = sa.Column(sa.DateTime(timezone=True))
