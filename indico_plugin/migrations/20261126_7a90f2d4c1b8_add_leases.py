"""Add leases to the table of direct uploads

Revision ID: 7a90f2d4c1b8
Revises: 5b1d7c24e6a3
Create Date: 2026-11-26
"""

import sqlalchemy as sa
from alembic import op

revision = "7a90f2d4c1b8"
down_revision = "5b1d7c24e6a3"
branch_labels = None
depends_on = None


def upgrade():
    for column in (
        sa.Column("lease_token", sa.String(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
    ):
        op.add_column("uploads", column, schema="plugin_storage_s3")


def downgrade():
    for name in ("lease_until", "lease_token"):
        op.drop_column("uploads", name, schema="plugin_storage_s3")
