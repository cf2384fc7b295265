"""What ``indico s3 doctor`` says of the files themselves: rows without a backend, and objects that are
gone.
"""

from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, ClientError
from indico.core.config import config
from indico.core.db import db
from indico.core.storage import StorageError
from sqlalchemy import inspect

from indico_plugin.backends import usable_backends
from indico_plugin.lost_files import forget_lost, lost_files, record_lost
from indico_plugin.migration.stored_files import file_models
from indico_plugin.storage import S3StorageBase
from s3portal.portal.doctor import FileProblem, RecordedFile, problem_of_file
from s3portal.portal.findings import OK, WRONG, Finding, some

#: How many of the newest files of each table are checked in each backend.
_LOOKED_AT = 5
_SHOWN = 3
_FIX = "restore the objects from a backup or from an earlier version; the next run of the doctor checks again"


def examine_rows() -> Iterator[Finding]:
    """Files in the database whose backend is no longer in indico.conf: no one can download those."""
    counts: dict[str, int] = {}
    for model in file_models():
        rows = db.session.query(model.storage_backend, db.func.count()).group_by(model.storage_backend)
        for name, count in rows:
            counts[name] = counts.get(name, 0) + count
    for name, count in sorted((name, count) for name, count in counts.items() if name is not None):
        if name not in config.STORAGE_BACKENDS:
            text = f"{count} files are recorded there, but STORAGE_BACKENDS does not have it"
            yield Finding(name, "files", WRONG, text, "add it to indico.conf again")


def examine_files() -> Iterator[Finding]:
    """The newest files of each S3 backend, and those that readers found gone: a HEAD for each."""
    noticed = {(host, bucket, key) for host, bucket, key, _ in lost_files()}
    for name, storage in usable_backends():
        if isinstance(storage, S3StorageBase):
            yield from _examine_files_of(name, storage, noticed)


def _examine_files_of(
    name: str, storage: S3StorageBase, noticed: set[tuple[str, str, str]]
) -> Iterator[Finding]:
    places = _newest_files(name, storage)
    for host, bucket, key in sorted(noticed):
        if host == storage.options.host and storage.has_bucket(bucket):
            places.setdefault((bucket, key), None)
    gone, wrong_size = [], []
    try:
        for (bucket, key), size_bytes in places.items():
            file = RecordedFile(key, f"{key} in {bucket}", size_bytes)
            problem = _look(storage, bucket, file)
            if problem is not None and problem.is_gone:
                gone.append(file.shown)
            elif problem is not None:
                wrong_size.append(f"{file.shown} {problem.text}")
    except (ClientError, BotoCoreError, StorageError):
        # What the store has against these keys is said of the bucket.
        return
    if gone:
        yield Finding(
            name, "files", WRONG, f"{len(gone)} are gone from the store: {some(gone, _SHOWN, ', ')}", _FIX
        )
    if wrong_size:
        text = f"{len(wrong_size)} are not what Indico stored: {some(wrong_size, _SHOWN, ', ')}"
        yield Finding(name, "files", WRONG, text, _FIX)
    if places and not gone and not wrong_size:
        yield Finding(name, "files", OK, f"{len(places)} of them checked, all present")


def _newest_files(name: str, storage: S3StorageBase) -> dict[tuple[str, str], int | None]:
    """Where the newest files of each table should be, and their sizes in bytes."""
    places = {}
    for model in file_models():
        rows = (
            db.session.query(model.storage_file_id, model.size)
            .filter(model.storage_backend == name, model.storage_file_id.isnot(None))
            .order_by(*(column.desc() for column in inspect(model).primary_key))
            .limit(_LOOKED_AT)
        )
        for file_id, size_bytes in rows:
            try:
                places[storage.locate(file_id)] = size_bytes
            except StorageError:
                continue
    return places


def _look(storage: S3StorageBase, bucket: str, file: RecordedFile) -> FileProblem | None:
    """The problem of a file. Whether it is there is recorded."""
    problem = problem_of_file(storage.store(bucket), file)
    note = record_lost if problem is not None and problem.is_gone else forget_lost
    note(storage.options, bucket, file.key)
    return problem
