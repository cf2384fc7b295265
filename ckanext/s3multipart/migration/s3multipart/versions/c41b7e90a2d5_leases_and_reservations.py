"""Leases of calls to the store, reservations of quotas, and since when a file is without use.

An upload that was unfinished before has no reservation: it takes one before its next parts are signed.

Revision ID: c41b7e90a2d5
Revises: c41e90b7d2f8
Create Date: 2026-11-26
"""

import sqlalchemy as sa
from alembic import op

revision = "c41b7e90a2d5"
down_revision = "c41e90b7d2f8"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("s3multipart_upload", sa.Column("lease_token", sa.UnicodeText))
    op.add_column("s3multipart_upload", sa.Column("lease_until", sa.DateTime(timezone=True)))
    op.add_column(
        "s3multipart_upload",
        sa.Column("stored_bytes", sa.BigInteger, nullable=False, server_default="0"),
    )
    op.add_column("s3multipart_upload", sa.Column("reserved_until", sa.DateTime(timezone=True)))
    op.add_column("s3multipart_upload", sa.Column("unused_since", sa.DateTime(timezone=True)))


def downgrade():
    # Without leases these would be taken for files: the store aborts what they began by its lifecycle rule.
    op.execute("DELETE FROM s3multipart_upload WHERE state = 'creating'")
    op.execute("UPDATE s3multipart_upload SET state = 'uploading' WHERE state = 'completing'")
    op.execute("UPDATE s3multipart_upload SET state = 'aborted' WHERE state = 'aborting'")
    for column in ("lease_token", "lease_until", "stored_bytes", "reserved_until", "unused_since"):
        op.drop_column("s3multipart_upload", column)
