"""What was counted: of a resource, of the resources of a dataset, or of those of an organisation."""

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from ckan import model

from ckanext.s3multipart.model import DownloadCount

_COUNTS = DownloadCount.__table__
_RESOURCES = model.resource_table
_PACKAGES = model.package_table
#: So many files are listed, those with the most downloads.
MOST_FILES = 100


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


@dataclass(frozen=True)
class Period:
    """From the one day to the other, both included; None is open."""

    first: date | None = None
    last: date | None = None

    def condition(self) -> sa.sql.ColumnElement[bool]:
        """On the rows of counts."""
        conditions = [sa.true()]
        if self.first:
            conditions.append(_COUNTS.c.day >= self.first)
        if self.last:
            conditions.append(_COUNTS.c.day <= self.last)
        return sa.and_(*conditions)


def days_of(resource_ids: list[str], period: Period) -> list[Day]:
    """The days on which something was downloaded, in their order."""
    counted = (
        sa.select(_COUNTS.c.day, sa.func.sum(_COUNTS.c.count), sa.func.sum(_COUNTS.c.bytes_sent))
        .where(_COUNTS.c.resource_id.in_(resource_ids), period.condition())
        .group_by(_COUNTS.c.day)
        .order_by(_COUNTS.c.day)
    )
    return [Day(day, int(count), int(sent)) for day, count, sent in model.Session.execute(counted)]


def files_of(resource_ids: list[str], period: Period) -> list[FileCount]:
    """The resources that were downloaded, those with the most downloads first."""
    count = sa.func.sum(_COUNTS.c.count)
    counted = (
        sa.select(_RESOURCES.c.id, _RESOURCES.c.name, count, sa.func.sum(_COUNTS.c.bytes_sent))
        .join(_RESOURCES, _RESOURCES.c.id == _COUNTS.c.resource_id)
        .where(_COUNTS.c.resource_id.in_(resource_ids), period.condition())
        .group_by(_RESOURCES.c.id, _RESOURCES.c.name)
        .order_by(count.desc(), _RESOURCES.c.id)
        .limit(MOST_FILES)
    )
    return [
        FileCount(resource_id, name or "", int(downloads), int(sent))
        for resource_id, name, downloads, sent in model.Session.execute(counted)
    ]


def resources_of_dataset(dataset_id: str) -> list[str]:
    """The ids of a dataset's resources."""
    return _ids(_RESOURCES.c.package_id == dataset_id)


def resources_of_organisation(organisation_id: str) -> list[str]:
    """The ids of the resources of all of an organisation's datasets."""
    return _ids(_PACKAGES.c.owner_org == organisation_id)


def _ids(condition: sa.sql.ColumnElement[bool]) -> list[str]:
    of_active = (_RESOURCES.c.state == model.State.ACTIVE) & (_PACKAGES.c.state == model.State.ACTIVE)
    wanted = (
        sa.select(_RESOURCES.c.id)
        .join(_PACKAGES, _PACKAGES.c.id == _RESOURCES.c.package_id)
        .where(condition, of_active)
    )
    return list(model.Session.execute(wanted).scalars())
