"""What was counted: by day, by file, and day by day for each file."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

import sqlalchemy as sa
from ckan import model

from ckanext.s3multipart.model import DownloadCount
from ckanext.s3multipart.statistics.periods import Span

COUNTS = DownloadCount.__table__
_RESOURCES = model.resource_table
_PACKAGES = model.package_table
#: So many files are listed, those with the most downloads.
MOST_FILES = 100
_ROWS_AT_A_TIME = 1000

#: A condition on the rows of counts: of which resources.
Which: TypeAlias = "sa.sql.ColumnElement[bool]"


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

    def condition(self) -> sa.sql.ColumnElement[bool]:
        """On the rows of counts."""
        conditions = [sa.true()]
        if self.first:
            conditions.append(COUNTS.c.day >= self.first)
        if self.last:
            conditions.append(COUNTS.c.day <= self.last)
        return sa.and_(*conditions)


def days_of(which: Which, period: Period) -> list[Day]:
    """The days on which something was downloaded, in their order."""
    counted = (
        sa.select(COUNTS.c.day, sa.func.sum(COUNTS.c.count), sa.func.sum(COUNTS.c.bytes_sent))
        .where(which, period.condition())
        .group_by(COUNTS.c.day)
        .order_by(COUNTS.c.day)
    )
    return [Day(day, int(count), int(sent)) for day, count, sent in model.Session.execute(counted)]


def files_of(which: Which, period: Period, most: int = MOST_FILES) -> list[FileCount]:
    """The resources that were downloaded, those with the most downloads first."""
    count = sa.func.sum(COUNTS.c.count).label("count")
    # Names are looked up for the files that are listed, not for all that were counted.
    top = (
        sa.select(COUNTS.c.resource_id, count, sa.func.sum(COUNTS.c.bytes_sent).label("bytes_sent"))
        .where(which, period.condition())
        .group_by(COUNTS.c.resource_id)
        .order_by(count.desc(), COUNTS.c.resource_id)
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


def counted_span(which: Which) -> Span | None:
    """The first and the last day on which something was downloaded; None where nothing was."""
    ends = sa.select(sa.func.min(COUNTS.c.day), sa.func.max(COUNTS.c.day)).where(which)
    first, last = model.Session.execute(ends).one()
    return Span(first, last) if first else None


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
        .where(which, period.condition())
        .order_by(COUNTS.c.day, _RESOURCES.c.id)
    )
    return _streamed(model.Session.get_bind(), rows)


def _streamed(engine: Any, rows: Any) -> Iterator[FileDay]:
    with engine.connect() as connection:
        result = connection.execution_options(stream_results=True, max_row_buffer=_ROWS_AT_A_TIME).execute(
            rows
        )
        for day, dataset, resource, name, count, sent in result:
            yield FileDay(day, dataset, resource, name or "", int(count), int(sent))
