"""``migrate apply`` and ``revert``: what a mapping says, into the database, or back out of it.

A row is changed only where it still has the file that was copied. Doing it again changes nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from indico.core.config import config
from indico.core.db import db
from indico.core.storage import StorageError, StoredFileMixin
from sqlalchemy import inspect

from indico_plugin.backends import open_backend
from indico_plugin.migration.mapping import MappingEntry
from indico_plugin.migration.stored_files import find_model

_ROWS_A_COMMIT = 1000
# Some may have been deleted with their materials since.
_FILES_LOOKED_AT = 10


@dataclass
class ApplyReport:
    """What became of the entries. ``changed_since`` are rows that have another file by now; they stay."""

    updated: int = 0
    before: int = 0
    gone: int = 0
    changed_since: list[str] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)


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
    for name, file_ids in by_backend.items():
        storage, error = open_backend(name), None
        for file_id in file_ids[:: max(1, len(file_ids) // _FILES_LOOKED_AT)]:
            try:
                storage.getsize(file_id)
                break
            except StorageError as failure:
                error = failure
        else:
            yield f"{name} has none of the files: {error}"


def apply_entries(entries: Iterable[MappingEntry], report: ApplyReport) -> Iterator[MappingEntry]:
    """Changes the rows, commits now and then, and yields each entry when it is dealt with."""
    for number, entry in enumerate(entries, start=1):
        _apply(entry, report)
        if number % _ROWS_A_COMMIT == 0:
            db.session.commit()
        yield entry
    db.session.commit()


def _apply(entry: MappingEntry, report: ApplyReport) -> None:
    model = find_model(entry.model)
    if model is None:
        report.failures.append((f"{entry.model} {entry.pk}", "this Indico has no such table of files"))
        return
    row = model.query.filter(
        *(column == value for column, value in zip(inspect(model).primary_key, entry.pk, strict=True))
    )
    old = _columns(model, entry.old_backend, entry.old_file_id)
    new = _columns(model, entry.new_backend, entry.new_file_id)
    filename = {model.filename: entry.new_filename} if entry.new_filename is not None else {}
    if row.filter(*_equal(old)).update({**new, **filename}, synchronize_session=False):
        report.updated += 1
    elif row.filter(*_equal(new)).first() is not None:
        report.before += 1
    elif row.first() is None:
        report.gone += 1
    else:
        report.changed_since.append(f"{entry.model} {'/'.join(map(str, entry.pk))}")


def _columns(model: type[StoredFileMixin], backend: str | None, file_id: str | None) -> dict:
    values = {model.storage_backend: backend, model.storage_file_id: file_id}
    return {column: value for column, value in values.items() if value is not None}


def _equal(columns: dict) -> Iterator:
    return (column == value for column, value in columns.items())
