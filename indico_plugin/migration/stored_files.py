"""The files that a site has, table by table, and the keys that they get on S3."""

import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from indico.core.db import db
from indico.core.storage import StoredFileMixin
from indico.modules.events.static.models.static import StaticSite, StaticSiteState
from indico.modules.files.models.files import File
from indico.util.date_time import now_utc
from indico.util.fs import secure_filename
from sqlalchemy import inspect, tuple_

from s3portal.portal.migration import UnusableRow

_ROWS_A_QUERY = 1000

# Tables whose rows have no date of their own: where the date is that decides on the bucket.
_DATES = {
    "AbstractFile": lambda row: row.abstract.submitted_dt,
    "DesignerImageFile": lambda row: row.template.event.created_dt if row.template.event else None,
    "ImageFile": lambda row: row.event.created_dt,
    "PaperFile": lambda row: row.paper_revision.submitted_dt,
    "PaperTemplate": lambda row: row.event.created_dt,
    "RegistrationData": lambda row: row.registration.submitted_dt,
    "StaticSite": lambda row: row.event.created_dt,
}

_REGISTRATION_KEY = re.compile(r"(?P<start>event/\d+/registrations/\d+/\d+/\d+-)\d+(?P<end>-.*)")


@dataclass(frozen=True)
class StoredFile:
    """One stored file, apart from its database session, so that any thread may work on it.

    ``key`` is the key that it has, or gets, on S3; sizes in bytes; ``md5`` in hex, "" where it is not known.
    """

    model: str
    pk: tuple[int | str, ...]
    backend: str
    file_id: str
    key: str
    filename: str
    content_type: str
    size_bytes: int
    md5: str
    created_at: datetime

    @property
    def row(self) -> tuple[str, tuple[int | str, ...]]:
        """Which row it is, as a mapping names it."""
        return self.model, self.pk

    def __str__(self) -> str:
        return f"{self.model} {'/'.join(map(str, self.pk))} ({self.backend}: {self.file_id})"


def file_models() -> list[type[StoredFileMixin]]:
    """The tables that have stored files, also those of other plugins."""
    return sorted(StoredFileMixin.__subclasses__(), key=lambda model: model.__name__)


def find_model(name: str) -> type[StoredFileMixin] | None:
    """The table of this name in mapping files."""
    return next((model for model in file_models() if model.__name__ == name), None)


def count_files(backends: Sequence[str]) -> tuple[int, int]:
    """How many files these backends have, and of how many bytes."""
    totals = [
        _rows(model, backends).with_entities(db.func.count(), db.func.sum(model.size)).one()
        for model in file_models()
    ]
    return sum(count for count, _ in totals), int(sum(size_bytes or 0 for _, size_bytes in totals))


def list_files(backends: Sequence[str]) -> Iterator[StoredFile | UnusableRow]:
    """The files of these backends. Memory does not grow with their number; each batch is a query of its
    own.
    """
    for model in file_models():
        pks = inspect(model).primary_key
        query = _rows(model, backends).order_by(*pks)
        batch = query.limit(_ROWS_A_QUERY).all()
        while batch:
            last = inspect(batch[-1]).identity
            yield from [_describe(row) for row in batch]
            # The rows are no longer needed, and no transaction stays open while files are copied.
            db.session.rollback()
            db.session.expunge_all()
            batch = query.filter(tuple_(*pks) > tuple_(*last)).limit(_ROWS_A_QUERY).all()


def _rows(model: type[StoredFileMixin], backends: Sequence[str]):
    query = model.query.filter(model.storage_file_id.isnot(None), model.storage_backend.in_(backends))
    # Packages that are still being built, or failed, are no files yet.
    return query.filter_by(state=StaticSiteState.success) if model is StaticSite else query


def _describe(row: StoredFileMixin) -> StoredFile | UnusableRow:
    model, pk = type(row).__name__, tuple(inspect(row).identity)
    try:
        return StoredFile(
            model=model,
            pk=pk,
            backend=row.storage_backend,
            file_id=row.storage_file_id,
            key=object_key(row),
            filename=row.filename or "file",
            content_type=row.content_type or "application/octet-stream",
            size_bytes=row.size or 0,
            md5=row.md5 or "",
            created_at=_DATES.get(model, lambda row: row.created_dt)(row) or now_utc(),
        )
    except Exception as error:  # noqa: BLE001 (one row of ten years of data must not stop the others)
        return UnusableRow(f"{model} {pk}", f"{type(error).__name__}: {error}")


def object_key(row: StoredFileMixin) -> str:
    """The key that the file would get if it were stored on S3 today, the same at every call.

    Old sites have file ids of several earlier forms; on S3 all are of the present one.
    """
    if isinstance(row, File):
        # Its path depends on what it was uploaded for, which is known only then; it never had another form.
        return row.storage_file_id.rpartition("//")[2]
    with _secured_filename(row):
        key = row._build_storage_path()[1]
    fresh = _REGISTRATION_KEY.fullmatch(key)
    if fresh is None:
        return key
    # These have the time of upload in them, to tell files of one name apart.
    if _REGISTRATION_KEY.fullmatch(row.storage_file_id):
        return row.storage_file_id
    return f"{fresh['start']}{zlib.crc32(row.storage_file_id.encode())}{fresh['end']}"


@contextmanager
def _secured_filename(row: StoredFileMixin) -> Iterator[None]:
    """The row with a file name that fits in a path, as long as it lasts; some tables have names as
    uploaded.
    """
    filename = row.filename
    with db.session.no_autoflush:
        row.filename = secure_filename(filename, "file")
        try:
            yield
        finally:
            row.filename = filename
