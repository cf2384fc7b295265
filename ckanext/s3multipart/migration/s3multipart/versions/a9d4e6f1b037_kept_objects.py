"""Objects that were adopted where they were, and are not deleted with their resources.

Revision ID: a9d4e6f1b037
Revises: f3c5d7e92b46
Create Date: 2026-11-26
"""

import sqlalchemy as sa
from alembic import op

revision = "a9d4e6f1b037"
down_revision = "f3c5d7e92b46"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column(
        "s3multipart_upload", sa.Column("keep_object", sa.Boolean, nullable=False, server_default=sa.false())
    )


def downgrade():
    # An earlier version takes adopted objects for its own: `migrate revert` gives them back before.
    op.drop_column("s3multipart_upload", "keep_object")
