"""The resources of a site whose files may be moved, apart from their database session."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from ckan import model

from ckanext.s3multipart.model import UploadRow
from ckanext.s3multipart.upload_states import RowState
from ckanext.s3multipart.uploads.file_facts import ALGORITHM_FIELD, CHECKSUM_FIELD
from s3portal.transfer import safe_filename

#: What a resource says of its file, which a migration may change: columns of the table, and extras.
COLUMNS = ("url", "url_type", "size", "mimetype", "hash", "last_modified")
EXTRAS = (ALGORITHM_FIELD, CHECKSUM_FIELD)

_ROWS_A_QUERY = 500

_ROWS = UploadRow.__table__
_PACKAGES = model.package_table
_RESOURCES = model.resource_table


@dataclass(frozen=True)
class PortalResource:
    """A resource as the database has it. ``fields`` has what it says of its file, as JSON has it;
    ``organisation_id`` is "" for a dataset without organization."""

    id: str
    dataset_id: str
    dataset: str
    organisation_id: str
    user: str
    fields: Mapping[str, Any]
    extras: Mapping[str, Any]

    @property
    def filename(self) -> str:
        """The name of its file, as downloads have it."""
        return safe_filename(str(self.fields["url"] or ""))

    def __str__(self) -> str:
        return f"{self.filename} (dataset {self.dataset}, resource {self.id})"


def list_resources(condition: Any) -> Iterator[PortalResource]:
    """The resources that the condition on their table holds for, of datasets in any state. Memory does not
    grow with their number; no transaction stays open while their files are worked on."""
    last = ""
    while True:
        found = _select(condition, _RESOURCES.c.id > last, limit=_ROWS_A_QUERY)
        yield from found
        if len(found) < _ROWS_A_QUERY:
            return
        last = found[-1].id


def find_resource(resource_id: str) -> PortalResource | None:
    """The resource, unless it was deleted. Stays in the caller's transaction."""
    row = _execute(_RESOURCES.c.id == resource_id).first()
    return _resource_of(row) if row else None


def count_resources(condition: Any) -> tuple[int, int]:
    """How many these are, and of how many bytes, as far as CKAN has that on record."""
    size_bytes = sa.func.coalesce(sa.func.sum(_RESOURCES.c.size), 0)
    counted = _joined(sa.select(sa.func.count(), size_bytes)).where(condition)
    count, total_bytes = model.Session.execute(counted).one()
    model.Session.rollback()
    return int(count), int(total_bytes)


def without_our_file() -> Any:
    """A condition on resources: their file is not one of our uploads."""
    ours = sa.exists().where(_ROWS.c.resource_id == _RESOURCES.c.id, _ROWS.c.state == RowState.ATTACHED)
    return ~ours.correlate(_RESOURCES)


def with_our_file() -> Any:
    """A condition on resources: their file is one of our uploads."""
    return ~without_our_file() & (_RESOURCES.c.url_type == "upload")


def _select(*conditions: Any, limit: int) -> list[PortalResource]:
    found = [_resource_of(row) for row in _execute(*conditions, limit=limit)]
    model.Session.rollback()
    return found


def _execute(*conditions: Any, limit: int = 1) -> Any:
    columns = (
        *(_RESOURCES.c[name] for name in ("id", "package_id", "extras", *COLUMNS)),
        _PACKAGES.c.name.label("dataset"),
        _PACKAGES.c.owner_org,
        _PACKAGES.c.creator_user_id,
    )
    query = _joined(sa.select(*columns)).where(*conditions).order_by(_RESOURCES.c.id).limit(limit)
    return model.Session.execute(query)


def _joined(query: Any) -> Any:
    joined = _RESOURCES.join(_PACKAGES, _PACKAGES.c.id == _RESOURCES.c.package_id)
    return query.select_from(joined).where(_RESOURCES.c.state == model.State.ACTIVE)


def _resource_of(row: Any) -> PortalResource:
    extras = dict(row.extras or {})
    return PortalResource(
        id=row.id,
        dataset_id=row.package_id,
        dataset=row.dataset,
        organisation_id=row.owner_org or "",
        user=row.creator_user_id or "",
        fields={
            **{name: as_json(getattr(row, name)) for name in COLUMNS},
            **{name: extras.get(name) for name in EXTRAS},
        },
        extras=extras,
    )


def as_json(value: Any) -> Any:
    """A value of a column as JSON has it."""
    return value.isoformat() if isinstance(value, datetime) else value
