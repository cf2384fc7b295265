"""``migrate copy --from links --adopt``: objects that become files of resources where they are.

Only by the administrator's list, since a URL is no proof of ownership, and never of an object that an upload
or another dataset has, or that somebody else can write. What was adopted is not deleted with its resource,
unless the administrator asks for that.
"""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import sqlalchemy as sa
from ckan import model

from ckanext.s3multipart.downloads.key_moves import is_moving
from ckanext.s3multipart.downloads.public_keys import public_folder
from ckanext.s3multipart.links import link_name
from ckanext.s3multipart.model import UploadRow, now
from ckanext.s3multipart.moving.asking import require_accepted, require_wanted, wanted_file
from ckanext.s3multipart.moving.copying import MovingFile, state_of_upload
from ckanext.s3multipart.moving.mapping import FileState, OldPlace, ResourceChange
from ckanext.s3multipart.moving.resources import PortalResource, list_resources
from ckanext.s3multipart.moving.sources import links
from ckanext.s3multipart.moving.sources.buckets import BucketFiles, recorded_object, stamp_of
from ckanext.s3multipart.moving.sources.interface import NotUsable
from ckanext.s3multipart.settings import portal_store, transfer_settings
from ckanext.s3multipart.uploads.rules import content_type_of
from ckanext.s3multipart.uploads.session_model import LATE_WRITES, SessionGrant
from s3portal.portal.migration import NotVerified, Place, SentObject, UnusableRow
from s3portal.transfer import ObjectGone, StoredObject, TransferError, Upload, ids_of_key, look_at

_NAMESPACE = uuid.UUID("0d5a7a55-0c1a-4b7e-8f53-5f9a2a0f4c11")
_RESOURCES = model.resource_table


class AdoptObjects:
    """The listed objects of the portal's own bucket (``s3portal.portal.migration.Move``)."""

    def __init__(self, listed: Mapping[str, str], *, may_delete: bool) -> None:
        self._listed = listed
        self._may_delete = may_delete
        self._files = BucketFiles(portal_store())
        self._found: dict[str, StoredObject] = {}

    def files(self) -> Iterator[MovingFile | UnusableRow]:
        met: set[str] = set()
        for resource in list_resources(links.links() & _RESOURCES.c.id.in_(list(self._listed))):
            met.add(resource.id)
            try:
                file = self._located(resource)
                require_wanted(wanted_file(resource, file.filename, file.size_bytes))
                yield file
            except (NotUsable, TransferError) as error:
                yield UnusableRow(str(resource), str(error))
        for resource_id in self._listed:
            if resource_id not in met:
                yield UnusableRow(f"resource {resource_id}", "there is no such resource, or it is no link")

    def place(self, file: MovingFile) -> Place:
        return Place(portal_store().bucket, file.located.place)

    def change(self, file: MovingFile, place: Place) -> ResourceChange:
        upload = self._upload(file, place, self._found.pop(file.row))
        new = state_of_upload(file.resource, SentObject(upload, ""))
        columns = {**(new.upload or {}), "keep_object": not self._may_delete}
        old_place = OldPlace(links.NAME, place.key, file.located.stamp, file.size_bytes, "")
        return ResourceChange(
            file.resource.id,
            file.resource.dataset_id,
            FileState(file.resource.fields, old_place=old_place),
            FileState({**new.fields, "url": link_name(file.filename)}, upload=columns),
        )

    def is_of(self, change: ResourceChange, file: MovingFile) -> bool:
        place = change.old.old_place
        return place is not None and (place.place, place.stamp) == (file.located.place, file.located.stamp)

    def copy(self, file: MovingFile, place: Place) -> None:
        """Nothing is copied: the object is looked at."""
        try:
            found = look_at(portal_store(), place.key)
        except ObjectGone as error:
            raise NotVerified(f"there is no object {place.key} any more") from error
        if stamp_of(found) != file.located.stamp:
            raise NotVerified(f"{place.key} has changed since it was listed. Run the same command again.")
        upload = self._upload(file, place, found)
        require_accepted(file.resource, upload)
        self._found[file.row] = found

    def verify(self, file: MovingFile, place: Place) -> None:
        self.copy(file, place)

    def working(self) -> AbstractContextManager[object]:
        return nullcontext()

    def _upload(self, file: MovingFile, place: Place, found: StoredObject) -> Upload:
        return replace(
            recorded_object(
                place.key,
                found.size_bytes,
                found.etag,
                found.version_id,
                id=str(uuid.uuid5(_NAMESPACE, f"{file.row}\n{place.key}\n{file.located.stamp}")),
                owner_id=file.resource.dataset_id,
                user=file.resource.user,
                filename=file.filename,
                content_type=content_type_of(file.filename, found.content_type),
            ),
            checksum_algorithm=found.checksum.algorithm if found.checksum else None,
            checksum_value=found.checksum.value if found.checksum else None,
        )

    def _located(self, resource: PortalResource) -> MovingFile:
        key = self._listed[resource.id]
        url = str(resource.fields["url"] or "")
        if key not in links.keys_of_url(url, portal_store()):
            raise NotUsable(f"its URL is not that of {key} in {portal_store().bucket}: {url}")
        _require_nobodys(resource, key)
        name = key.rsplit("/", 1)[-1]
        return MovingFile(resource, self._files.locate(key, filename=name))


def _require_nobodys(resource: PortalResource, key: str) -> None:
    """Raises NotUsable where the object is, or may be, somebody else's."""
    try:
        if model.Session.query(UploadRow.id).filter_by(key=key).first() is not None:
            raise NotUsable(f"an upload has the key {key}")
        ids = ids_of_key(transfer_settings().s3_prefix, key)
        if ids is not None and ids.dataset_id != resource.dataset_id:
            raise NotUsable(f"the key {key} is one of dataset {ids.dataset_id}")
        if key.startswith(public_folder()):
            raise NotUsable(f"the key {key} is in the folder that everybody may read")
        if is_moving(key):
            raise NotUsable(f"a file is on its way to {key} or away from it")
        # What began with valid credentials may be written for some time after they have expired.
        writable = sa.func.starts_with(key, SessionGrant.prefix)
        is_late = SessionGrant.writable_until > now() - LATE_WRITES
        if model.Session.query(SessionGrant.id).filter(writable, is_late).first() is not None:
            raise NotUsable(f"session credentials can still write to {key}, or could until a day ago")
        _require_no_other_dataset(resource, key)
    finally:
        model.Session.rollback()


def _require_no_other_dataset(resource: PortalResource, key: str) -> None:
    """However its URL is written there: of links that may be meant, each is read as a URL."""
    name = _plain_start(key.rsplit("/", 1)[-1])
    of_others = links.links() & (_RESOURCES.c.package_id != resource.dataset_id)
    alike = of_others & _RESOURCES.c.url.contains(name, autoescape=True)
    for other in list_resources(alike):
        if key in links.keys_of_url(str(other.fields["url"] or ""), portal_store()):
            raise NotUsable(f"resource {other.id} of dataset {other.dataset} has the same object")


def _plain_start(name: str) -> str:
    """What a name begins with that no way of writing a URL changes."""
    plain = ""
    for character in name:
        if not (character.isascii() and (character.isalnum() or character in "_-")):
            break
        plain += character
    return plain
