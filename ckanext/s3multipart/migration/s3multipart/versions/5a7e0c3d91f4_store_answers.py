"""The table of what was found out about the store by trying it.

Revision ID: 5a7e0c3d91f4
Revises: 3f6a1c0d9b51
Create Date: 2026-11-26
"""

import sqlalchemy as sa
from alembic import op

revision = "5a7e0c3d91f4"
down_revision = "3f6a1c0d9b51"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "s3multipart_store_answer",
        sa.Column("store", sa.UnicodeText, primary_key=True),
        sa.Column("question", sa.UnicodeText, primary_key=True),
        sa.Column("value", sa.UnicodeText, nullable=False),
        sa.Column("reason", sa.UnicodeText, nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade():
    op.drop_table("s3multipart_store_answer")
