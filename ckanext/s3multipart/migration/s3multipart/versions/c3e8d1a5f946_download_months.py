"""Downloads by month, added up from days once a month is over, and days found by the day alone.

Revision ID: c3e8d1a5f946
Revises: a7c3e9f15b02
Create Date: 2026-11-26
"""

import sqlalchemy as sa
from alembic import op

revision = "c3e8d1a5f946"
down_revision = "a7c3e9f15b02"
branch_labels = None
depends_on = None


def upgrade():
    op.create_index("s3multipart_download_day", "s3multipart_download", ["day"])
    op.create_table(
        "s3multipart_download_month",
        sa.Column("resource_id", sa.UnicodeText, primary_key=True),
        sa.Column("month", sa.Date, primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("bytes_sent", sa.BigInteger, nullable=False),
    )
    # What was counted so far; the janitor adds up what follows.
    op.execute(
        "INSERT INTO s3multipart_download_month (resource_id, month, count, bytes_sent)"
        " SELECT resource_id, date_trunc('month', day)::date, sum(count), sum(bytes_sent)"
        " FROM s3multipart_download WHERE day < date_trunc('month', now() - interval '1 day')::date"
        " GROUP BY 1, 2"
    )


def downgrade():
    # Days stay, and say the same.
    op.drop_table("s3multipart_download_month")
    op.drop_index("s3multipart_download_day", "s3multipart_download")
