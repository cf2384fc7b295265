"""What session credentials and forms can write, and the files that were found there.

Revision ID: 8b2d4e71c6a0
Revises: c41b7e90a2d5
Create Date: 2026-11-26
"""

import sqlalchemy as sa
from alembic import op

revision = "8b2d4e71c6a0"
down_revision = "c41b7e90a2d5"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "s3multipart_session_grant",
        sa.Column("id", sa.UnicodeText, primary_key=True),
        sa.Column("kind", sa.UnicodeText, nullable=False),
        sa.Column("state", sa.UnicodeText, nullable=False),
        sa.Column("user", sa.UnicodeText, nullable=False),
        sa.Column("dataset_id", sa.UnicodeText, nullable=False),
        sa.Column("organisation_id", sa.UnicodeText, nullable=False),
        sa.Column("upload_id", sa.UnicodeText),
        sa.Column("prefix", sa.UnicodeText, nullable=False),
        sa.Column("size_limit_bytes", sa.BigInteger, nullable=False),
        sa.Column("parts_only", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issuable_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("writable_until", sa.DateTime(timezone=True)),
        sa.Column("scanned_to", sa.UnicodeText, nullable=False),
    )
    # One prefix for each user, dataset and kind, whatever two calls do at once.
    op.create_index(
        "s3multipart_session_grant_live",
        "s3multipart_session_grant",
        ["user", "dataset_id", "kind"],
        unique=True,
        postgresql_where=sa.text("state = 'live' AND kind <> 'upload'"),
    )
    op.create_index(
        "s3multipart_session_grant_upload",
        "s3multipart_session_grant",
        ["upload_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'upload'"),
    )
    op.create_index(
        "s3multipart_session_grant_state", "s3multipart_session_grant", ["state", "writable_until"]
    )
    op.create_table(
        "s3multipart_adoption",
        sa.Column("upload_id", sa.UnicodeText, primary_key=True),
        sa.Column("grant_id", sa.UnicodeText, nullable=False),
        sa.Column("source_key", sa.UnicodeText, nullable=False),
        sa.Column("source_etag", sa.UnicodeText, nullable=False),
        sa.Column("source_version_id", sa.UnicodeText),
        sa.Column("source_modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("queued_at", sa.DateTime(timezone=True)),
        sa.Column("refusal", sa.UnicodeText),
        sa.UniqueConstraint(
            "grant_id", "source_key", "source_etag", "source_modified_at", name="s3multipart_adoption_source"
        ),
    )


def downgrade():
    # The version before does not know these states, and nobody can save such a file there.
    op.execute("UPDATE s3multipart_upload SET state = 'aborted' WHERE state IN ('adopting', 'refused')")
    op.drop_table("s3multipart_adoption")
    op.drop_table("s3multipart_session_grant")
