"""How many bytes were sent, beside the downloads of each day.

Revision ID: f3c5d7e92b46
Revises: e2b4a6c81d35
Create Date: 2026-11-26
"""

import sqlalchemy as sa
from alembic import op

revision = "f3c5d7e92b46"
down_revision = "e2b4a6c81d35"
branch_labels = None
depends_on = None


def upgrade():
    # What was counted before stays; how much it was is not known.
    op.add_column(
        "s3multipart_download", sa.Column("bytes_sent", sa.BigInteger, nullable=False, server_default="0")
    )


def downgrade():
    op.drop_column("s3multipart_download", "bytes_sent")
