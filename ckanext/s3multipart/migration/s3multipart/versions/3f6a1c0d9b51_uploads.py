"""The tables of uploads and of downloads by day.

Revision ID: 3f6a1c0d9b51
Revises:
Create Date: 2026-11-21
"""

import sqlalchemy as sa
from alembic import op

revision = "3f6a1c0d9b51"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "s3multipart_upload",
        sa.Column("id", sa.UnicodeText, primary_key=True),
        sa.Column("state", sa.UnicodeText, nullable=False),
        sa.Column("owner_type", sa.UnicodeText, nullable=False),
        sa.Column("owner_id", sa.UnicodeText, nullable=False),
        sa.Column("user", sa.UnicodeText, nullable=False),
        sa.Column("filename", sa.UnicodeText, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("content_type", sa.UnicodeText, nullable=False),
        sa.Column("part_size_bytes", sa.BigInteger, nullable=False),
        sa.Column("part_count", sa.Integer, nullable=False),
        sa.Column("key", sa.UnicodeText, nullable=False),
        sa.Column("s3_upload_id", sa.UnicodeText, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fingerprint", sa.UnicodeText, nullable=False),
        sa.Column("checksum_algorithm", sa.UnicodeText),
        sa.Column("checksum_value", sa.UnicodeText),
        sa.Column("etag", sa.UnicodeText),
        sa.Column("version_id", sa.UnicodeText),
        sa.Column("resource_id", sa.UnicodeText, nullable=False),
        sa.Column("idempotency_key", sa.UnicodeText),
        sa.UniqueConstraint("user", "idempotency_key", name="s3multipart_upload_idempotency"),
    )
    op.create_index("s3multipart_upload_owner", "s3multipart_upload", ["owner_id"])
    op.create_index("s3multipart_upload_state", "s3multipart_upload", ["state", "expires_at"])
    op.create_index("s3multipart_upload_resource", "s3multipart_upload", ["resource_id"])
    # A resource has one file: the database itself holds that, whatever two saves do at once.
    op.create_index(
        "s3multipart_upload_attached",
        "s3multipart_upload",
        ["resource_id"],
        unique=True,
        postgresql_where=sa.text("state = 'attached'"),
    )
    op.create_table(
        "s3multipart_download",
        sa.Column("resource_id", sa.UnicodeText, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
    )


def downgrade():
    op.drop_table("s3multipart_download")
    op.drop_table("s3multipart_upload")
