"""``migrate back``: files that are in the store, to CKAN's own storage, also those that were never there.

Each file is downloaded beside its place, verified, moved there, and only then its row is changed. The objects
stay in the store. ``migrate revert`` with the mapping undoes it.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ckan import model

from ckanext.s3multipart.model import attached_upload
from ckanext.s3multipart.moving.mapping import FileState, OldPlace, ResourceChange, columns_of
from ckanext.s3multipart.moving.resources import PortalResource, list_resources, with_our_file
from ckanext.s3multipart.moving.sources import local_storage
from ckanext.s3multipart.moving.sources.interface import NotUsable
from ckanext.s3multipart.settings import portal_store
from ckanext.s3multipart.uploads.file_facts import CHECKSUM_FIELD
from s3portal.portal.migration import NotVerified, Place, UnusableRow, receive_file, verify_content
from s3portal.transfer import Upload, read_object


@dataclass(frozen=True)
class PublishedFile:
    """A resource and the upload that is its file, with the columns of its row."""

    resource: PortalResource
    upload: Upload
    sha256: str
    columns: dict[str, Any]

    @property
    def row(self) -> str:
        """Which row of the database it is."""
        return self.resource.id

    @property
    def size_bytes(self) -> int:
        """Its size."""
        return self.upload.size_bytes

    def __str__(self) -> str:
        return str(self.resource)


class BringBack:
    """The files of resources, on their way to the local folder (``s3portal.portal.migration.Move``)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._arrived: dict[str, str] = {}

    def files(self) -> Iterator[PublishedFile | UnusableRow]:
        for resource in list_resources(with_our_file()):
            row = attached_upload(resource.id)
            if row is None:
                continue
            file = PublishedFile(resource, row.as_upload(), row.sha256 or "", columns_of(row))
            model.Session.rollback()
            try:
                local_storage.path_of(self._folder, resource.id)
            except NotUsable as error:
                yield UnusableRow(str(resource), str(error))
            else:
                yield file

    def place(self, file: PublishedFile) -> Place:
        return Place(str(self._folder), str(self._path(file)))

    def change(self, file: PublishedFile, place: Place) -> ResourceChange:
        path = Path(place.key)
        fields = {**file.resource.fields, "url_type": "upload", CHECKSUM_FIELD: None}
        old_place = OldPlace(
            local_storage.NAME,
            place.key,
            local_storage.stamp_of(path),
            file.size_bytes,
            self._arrived.pop(file.row),
        )
        return ResourceChange(
            file.resource.id,
            file.resource.dataset_id,
            FileState(file.resource.fields, upload=file.columns),
            FileState(fields, old_place=old_place),
        )

    def is_of(self, change: ResourceChange, file: PublishedFile) -> bool:
        return change.old.upload is not None and change.old.upload["id"] == file.upload.id

    def copy(self, file: PublishedFile, place: Place) -> None:
        path = self._path(file)
        if path.exists():
            try:
                self._check(file, path)
            except NotVerified:
                # An earlier file of this resource, which nothing refers to any more. It is kept.
                path.rename(path.with_name(f"{path.name}.before-{file.upload.id}"))
            else:
                return
        receive_file(
            path,
            lambda: _opened(file.upload),
            file.size_bytes,
            "",
            check=lambda arrived: self._check(file, arrived),
        )
        _give_to_owner_of(self._folder, path)

    def verify(self, file: PublishedFile, place: Place) -> None:
        self._check(file, self._path(file))

    def working(self) -> AbstractContextManager[object]:
        return nullcontext()

    def _path(self, file: PublishedFile) -> Path:
        return local_storage.path_of(self._folder, file.resource.id)

    def _check(self, file: PublishedFile, path: Path) -> None:
        self._arrived[file.row] = verify_content(file.upload, file.sha256, lambda: path.open("rb"))


def _give_to_owner_of(folder: Path, path: Path) -> None:
    """What root wrote is useless to the web server, which has to read it and to replace it."""
    if os.geteuid() != 0:
        return
    owner = folder.stat()
    for each in (path, path.parent, path.parent.parent):
        if each != folder:
            os.chown(each, owner.st_uid, owner.st_gid, follow_symlinks=False)


@contextmanager
def _opened(upload: Upload) -> Iterator[IO[bytes]]:
    yield _ObjectStream(read_object(portal_store(), upload))  # type: ignore[misc]


class _ObjectStream:
    """Blocks as a file that is read from its beginning to its end."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks

    def read(self, _size: int = -1) -> bytes:
        """The next block, of whatever size; nothing at the end."""
        return next((block for block in self._blocks if block), b"")
