"""``migrate apply`` and ``revert``: the rows of Indico's tables of files, and what must be true before any of
them changes.
"""

from collections.abc import Iterable, Iterator, Sequence

from indico.core.config import config
from indico.core.db import db
from indico.core.storage import StorageError, StoredFileMixin
from sqlalchemy import inspect

from indico_plugin.backends import open_backend
from indico_plugin.migration.mapping import MappingEntry
from indico_plugin.migration.stored_files import find_model
from s3portal.portal.migration import RowState, UnusableChange, missing_everywhere


def missing_backends(entries: Iterable[MappingEntry]) -> set[str]:
    """The backends that the entries lead to and that ``STORAGE_BACKENDS`` does not have: their files would
    not be found.
    """
    wanted = {entry.new_backend for entry in entries if entry.new_backend is not None}
    return wanted - set(config.STORAGE_BACKENDS)


def missing_files(entries: Sequence[MappingEntry]) -> Iterator[str]:
    """What is wrong with backends that the entries lead to, and that have none of a few of their files: the
    wrong bucket or key in indico.conf, say. No row should change then.
    """
    by_backend: dict[str, list[str]] = {}
    for entry in entries:
        if entry.new_backend is not None and entry.new_file_id is not None:
            by_backend.setdefault(entry.new_backend, []).append(entry.new_file_id)
    for name, problem in missing_everywhere(by_backend, _problem):
        yield f"{name} has none of the files: {problem}"


def _problem(backend: str, file_id: str) -> str | None:
    storage = open_backend(backend)
    try:
        storage.getsize(file_id)
    except StorageError as error:
        return str(error)
    return None


class FileRows:
    """The rows of all tables of files (``s3portal.portal.migration.Rows``)."""

    def change(self, change: MappingEntry) -> RowState:
        model = find_model(change.model)
        if model is None:
            raise UnusableChange(f"{change.model} {change.pk}", "this Indico has no such table of files")
        row = model.query.filter(
            *(column == value for column, value in zip(inspect(model).primary_key, change.pk, strict=True))
        )
        old = _columns(model, change.old_backend, change.old_file_id)
        new = _columns(model, change.new_backend, change.new_file_id)
        filename = {model.filename: change.new_filename} if change.new_filename is not None else {}
        if row.filter(*_equal(old)).update({**new, **filename}, synchronize_session=False):
            return RowState.UPDATED
        if row.filter(*_equal(new)).first() is not None:
            return RowState.BEFORE
        return RowState.GONE if row.first() is None else RowState.CHANGED_SINCE

    def name(self, change: MappingEntry) -> str:
        return f"{change.model} {'/'.join(map(str, change.pk))}"

    def commit(self) -> None:
        db.session.commit()


def _columns(model: type[StoredFileMixin], backend: str | None, file_id: str | None) -> dict:
    values = {model.storage_backend: backend, model.storage_file_id: file_id}
    return {column: value for column, value in values.items() if value is not None}


def _equal(columns: dict) -> Iterator:
    return (column == value for column, value in columns.items())
