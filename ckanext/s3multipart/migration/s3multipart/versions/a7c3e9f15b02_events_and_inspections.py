"""What happens to files is told to other extensions and webhooks, and files are inspected before they are
accepted.

Revision ID: a7c3e9f15b02
Revises: a7d2e9c4b613
Create Date: 2026-11-26
"""

import sqlalchemy as sa
from alembic import op

revision = "a7c3e9f15b02"
down_revision = "a7d2e9c4b613"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "s3multipart_event",
        sa.Column("id", sa.UnicodeText, primary_key=True),
        sa.Column("kind", sa.UnicodeText, nullable=False),
        sa.Column("body", sa.UnicodeText, nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "s3multipart_delivery",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=True),
        sa.Column(
            "event_id",
            sa.UnicodeText,
            sa.ForeignKey("s3multipart_event.id", name="s3multipart_delivery_event_id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("target", sa.UnicodeText, nullable=False),
        sa.Column("subject", sa.UnicodeText, nullable=False),
        sa.Column("state", sa.UnicodeText, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_error", sa.UnicodeText),
    )
    op.create_index("s3multipart_delivery_waiting", "s3multipart_delivery", ["state", "next_at"])
    op.create_index("s3multipart_delivery_order", "s3multipart_delivery", ["target", "subject", "id"])
    op.create_index("s3multipart_delivery_event", "s3multipart_delivery", ["event_id"])
    op.create_table(
        "s3multipart_inspection",
        sa.Column(
            "upload_id",
            sa.UnicodeText,
            sa.ForeignKey("s3multipart_upload.id", name="s3multipart_inspection_upload", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("passed_at", sa.DateTime(timezone=True)),
        sa.Column("verdict", sa.UnicodeText),
        sa.Column("scanned_at", sa.DateTime(timezone=True)),
        sa.Column("scanner", sa.UnicodeText),
        sa.Column("signature", sa.UnicodeText),
        sa.Column("refusal", sa.UnicodeText),
        sa.Column("removed_at", sa.DateTime(timezone=True)),
        sa.Column("lease_token", sa.UnicodeText),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("queued_at", sa.DateTime(timezone=True)),
        sa.Column("last_error", sa.UnicodeText),
        sa.Column("failed_at", sa.DateTime(timezone=True)),
    )


def downgrade():
    # The version before knows no quarantine: what is in it is completed again, and what was written with
    # session credentials or refused is given up.
    op.execute(
        "UPDATE s3multipart_upload SET state = 'uploading' WHERE state = 'quarantined' AND s3_upload_id <> ''"
    )
    op.execute("UPDATE s3multipart_upload SET state = 'aborted' WHERE state = 'quarantined'")
    op.execute(
        "UPDATE s3multipart_upload SET state = 'aborted' WHERE state = 'refused' AND id IN"
        " (SELECT upload_id FROM s3multipart_inspection WHERE refusal IS NOT NULL)"
    )
    op.drop_table("s3multipart_inspection")
    op.drop_table("s3multipart_delivery")
    op.drop_table("s3multipart_event")
