"""``migrate back``: files that live on S3, to local storage, also those that were never anywhere else.

Each file is downloaded beside its place, verified, moved there, and only then its row is changed. The objects
stay on S3. A run that was stopped goes on with the same command; ``migrate revert`` with the mapping undoes
it.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from indico.core.db import db
from indico.core.storage.backend import FileSystemStorage, get_storage

from indico_plugin.bucket_info import buckets_with_files
from indico_plugin.dynamic_buckets import DynamicS3Storage
from indico_plugin.migration.apply import ApplyReport, apply_entries
from indico_plugin.migration.copy import NotVerified
from indico_plugin.migration.mapping import MappingEntry, MappingWriter, moved_entry
from indico_plugin.migration.parallel import work_through
from indico_plugin.migration.stored_files import StoredFile, UnusableRow, list_files

_CHUNK_BYTES = 1024 * 1024
_ROWS_A_COMMIT = 100


@dataclass
class BackReport:
    """What a run did."""

    brought: int = 0
    #: Rows that cannot be brought, of which nothing is known but their name.
    passed_over: int = 0
    passed_over_bytes: int = 0
    rows: ApplyReport = field(default_factory=ApplyReport)
    failures: list[tuple[str, str]] = field(default_factory=list)


def require_stores(sources: Sequence[str]) -> None:
    """Raises what the store of a source says of its keys and address, before any file is brought."""
    for name in sources:
        storage = get_storage(name)
        buckets = buckets_with_files(name) if isinstance(storage, DynamicS3Storage) else [storage.bucket_name]
        for bucket in buckets:
            storage.bucket_exists(bucket)


def bring_back(
    sources: Sequence[str], target: str, mapping: MappingWriter, threads: int, report: BackReport
) -> Iterator[StoredFile]:
    """Brings all files of the source backends to the backend ``target``, and yields each as it is done.

    The mapping has an entry before the row changes, so there is always a way back.
    """
    folder = get_storage(target)
    if not isinstance(folder, FileSystemStorage):
        raise ValueError(f"{target} is not a backend in the file system")
    changed: list[MappingEntry] = []
    recorded = {entry.row for entry in mapping.earlier}
    for outcome in work_through(
        _usable(list_files(sources), report), lambda file: bring_file(file, folder), threads
    ):
        file = outcome.job
        if outcome.error is not None:
            report.failures.append((str(file), str(outcome.error)))
        else:
            entry = moved_entry(file.model, file.pk, (file.backend, file.file_id), (target, file.key))
            if entry.row not in recorded:
                mapping.add(entry)
            changed.append(entry)
            report.brought += 1
            if len(changed) >= _ROWS_A_COMMIT:
                _change_rows(changed, report)
        yield file
    _change_rows(changed, report)


def bring_file(file: StoredFile, folder: FileSystemStorage) -> Path:
    """One file into the folder of a local backend; nothing is done where it is there already.

    Raises NotVerified where what arrives is not what the row says, or where another file is in its place.
    """
    place = Path(folder._resolve_path(file.key))
    if place.exists():
        if _matches(file, place.stat().st_size, _md5_of(place)):
            return place
        raise NotVerified(f"there is a different file in its place: {place}")
    place.parent.mkdir(parents=True, exist_ok=True)
    arriving = place.with_name(f".{place.name[:200]}.arriving")
    md5 = hashlib.md5(usedforsecurity=False)
    with get_storage(file.backend).open(file.file_id) as source, arriving.open("wb") as copy:
        while chunk := source.read(_CHUNK_BYTES):
            md5.update(chunk)
            copy.write(chunk)
        copy.flush()
        os.fsync(copy.fileno())
    if not _matches(file, arriving.stat().st_size, md5.hexdigest()):
        arriving.unlink()
        raise NotVerified("what arrived differs in size or MD5 from what the database says")
    arriving.rename(place)
    return place


def _matches(file: StoredFile, size_bytes: int, md5: str) -> bool:
    return size_bytes == file.size_bytes and (not file.md5 or md5 == file.md5.lower())


def _md5_of(path: Path) -> str:
    md5 = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as content:
        while chunk := content.read(_CHUNK_BYTES):
            md5.update(chunk)
    return md5.hexdigest()


def _usable(files: Iterator[StoredFile | UnusableRow], report: BackReport) -> Iterator[StoredFile]:
    for file in files:
        if isinstance(file, UnusableRow):
            report.failures.append((file.name, file.reason))
            report.passed_over += 1
        else:
            yield file


def _change_rows(changed: list[MappingEntry], report: BackReport) -> None:
    for _entry in apply_entries(changed, report.rows):
        pass
    changed.clear()
    db.session.rollback()
