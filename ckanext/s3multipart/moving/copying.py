"""``migrate copy``: files on their way to the store, each to a key of its own.

A key has an id in it that is made of the resource and of the stamp of its file: the same file comes to the
same key in every run, and one that was replaced to another.
"""

import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import IO

from ckanext.s3multipart.interfaces import WantedUpload
from ckanext.s3multipart.links import link_name
from ckanext.s3multipart.model import OWNER_TYPE, UploadRow
from ckanext.s3multipart.moving.asking import require_accepted, require_wanted, wanted_file
from ckanext.s3multipart.moving.mapping import FileState, OldPlace, ResourceChange, columns_of
from ckanext.s3multipart.moving.resources import PortalResource, list_resources
from ckanext.s3multipart.moving.sources.interface import Located, NotUsable, Source
from ckanext.s3multipart.settings import portal_host, portal_settings, portal_store, transfer_settings
from ckanext.s3multipart.uploads.file_facts import describe_checksums
from ckanext.s3multipart.uploads.keys import key_of
from ckanext.s3multipart.uploads.rules import content_type_of
from s3portal.portal.migration import (
    NotVerified,
    Place,
    SentObject,
    UnusableRow,
    compare_object,
    copy_object,
    send_object,
)
from s3portal.transfer import NewUpload, TransferError, Upload, delete_object, plan_upload

_NAMESPACE = uuid.UUID("6f1d4c53-6a3e-4d0a-9d6d-1f0b7c2d9e55")


@dataclass(frozen=True)
class MovingFile:
    """A resource and where its file was found."""

    resource: PortalResource
    located: Located

    @property
    def row(self) -> str:
        """Which row of the database it is."""
        return self.resource.id

    @property
    def size_bytes(self) -> int:
        """Its size."""
        return self.located.size_bytes

    @property
    def filename(self) -> str:
        """Its name."""
        return self.located.filename or self.resource.filename

    def __str__(self) -> str:
        return str(self.resource)


class CopyToStore:
    """The files of a source, on their way to the store (``s3portal.portal.migration.Move``)."""

    def __init__(self, source: Source) -> None:
        self._source = source
        # By resource, from when a thread is through with it until it is recorded.
        self._sent: dict[str, SentObject] = {}

    def files(self) -> Iterator[MovingFile | UnusableRow]:
        for resource in list_resources(self._source.condition()):
            try:
                located = self._source.locate(resource)
                if located is not None:
                    file = MovingFile(resource, located)
                    self._key(file)
                    require_wanted(_wanted(file))
                    yield file
            except (NotUsable, TransferError, ValueError) as error:
                yield UnusableRow(str(resource), str(error))

    def place(self, file: MovingFile) -> Place:
        return Place(portal_store().bucket, self._key(file))

    def change(self, file: MovingFile, place: Place) -> ResourceChange:
        sent = self._sent.pop(file.row)
        old_place = OldPlace(
            self._source.name, file.located.place, file.located.stamp, file.size_bytes, sent.sha256
        )
        return ResourceChange(
            file.resource.id,
            file.resource.dataset_id,
            FileState(file.resource.fields, old_place=old_place),
            _named(state_of_upload(file.resource, sent), file),
        )

    def is_of(self, change: ResourceChange, file: MovingFile) -> bool:
        old, place = change.old, change.old.old_place
        return (
            place is not None
            and (place.place, place.stamp) == (file.located.place, file.located.stamp)
            and old.fields["last_modified"] == file.resource.fields["last_modified"]
        )

    def copy(self, file: MovingFile, place: Place) -> None:
        planned = self._planned(file, place.key)
        metadata = _metadata(file, planned)
        inside = self._source.inside(file.located)
        if inside is not None:
            sent = copy_object(portal_store(), inside, planned, metadata)
        else:
            sent = send_object(portal_store(), planned, metadata, lambda: self._open(file))
        try:
            if inside is None:
                _require_recorded(file, sent)
            require_accepted(file.resource, sent.upload)
        except NotVerified:
            delete_object(portal_store(), planned.key, sent.upload.version_id)
            raise
        self._sent[file.row] = sent

    def verify(self, file: MovingFile, place: Place) -> None:
        sent = compare_object(portal_store(), self._planned(file, place.key), lambda: self._open(file))
        _require_recorded(file, sent)
        require_accepted(file.resource, sent.upload)
        self._sent[file.row] = sent

    def working(self) -> AbstractContextManager[object]:
        return nullcontext()

    def _open(self, file: MovingFile) -> AbstractContextManager[IO[bytes]]:
        return self._source.open(file.located)

    def _key(self, file: MovingFile) -> str:
        return key_of(transfer_settings().s3_prefix, _wanted(file), self._upload_id(file))

    def _upload_id(self, file: MovingFile) -> str:
        named = "\n".join((file.resource.id, self._source.name, file.located.place, file.located.stamp))
        return str(uuid.uuid5(_NAMESPACE, named))

    def _planned(self, file: MovingFile, key: str) -> Upload:
        resource = file.resource
        new = NewUpload(
            id=self._upload_id(file),
            key=key,
            owner_type=OWNER_TYPE,
            owner_id=resource.dataset_id,
            user=resource.user,
            filename=file.filename,
            size_bytes=file.size_bytes,
            content_type=content_type_of(
                file.filename, str(resource.fields["mimetype"] or file.located.content_type or "")
            ),
        )
        # What publishers may upload is no limit for what there is.
        store = portal_store()
        return plan_upload(replace(store, settings=replace(store.settings, max_upload_size=0)), new)


def _wanted(file: MovingFile) -> WantedUpload:
    return wanted_file(file.resource, file.filename, file.size_bytes, file.located.content_type or "")


def state_of_upload(resource: PortalResource, sent: SentObject) -> FileState:
    """What the resource says when the upload is its file."""
    row = UploadRow.from_upload(sent.upload, resource_id=resource.id, idempotency_key=None)
    row.sha256 = sent.sha256 or None
    row.attached_at = datetime.now(timezone.utc)
    row.stored_bytes = sent.upload.size_bytes
    fields = {
        **resource.fields,
        "url_type": "upload",
        "size": sent.upload.size_bytes,
        "mimetype": sent.upload.content_type,
    }
    describe_checksums(fields, row)
    return FileState({name: fields.get(name) for name in resource.fields}, upload=columns_of(row))


def _named(state: FileState, file: MovingFile) -> FileState:
    """A link becomes a file: its URL is made of the file's name then, as that of every upload. Elsewhere it
    stays as it is."""
    if file.resource.fields["url_type"] == "upload":
        return state
    return replace(state, fields={**state.fields, "url": link_name(file.filename)})


def _metadata(file: MovingFile, planned: Upload) -> dict[str, str]:
    """What the object says of itself, as those that browsers upload do."""
    return {
        "portal": portal_host(),
        "user": planned.user if portal_settings().user_in_metadata else "",
        "dataset": planned.owner_id,
        "resource": file.resource.id,
        "filename": planned.filename,
    }


def _require_recorded(file: MovingFile, sent: SentObject) -> None:
    """Raises NotVerified where the old place had something else on record than what was read."""
    if file.located.sha256 and file.located.sha256.lower() != sent.sha256:
        raise NotVerified(f"its SHA-256 is {sent.sha256}, and {file.located.sha256} is on record")
