"""The SHA-256 of a file, where it is known.

Revision ID: d1a3f5b70c24
Revises: 8b2d4e71c6a0
Create Date: 2026-11-26
"""

import sqlalchemy as sa
from alembic import op

revision = "d1a3f5b70c24"
down_revision = "8b2d4e71c6a0"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("s3multipart_upload", sa.Column("sha256", sa.UnicodeText))


def downgrade():
    op.drop_column("s3multipart_upload", "sha256")
