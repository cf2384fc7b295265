"""What was counted: by day, by file, and day by day for each file."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from ckan import model

from ckanext.s3multipart.model import DownloadCount
from ckanext.s3multipart.statistics.months import MONTHS, added_up_until, first_of_month
from ckanext.s3multipart.statistics.past_days import first_open_day, past_days
from ckanext.s3multipart.statistics.visibility import Which

COUNTS = DownloadCount.__table__
_RESOURCES = model.resource_table
_PACKAGES = model.package_table
#: So many files are listed, those with the most downloads.
MOST_FILES = 100
_ROWS_AT_A_TIME = 1000
#: So few days of many files are added up while a reader waits.
_SHORT = timedelta(days=31)


@dataclass(frozen=True)
class Day:
    """Downloads of one day (UTC)."""

    day: date
    count: int
    bytes_sent: int


@dataclass(frozen=True)
class FileCount:
    """Downloads of one resource."""

    resource: str
    name: str
    count: int
    bytes_sent: int
    #: The id and the title of its dataset.
    dataset: str = ""
    dataset_title: str = ""


@dataclass(frozen=True)
class FileDay:
    """Downloads of one resource on one day (UTC). ``dataset`` is a name."""

    day: date
    dataset: str
    resource: str
    name: str
    count: int
    bytes_sent: int


@dataclass(frozen=True)
class Period:
    """From the one day to the other, both included; None is open."""

    first: date | None = None
    last: date | None = None


def days_of(which: Which, period: Period) -> list[Day]:
    """The days on which something was downloaded, in their order."""
    open_day = first_open_day()
    is_long = period.first is None or period.first < open_day - _SHORT
    if not which.digest or not is_long:
        return _days(which, period)
    past = past_days(
        which.digest,
        open_day,
        lambda: [
            (day.day, day.count, day.bytes_sent)
            for day in _days(which, Period(None, open_day - timedelta(days=1)))
        ],
    )
    known = [Day(*each) for each in past if _is_within(each[0], period)]
    return known + _days(which, Period(max(open_day, period.first or open_day), period.last))


def _days(which: Which, period: Period) -> list[Day]:
    counted = (
        sa.select(COUNTS.c.day, sa.func.sum(COUNTS.c.count), sa.func.sum(COUNTS.c.bytes_sent))
        .where(which.condition(COUNTS.c.resource_id), _within(period))
        .group_by(COUNTS.c.day)
        .order_by(COUNTS.c.day)
    )
    return [Day(day, int(count), int(sent)) for day, count, sent in model.Session.execute(counted)]


def months_of(which: Which, period: Period) -> list[Day]:
    """What was downloaded in each month of the period, each as the first of its days that is counted."""
    rows = _rows(which, period)
    month = sa.cast(sa.func.date_trunc("month", rows.c.day), sa.Date)
    counted = (
        sa.select(sa.func.min(rows.c.day), sa.func.sum(rows.c.count), sa.func.sum(rows.c.bytes_sent))
        .group_by(month)
        .order_by(month)
    )
    return [Day(day, int(count), int(sent)) for day, count, sent in model.Session.execute(counted)]


def files_of(which: Which, period: Period, most: int = MOST_FILES) -> list[FileCount]:
    """The resources that were downloaded, those with the most downloads first."""
    rows = _rows(which, period)
    count = sa.func.sum(rows.c.count).label("count")
    # Names are looked up for the files that are listed, not for all that were counted.
    top = (
        sa.select(rows.c.resource_id, count, sa.func.sum(rows.c.bytes_sent).label("bytes_sent"))
        .group_by(rows.c.resource_id)
        .order_by(count.desc(), rows.c.resource_id)
        .limit(most)
        .subquery()
    )
    named = (
        sa.select(
            _RESOURCES.c.id,
            _RESOURCES.c.name,
            top.c.count,
            top.c.bytes_sent,
            _PACKAGES.c.id,
            sa.func.coalesce(sa.func.nullif(_PACKAGES.c.title, ""), _PACKAGES.c.name),
        )
        .join(_RESOURCES, _RESOURCES.c.id == top.c.resource_id)
        .join(_PACKAGES, _PACKAGES.c.id == _RESOURCES.c.package_id)
        .order_by(top.c.count.desc(), _RESOURCES.c.id)
    )
    return [
        FileCount(resource_id, name or "", int(downloads), int(sent), dataset, title)
        for resource_id, name, downloads, sent, dataset, title in model.Session.execute(named)
    ]


def each_file_and_day(which: Which, period: Period) -> Iterator[FileDay]:
    """All rows, one after the other: in constant memory, on a connection of its own, since the request's is
    given back before an answer is sent."""
    rows = (
        sa.select(
            COUNTS.c.day,
            _PACKAGES.c.name,
            _RESOURCES.c.id,
            _RESOURCES.c.name,
            COUNTS.c.count,
            COUNTS.c.bytes_sent,
        )
        .select_from(COUNTS)
        .join(_RESOURCES, _RESOURCES.c.id == COUNTS.c.resource_id)
        .join(_PACKAGES, _PACKAGES.c.id == _RESOURCES.c.package_id)
        .where(which.condition(COUNTS.c.resource_id), _within(period))
        .order_by(COUNTS.c.day, _RESOURCES.c.id)
    )
    return _streamed(model.Session.get_bind(), rows)


def _rows(which: Which, period: Period) -> Any:
    """Rows that add up to what was counted in the period: of whole months where they are added up, and of
    days for the rest. ``day`` is the first one that a row is about."""
    begin = first_of_month(period.first) if period.first else date.min
    end = added_up_until()
    if period.last and period.last < date.max:
        end = min(end, (period.last + timedelta(days=1)).replace(day=1))
    days = sa.select(COUNTS.c.resource_id, COUNTS.c.day, COUNTS.c.count, COUNTS.c.bytes_sent).where(
        which.condition(COUNTS.c.resource_id), _within(period)
    )
    if begin >= end:
        return days.subquery()
    months = sa.select(
        MONTHS.c.resource_id, MONTHS.c.month.label("day"), MONTHS.c.count, MONTHS.c.bytes_sent
    ).where(which.condition(MONTHS.c.resource_id), MONTHS.c.month >= begin, MONTHS.c.month < end)
    rest = COUNTS.c.day >= end
    if period.first and period.first < begin:
        rest |= COUNTS.c.day < begin
    return sa.union_all(months, days.where(rest)).subquery()


def _is_within(day: date, period: Period) -> bool:
    return (period.first or date.min) <= day <= (period.last or date.max)


def _within(period: Period) -> Any:
    conditions = [sa.true()]
    if period.first:
        conditions.append(COUNTS.c.day >= period.first)
    if period.last:
        conditions.append(COUNTS.c.day <= period.last)
    return sa.and_(*conditions)


def _streamed(engine: Any, rows: Any) -> Iterator[FileDay]:
    with engine.connect() as connection:
        result = connection.execution_options(stream_results=True, max_row_buffer=_ROWS_AT_A_TIME).execute(
            rows
        )
        for day, dataset, resource, name, count, sent in result:
            yield FileDay(day, dataset, resource, name or "", int(count), int(sent))
