"""Downloads by month: what was counted by day, added up once a month is over, so that years of it are read at
once. A download itself writes its day alone.

Days are what is true. Where nothing was added up yet, since no janitor ran, days are read instead, and the
answer is the same.
"""

from datetime import date, timedelta

import ckan.plugins.toolkit as tk
import sqlalchemy as sa
from ckan import model
from sqlalchemy.dialects.postgresql import insert

from ckanext.s3multipart.model import DownloadCount, now

#: By then every worker's clock says that the month is over.
_CLOCKS_AGREE_AFTER = timedelta(days=1)
_COUNTS = DownloadCount.__table__


class MonthCount(tk.BaseModel):
    """How often a resource was downloaded in a month (UTC), which is over."""

    __tablename__ = "s3multipart_download_month"

    resource_id = sa.Column(sa.UnicodeText, primary_key=True)
    #: Its first day.
    month = sa.Column(sa.Date, primary_key=True)
    count = sa.Column(sa.BigInteger, nullable=False)
    bytes_sent = sa.Column(sa.BigInteger, nullable=False)


MONTHS = MonthCount.__table__


def added_up_until() -> date:
    """The first day that is not in the table of months."""
    last = model.Session.execute(sa.select(sa.func.max(MONTHS.c.month))).scalar()
    return next_month(last) if last else date.min


def add_up() -> None:
    """Adds up the months that are over; all of a month or nothing of it, and safe to repeat."""
    begin, end = added_up_until(), (now() - _CLOCKS_AGREE_AFTER).date().replace(day=1)
    if begin >= end:
        return
    month = sa.cast(sa.func.date_trunc("month", _COUNTS.c.day), sa.Date)
    days = (
        sa.select(
            _COUNTS.c.resource_id, month, sa.func.sum(_COUNTS.c.count), sa.func.sum(_COUNTS.c.bytes_sent)
        )
        .where(_COUNTS.c.day >= begin, _COUNTS.c.day < end)
        .group_by(_COUNTS.c.resource_id, month)
    )
    columns = ["resource_id", "month", "count", "bytes_sent"]
    # Two janitors at once add up the same.
    model.Session.execute(insert(MONTHS).from_select(columns, days).on_conflict_do_nothing())
    model.Session.commit()


def next_month(day: date) -> date:
    """The first day of the month after that of the day."""
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def first_of_month(day: date) -> date:
    """The first day of the first whole month from that day on."""
    return day if day.day == 1 or day > date.max - timedelta(days=31) else next_month(day)
