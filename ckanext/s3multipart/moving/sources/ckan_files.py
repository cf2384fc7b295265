"""CKAN 2.12's own storages, ``ckan.files.storage.*``: of whichever type the one for resources is."""

import importlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any

import ckan.plugins.toolkit as tk
from ckan import model

from ckanext.s3multipart.moving.block_stream import BlockStream
from ckanext.s3multipart.moving.resources import PortalResource, without_our_file
from ckanext.s3multipart.moving.sources.interface import Located, NotUsable
from ckanext.s3multipart.moving.sources.local_storage import LocalStorage
from s3portal.transfer import CopySource

NAME = "ckan-files"

_SETTING = "ckan.files.default_storages.resource"
_FILE_SYSTEM = ("ckan:fs", "file_keeper:fs")


class CkanFiles:
    """The storage for files of resources, through CKAN's own interface to it."""

    name = NAME

    def __init__(self) -> None:
        self._files, self._storage = _storage_of_resources()

    def condition(self) -> Any:
        return without_our_file() & (model.resource_table.c.url_type == "upload")

    def locate(self, resource: PortalResource) -> Located | None:
        wanted = "/".join((resource.id[0:3], resource.id[3:6], resource.id[6:]))
        location = self._storage.prepare_location(wanted)
        if location != wanted:
            raise NotUsable(f"its place would be {wanted!r}, which is none")
        try:
            size_bytes = int(self._storage.size(location))
        except self._files.exc.FilesError as error:
            raise NotUsable(
                f"{wanted} is not in the storage {self._storage.settings.name}: {error}"
            ) from error
        # What else a storage tells of a file depends on its type.
        return Located(wanted, f"{size_bytes} {resource.fields['last_modified']}", size_bytes)

    def inside(self, located: Located) -> CopySource | None:
        return None

    @contextmanager
    def _opened(self, located: Located) -> Iterator[IO[bytes]]:
        file = self._files.FileData(self._files.Location(located.place), size=located.size_bytes)
        yield BlockStream(iter(self._storage.stream(file)))  # type: ignore[misc]

    def open(self, located: Located) -> AbstractContextManager[IO[bytes]]:
        return self._opened(located)


def open_ckan_files() -> CkanFiles | LocalStorage:
    """The storage that CKAN is configured with; one on the disk is read as the local storage is. Raises
    NotUsable."""
    folder = local_folder()
    return LocalStorage(folder) if folder is not None else CkanFiles()


def local_folder() -> Path | None:
    """The folder of the storage for resources, None for a storage that is elsewhere. Raises NotUsable."""
    _, storage = _storage_of_resources()
    if type(storage).__name__ != "FsStorage" and storage.settings.type not in _FILE_SYSTEM:
        return None
    return Path(storage.settings.path)


def is_configured() -> bool:
    """Whether CKAN keeps files of resources in such a storage."""
    try:
        _storage_of_resources()
    except NotUsable:
        return False
    return True


def _storage_of_resources() -> tuple[Any, Any]:
    try:
        files = importlib.import_module("ckan.lib.files")
    except ImportError as error:
        raise NotUsable("this CKAN has no ckan.files storages: they came with CKAN 2.12") from error
    try:
        return files, files.get_storage(tk.config[_SETTING])
    except files.exc.UnknownStorageError as error:
        raise NotUsable(f"there is no storage {tk.config[_SETTING]} ({_SETTING})") from error
