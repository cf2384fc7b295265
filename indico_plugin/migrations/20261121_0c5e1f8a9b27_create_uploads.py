"""Create the table of direct uploads

Revision ID: 0c5e1f8a9b27
Revises:
Create Date: 2026-11-21
"""

import sqlalchemy as sa
from alembic import op
from indico.core.db.sqlalchemy import UTCDateTime
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.ddl import CreateSchema, DropSchema

revision = "0c5e1f8a9b27"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    op.execute(CreateSchema("plugin_storage_s3"))
    op.create_table(
        "uploads",
        sa.Column("id", postgresql.UUID(), nullable=False, primary_key=True),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("owner_type", sa.String(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("attachment_id", sa.Integer(), nullable=False),
        sa.Column("file_id", sa.Integer(), nullable=False),
        sa.Column("backend", sa.String(), nullable=False),
        sa.Column("bucket", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False, index=True),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("content_type", sa.String(), nullable=False),
        sa.Column("part_size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("part_count", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("s3_upload_id", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("checksum_algorithm", sa.String(), nullable=True),
        sa.Column("checksum_value", sa.String(), nullable=True),
        sa.Column("etag", sa.String(), nullable=True),
        sa.Column("version_id", sa.String(), nullable=True),
        sa.Column("created_at", UTCDateTime, nullable=False),
        sa.Column("updated_at", UTCDateTime, nullable=False),
        sa.Column("expires_at", UTCDateTime, nullable=False, index=True),
        sa.UniqueConstraint("user_id", "idempotency_key"),
        sa.Index(None, "owner_type", "owner_id"),
        schema="plugin_storage_s3",
    )


def downgrade():
    op.drop_table("uploads", schema="plugin_storage_s3")
    op.execute(DropSchema("plugin_storage_s3"))
