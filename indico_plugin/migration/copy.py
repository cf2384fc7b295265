"""``migrate copy``: which files go to S3, where each goes, and how it gets there."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from flask import current_app
from indico.core.storage.backend import get_storage
from indico.util.date_time import now_utc

from indico_plugin.buckets import bucket_exists, create_bucket
from indico_plugin.migration.bucket_rules import BucketRule, choose_bucket
from indico_plugin.migration.mapping import MappingEntry, moved_entry
from indico_plugin.migration.stored_files import StoredFile, list_files
from indico_plugin.object_writer import KeyExists, write_object
from indico_plugin.options import StaticOptions, open_backend_store
from s3portal.portal.migration import AlreadyThere, Place, UnusableRow, verify_object
from s3portal.transfer import read_settings


@dataclass(frozen=True)
class CopyTarget:
    """Where on S3 the files go. ``connection`` has the options of the new backends except the bucket."""

    connection: dict[str, str]
    rules: tuple[BucketRule, ...]
    static_rule: BucketRule | None

    def names(self, file: StoredFile) -> tuple[str, str]:
        """``(bucket, backend)`` for a file."""
        if file.model == "StaticSite" and self.static_rule is not None:
            return self.static_rule.names(file.created_at)
        return choose_bucket(self.rules, file.created_at)

    def options(self, bucket: str) -> StaticOptions:
        """The options of the backend of one bucket."""
        return read_settings(StaticOptions, {**self.connection, "bucket": bucket}, "")

    def require_store(self) -> None:
        """Raises what the store says of these keys and this address, before any file is read. That a bucket
        is not there yet is fine.
        """
        rules = (*self.rules, self.static_rule) if self.static_rule else self.rules
        for rule in rules:
            bucket, _backend = rule.names(now_utc())
            bucket_exists(self.options(bucket), bucket)

    def definition(self, bucket: str) -> str:
        """The line of ``STORAGE_BACKENDS`` for one bucket, except for its name. Read-only: new files go
        elsewhere.
        """
        options = {
            name: value.removeprefix("https://") if name == "host" else value
            for name, value in self.connection.items()
            if name != "bucket_policy_file"
        }
        return "s3-readonly:" + ",".join(
            f"{name}={value}" for name, value in {**options, "bucket": bucket}.items()
        )


class CopyToS3:
    """The files of the source backends, on their way to S3 (``s3portal.portal.migration.LocalMove``).

    ``backends`` are the new entries of ``STORAGE_BACKENDS``, by name, that the files seen so far need.
    """

    def __init__(self, sources: Sequence[str], target: CopyTarget) -> None:
        self._sources = sources
        self._target = target
        self._app = current_app._get_current_object()
        self.backends: dict[str, str] = {}

    def files(self) -> Iterator[StoredFile | UnusableRow]:
        return list_files(self._sources)

    def place(self, file: StoredFile) -> Place:
        bucket, backend = self._target.names(file)
        self.backends[backend] = self._target.definition(bucket)
        return Place(bucket, file.key)

    def change(self, file: StoredFile, place: Place) -> MappingEntry:
        _bucket, backend = self._target.names(file)
        return moved_entry(file.model, file.pk, (file.backend, file.file_id), (backend, place.key))

    def is_of(self, change: MappingEntry, file: StoredFile) -> bool:
        return change.old_file_id in (None, file.file_id)

    def copy(self, file: StoredFile, place: Place) -> None:
        options = self._target.options(place.container)
        store = open_backend_store(options, place.container)
        with get_storage(file.backend).open(file.file_id) as source:
            try:
                write_object(
                    store,
                    place.key,
                    file.content_type,
                    source,
                    make_bucket=lambda: create_bucket(options, place.container),
                    expected_md5=file.md5,
                )
            except KeyExists as error:
                raise AlreadyThere(str(error)) from error
        self.verify(file, place)

    def verify(self, file: StoredFile, place: Place) -> None:
        store = open_backend_store(self._target.options(place.container), place.container)
        verify_object(store, place.key, file.size_bytes, file.md5)

    def working(self) -> AbstractContextManager[object]:
        return self._app.app_context()

    def local_path(self, file: StoredFile) -> Path:
        return Path(get_storage(file.backend)._resolve_path(file.file_id))

    def prepare(self, container: str) -> None:
        create_bucket(self._target.options(container), container)
