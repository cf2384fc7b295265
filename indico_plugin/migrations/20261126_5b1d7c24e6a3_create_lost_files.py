"""Create the table of lost files

Revision ID: 5b1d7c24e6a3
Revises: 0c5e1f8a9b27
Create Date: 2026-11-26
"""

import sqlalchemy as sa
from alembic import op
from indico.core.db.sqlalchemy import UTCDateTime

revision = "5b1d7c24e6a3"
down_revision = "0c5e1f8a9b27"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "lost_files",
        sa.Column("host", sa.String(), nullable=False, primary_key=True),
        sa.Column("bucket", sa.String(), nullable=False, primary_key=True),
        sa.Column("key", sa.String(), nullable=False, primary_key=True),
        sa.Column("noticed_at", UTCDateTime, nullable=False),
        schema="plugin_storage_s3",
    )


def downgrade():
    op.drop_table("lost_files", schema="plugin_storage_s3")
