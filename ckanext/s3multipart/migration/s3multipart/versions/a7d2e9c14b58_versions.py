"""When a file was replaced that is kept as an earlier version.

Revision ID: a7d2e9c14b58
Revises: a9d4e6f1b037
Create Date: 2026-11-26
"""

import sqlalchemy as sa
from alembic import op

revision = "a7d2e9c14b58"
down_revision = "a9d4e6f1b037"
branch_labels = None
depends_on = None


def upgrade():
    # Replaced files of the version before are gone, or marked to go.
    op.add_column("s3multipart_upload", sa.Column("replaced_at", sa.DateTime(timezone=True)))


def downgrade():
    # The version before has no earlier versions: to it they are gone. Their objects stay in the store, since
    # going back is no reason to destroy them.
    op.execute("UPDATE s3multipart_upload SET state = 'removed' WHERE state = 'version'")
    op.drop_column("s3multipart_upload", "replaced_at")
