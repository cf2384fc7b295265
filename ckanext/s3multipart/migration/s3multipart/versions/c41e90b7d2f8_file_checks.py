"""When a file was attached, and what the store last said of it.

Revision ID: c41e90b7d2f8
Revises: 5a7e0c3d91f4
Create Date: 2026-11-26
"""

import sqlalchemy as sa
from alembic import op

revision = "c41e90b7d2f8"
down_revision = "5a7e0c3d91f4"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("s3multipart_upload", sa.Column("attached_at", sa.DateTime(timezone=True)))
    # Until now nothing changed a row after it was attached.
    op.execute("UPDATE s3multipart_upload SET attached_at = updated_at WHERE state = 'attached'")
    op.create_table(
        "s3multipart_file_check",
        sa.Column("upload_id", sa.UnicodeText, primary_key=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True)),
        sa.Column("last_modified", sa.DateTime(timezone=True)),
        sa.Column("missing_since", sa.DateTime(timezone=True)),
        sa.Column("changed_since", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["upload_id"],
            ["s3multipart_upload.id"],
            name="s3multipart_file_check_upload",
            ondelete="CASCADE",
        ),
    )


def downgrade():
    op.drop_table("s3multipart_file_check")
    op.drop_column("s3multipart_upload", "attached_at")
