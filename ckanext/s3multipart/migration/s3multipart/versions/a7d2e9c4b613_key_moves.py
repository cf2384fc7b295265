"""Files on their way between keys that everybody reaches and keys that need a signature.

Revision ID: a7d2e9c4b613
Revises: a7d2e9c14b58
Create Date: 2026-11-26
"""

import sqlalchemy as sa
from alembic import op

revision = "a7d2e9c4b613"
down_revision = "a7d2e9c14b58"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "s3multipart_key_move",
        sa.Column("id", sa.UnicodeText, primary_key=True),
        sa.Column("upload_id", sa.UnicodeText, nullable=False),
        sa.Column("dataset_id", sa.UnicodeText, nullable=False),
        sa.Column("state", sa.UnicodeText, nullable=False),
        sa.Column("to_everybody", sa.Boolean, nullable=False),
        sa.Column("source_key", sa.UnicodeText, nullable=False),
        sa.Column("source_version_id", sa.UnicodeText),
        sa.Column("target_key", sa.UnicodeText, nullable=False),
        sa.Column("s3_upload_id", sa.UnicodeText, nullable=False),
        sa.Column("clear_after", sa.DateTime(timezone=True)),
        sa.Column("invalidation_id", sa.UnicodeText),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
    )
    op.create_index(
        "s3multipart_key_move_copying",
        "s3multipart_key_move",
        ["upload_id"],
        unique=True,
        postgresql_where=sa.text("state = 'copying'"),
    )
    op.create_index("s3multipart_key_move_dataset", "s3multipart_key_move", ["dataset_id"])


def downgrade():
    op.drop_table("s3multipart_key_move")
