"""``migrate back``: files that live on S3, to local storage, also those that were never anywhere else.

Each file is downloaded beside its place, verified, moved there, and only then its row is changed. The objects
stay on S3. A run that was stopped resumes with the same command; ``migrate revert`` with the mapping undoes
it.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from flask import current_app
from indico.core.storage.backend import FileSystemStorage, get_storage

from indico_plugin.bucket_info import buckets_with_files
from indico_plugin.dynamic_buckets import DynamicS3Storage
from indico_plugin.migration.mapping import MappingEntry, moved_entry
from indico_plugin.migration.stored_files import StoredFile, list_files
from s3portal.portal.migration import Place, UnusableRow, receive_file, verify_local_file


def require_stores(sources: Sequence[str]) -> None:
    """Raises what the store of a source says of its keys and address, before any file is brought."""
    for name in sources:
        storage = get_storage(name)
        buckets = buckets_with_files(name) if isinstance(storage, DynamicS3Storage) else [storage.bucket_name]
        for bucket in buckets:
            storage.bucket_exists(bucket)


class BringBack:
    """The files of the source backends, on their way to the local backend ``target``
    (``s3portal.portal.migration.Move``).
    """

    def __init__(self, sources: Sequence[str], target: str) -> None:
        folder = get_storage(target)
        if not isinstance(folder, FileSystemStorage):
            raise ValueError(f"{target} is not a backend in the file system")
        self._sources = sources
        self._target = target
        self._folder = folder
        self._app = current_app._get_current_object()

    def files(self) -> Iterator[StoredFile | UnusableRow]:
        return list_files(self._sources)

    def place(self, file: StoredFile) -> Place:
        return Place(self._target, file.key)

    def change(self, file: StoredFile, place: Place) -> MappingEntry:
        return moved_entry(file.model, file.pk, (file.backend, file.file_id), (self._target, place.key))

    def is_of(self, change: MappingEntry, file: StoredFile) -> bool:
        return change.old_file_id in (None, file.file_id)

    def copy(self, file: StoredFile, place: Place) -> None:
        receive_file(
            self._path(place),
            lambda: get_storage(file.backend).open(file.file_id),
            file.size_bytes,
            file.md5,
        )

    def verify(self, file: StoredFile, place: Place) -> None:
        verify_local_file(self._path(place), file.size_bytes, file.md5)

    def working(self) -> AbstractContextManager[object]:
        return self._app.app_context()

    def _path(self, place: Place) -> Path:
        return Path(self._folder._resolve_path(place.key))
