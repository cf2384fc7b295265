"""What verifying the files of the store found, and the rounds in which it is done.

Revision ID: e2b4a6c81d35
Revises: d1a3f5b70c24
Create Date: 2026-11-26
"""

import sqlalchemy as sa
from alembic import op

revision = "e2b4a6c81d35"
down_revision = "d1a3f5b70c24"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "s3multipart_fixity_round",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("deep", sa.Boolean, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "s3multipart_fixity",
        sa.Column(
            "upload_id",
            sa.UnicodeText,
            sa.ForeignKey("s3multipart_upload.id", name="s3multipart_fixity_upload", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("round_id", sa.Integer, nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("streamed", sa.Boolean, nullable=False),
        sa.Column("problem", sa.UnicodeText),
        sa.Column("detail", sa.UnicodeText),
    )


def downgrade():
    op.drop_table("s3multipart_fixity")
    op.drop_table("s3multipart_fixity_round")
