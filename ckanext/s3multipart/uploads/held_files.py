"""What deleted datasets and resources still hold: their files are kept so that they can be restored."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from ckan import model

from ckanext.s3multipart.model import UploadRow
from ckanext.s3multipart.settings import ON_DELETE, portal_settings
from ckanext.s3multipart.upload_states import PUBLISHED
from ckanext.s3multipart.uploads.removal import mark

_ROWS = UploadRow.__table__
_PACKAGES = model.package_table
_RESOURCES = model.resource_table


@dataclass(frozen=True)
class Held:
    """How many files, and their bytes together."""

    files: int
    size_bytes: int


def is_unused() -> Any:
    """Whether a file's resource was deleted or, where the site removes files of deleted datasets, its
    dataset: a condition on rows of uploads. CKAN purges a deleted resource when its dataset is saved the next
    time; by its id it can be restored anyway."""
    removes_with_dataset = portal_settings().remove_files_on == ON_DELETE
    package_deleted = _PACKAGES.c.state == model.State.DELETED
    resource_deleted = _RESOURCES.c.state == model.State.DELETED
    # A dataset that is kept whole until it is purged is kept with the resources that it had last.
    unused = (
        resource_deleted | package_deleted if removes_with_dataset else resource_deleted & ~package_deleted
    )
    return _of_its_resource(unused) | _without_resource(
        sa.true() if removes_with_dataset else ~package_deleted
    )


def is_left() -> Any:
    """Whether neither the file's resource nor its dataset is there: a condition on rows of uploads."""
    return ~_of_its_resource(sa.true()) & ~_without_resource(sa.true())


def held_by_deleted(organisation_id: str = "") -> Held:
    """The files of deleted datasets and resources, of one organisation or of all."""
    held = sa.select(sa.func.count(_ROWS.c.id), sa.func.coalesce(sa.func.sum(_ROWS.c.size_bytes), 0)).where(
        _ROWS.c.state.in_(PUBLISHED), _is_held(organisation_id)
    )
    files, size_bytes = model.Session.execute(held).one()
    return Held(int(files), int(size_bytes))


def remove_held(organisation_id: str) -> Held:
    """Removes these files of an organisation at once, so that what was deleted cannot be restored with them.
    Commits; the janitor removes what takes long."""
    held = held_by_deleted(organisation_id)
    mark(_is_held(organisation_id))
    model.Session.commit()
    return held


def _is_held(organisation_id: str) -> Any:
    deleted = (_PACKAGES.c.state == model.State.DELETED) | (_RESOURCES.c.state == model.State.DELETED)
    of_organisation = _PACKAGES.c.owner_org == organisation_id if organisation_id else sa.true()
    return _of_its_resource(deleted & of_organisation) | _without_resource(of_organisation)


def _of_its_resource(condition: Any) -> Any:
    """The condition holds for the resource and the dataset of a row."""
    return (
        sa.exists()
        .where(_RESOURCES.c.id == _ROWS.c.resource_id)
        .where(_PACKAGES.c.id == _RESOURCES.c.package_id)
        .where(condition)
        .correlate(_ROWS)
    )


def _without_resource(condition: Any) -> Any:
    """The resource of a row is no longer there, and the condition holds for the dataset."""
    has_resource = sa.exists().where(_RESOURCES.c.id == _ROWS.c.resource_id).correlate(_ROWS)
    of_dataset = sa.exists().where(_PACKAGES.c.id == _ROWS.c.owner_id).where(condition).correlate(_ROWS)
    return ~has_resource & of_dataset
