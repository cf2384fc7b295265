"""The kinds of places by their names."""

from collections.abc import Callable, Mapping
from pathlib import Path

from ckanext.s3multipart.moving.sources import ckan_files, links, local_storage, other_extensions
from ckanext.s3multipart.moving.sources.interface import NotUsable, Source
from ckanext.s3multipart.moving.sources.other_extensions import (
    BlobStorage,
    CloudStorage,
    GivenBucket,
    S3Filestore,
)

_OTHER_EXTENSIONS: dict[str, Callable[[GivenBucket], Source]] = {
    other_extensions.S3FILESTORE: S3Filestore,
    other_extensions.CLOUDSTORAGE: CloudStorage,
    other_extensions.BLOB_STORAGE: BlobStorage,
}
SOURCES = (local_storage.NAME, ckan_files.NAME, links.NAME, *_OTHER_EXTENSIONS)


def open_source(name: str, given: GivenBucket, listed: Mapping[str, str]) -> Source:
    """The source of this name. ``listed`` are keys by resource, for links. Raises NotUsable."""
    if name in _OTHER_EXTENSIONS:
        return _OTHER_EXTENSIONS[name](given)
    if name == links.NAME:
        return links.PlainUrls(given, listed)
    if given != GivenBucket():
        raise NotUsable(f"--from {name} has no bucket: leave out --bucket and what belongs to it")
    return ckan_files.open_ckan_files() if name == ckan_files.NAME else local_storage.LocalStorage()


def folder_of_ckan() -> Path:
    """Where CKAN itself looks for files of resources on the local disk. Raises NotUsable."""
    if not ckan_files.is_configured():
        return local_storage.resources_folder()
    folder = ckan_files.local_folder()
    if folder is None:
        raise NotUsable("CKAN's storage for resources (ckan.files.storage) is not on the local disk")
    return folder
