"""``migrate apply`` and ``revert``: the rows of resources and of uploads, changed together.

Past CKAN's own actions: nobody edited the dataset, so its time and its activities stay, and no other
extension takes it for a new file, except for those that ask for it by `IS3Multipart`.
"""

import logging
from datetime import datetime
from typing import Any

from ckan import model
from ckan.lib import search
from sqlalchemy.exc import IntegrityError

from ckanext.s3multipart.downloads.key_moves import is_moving, note_clearing
from ckanext.s3multipart.downloads.public_keys import is_public_key
from ckanext.s3multipart.extending.described_files import uploaded_file
from ckanext.s3multipart.model import UploadRow, attached_upload
from ckanext.s3multipart.moving.mapping import FileState, OldPlace, ResourceChange, values_of
from ckanext.s3multipart.moving.resources import COLUMNS, PortalResource, find_resource
from ckanext.s3multipart.moving.sources import local_storage
from ckanext.s3multipart.outbox.recording import Kind, record_event
from ckanext.s3multipart.settings import portal_store
from ckanext.s3multipart.uploads.key_locks import lock_key
from s3portal.portal.migration import RowState, UnusableChange
from s3portal.transfer import ContentDiffers, ObjectGone, StoreError, look_at, require_unchanged

log = logging.getLogger(__name__)

_ROWS = UploadRow.__table__
_RESOURCES = model.resource_table


class ResourceRows:
    """The resources of the site (``s3portal.portal.migration.Rows``). Each change is committed by itself, so
    that no dataset is locked for long; with ``dry_run`` nothing is changed."""

    def __init__(self, *, dry_run: bool = False) -> None:
        self._dry_run = dry_run
        self._to_index: set[str] = set()

    def change(self, change: ResourceChange) -> RowState:
        try:
            # Saves of the dataset wait, or are waited for (uploads/attach.py).
            model.Session.query(model.Package.id).filter_by(id=change.dataset).with_for_update().all()
            state = self._changed(change)
            if self._dry_run:
                model.Session.rollback()
            else:
                model.Session.commit()
        except IntegrityError as error:
            model.Session.rollback()
            raise UnusableChange(self.name(change), f"the database refuses it: {error.orig}") from error
        except BaseException:
            model.Session.rollback()
            raise
        # An earlier run may have been killed before it came to the search index.
        if state in (RowState.UPDATED, RowState.BEFORE):
            self._to_index.add(change.dataset)
        return state

    def name(self, change: ResourceChange) -> str:
        return f"{change.old.fields.get('url')} (dataset {change.dataset}, resource {change.resource})"

    def commit(self) -> None:
        """The rows are committed already; the search index follows."""
        if self._dry_run:
            return
        for dataset_id in sorted(self._to_index):
            try:
                search.rebuild(dataset_id)
            except (search.SearchError, OSError) as error:
                log.warning(
                    "Run `ckan search-index rebuild %s`: the index could not be updated: %s",
                    dataset_id,
                    error,
                )
        self._to_index.clear()

    def _changed(self, change: ResourceChange) -> RowState:
        resource = find_resource(change.resource)
        if resource is None:
            return RowState.GONE
        row = attached_upload(change.resource)
        if _is_at(change.new, resource, row):
            return RowState.BEFORE
        if resource.dataset_id != change.dataset or not _is_at(change.old, resource, row):
            return RowState.CHANGED_SINCE
        if change.old.old_place is not None and not _is_unchanged(change.old.old_place):
            return RowState.CHANGED_SINCE
        self._require_there(change)
        if not self._dry_run:
            if row is not None:
                # It may have gone to another key since the session read it.
                model.Session.refresh(row)
                if is_public_key(row.key):
                    # Without a row, nobody would withdraw it before the dataset turns private.
                    note_clearing(row, resource.dataset_id)
            _write(change, resource)
        return RowState.UPDATED

    def _require_there(self, change: ResourceChange) -> None:
        """Raises UnusableChange where the file is not where the resource is to have it."""
        new = change.new
        if new.old_place is not None and not _is_unchanged(new.old_place):
            raise UnusableChange(self.name(change), f"the file is no longer at {new.old_place.place}")
        if new.upload is None:
            return
        upload = UploadRow(**values_of(new.upload)).as_upload()
        lock_key(upload.key)
        if _taken_by_another(upload.key, upload.id):
            raise UnusableChange(self.name(change), f"another upload has the key {upload.key}")
        if is_moving(upload.key):
            reason = f"{upload.key} is being removed. Copy the file again, with a new mapping file."
            raise UnusableChange(self.name(change), reason)
        try:
            require_unchanged(upload, look_at(portal_store(), upload.key, upload.version_id))
        except (ObjectGone, ContentDiffers) as error:
            reason = f"the copy is no longer in the store: {error} Copy it again, with a new mapping file."
            raise UnusableChange(self.name(change), reason) from error
        except StoreError as error:
            raise UnusableChange(self.name(change), str(error)) from error


def _is_at(state: FileState, resource: PortalResource, row: UploadRow | None) -> bool:
    """Whether the resource has this file."""
    if state.upload is not None:
        # Its key may be another one by now, as those of files that everybody reaches are.
        return row is not None and row.id == state.upload["id"]
    same = ("url", "url_type", "last_modified")
    return row is None and all(_same(resource.fields[name], state.fields[name]) for name in same)


def _same(one: Any, other: Any) -> bool:
    return (one or None) == (other or None)


def _is_unchanged(place: OldPlace) -> bool:
    """Whether the file at an old place is the one that was moved. Of places that only another extension can
    reach, the resource's own fields have to tell."""
    return place.source != local_storage.NAME or local_storage.is_there(place)


def _taken_by_another(key: str, upload_id: str) -> bool:
    query = model.Session.query(UploadRow.id).filter(UploadRow.key == key, UploadRow.id != upload_id)
    return query.first() is not None


def _write(change: ResourceChange, resource: PortalResource) -> None:
    if change.old.upload is not None:
        model.Session.execute(_ROWS.delete().where(_ROWS.c.id == change.old.upload["id"]))
    if change.new.upload is not None:
        model.Session.execute(_ROWS.insert().values(**values_of(change.new.upload)))
        record_event(Kind.FILE_ATTACHED, uploaded_file(UploadRow(**values_of(change.new.upload))))
    columns: dict[str, Any] = {}
    extras = dict(resource.extras)
    for name, value in change.new.fields.items():
        # What someone has changed since stays, such as a hash that another extension wrote.
        if not _same(resource.fields.get(name), change.old.fields.get(name)):
            continue
        if name in COLUMNS:
            columns[name] = datetime.fromisoformat(value) if name == "last_modified" and value else value
        elif value is None:
            extras.pop(name, None)
        else:
            extras[name] = value
    columns["extras"] = extras
    model.Session.execute(_RESOURCES.update().where(_RESOURCES.c.id == resource.id).values(**columns))
