"""Everything that has bytes: the objects, their versions and the unfinished uploads, one after the other."""

# ruff: noqa: S608  (what goes into the statements is constants of this file)
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from s3portal.server.storage.parts import COLUMNS as PART_COLUMNS
from s3portal.server.storage.records import Part
from s3portal.server.storage.storage import Storage

ROWS_AT_ONCE = 500

OBJECT, VERSION, UPLOAD = "object", "version", "upload"

_STORED = (
    "body_id, bucket_id, key, version_id, size_bytes, etag, checksum_algorithm, checksum_type, checksum_value"
)
_SELECTS = {
    OBJECT: f"SELECT {_STORED} FROM objects WHERE TRUE",
    VERSION: f"SELECT {_STORED} FROM versions WHERE NOT is_delete_marker",
    UPLOAD: "SELECT upload_id, bucket_id, key, upload_id, NULL, NULL, checksum_algorithm, checksum_type, "
    "NULL FROM uploads WHERE TRUE",
}
# What is unique in each table, and along which it is read.
_ORDERS = {
    OBJECT: "bucket_id, key",
    VERSION: "bucket_id, key, sequence",
    UPLOAD: "bucket_id, key, initiated_at, upload_id",
}
_BODY_COLUMNS = {OBJECT: "body_id", VERSION: "body_id", UPLOAD: "upload_id"}
_TABLES = {OBJECT: "objects", VERSION: "versions", UPLOAD: "uploads"}


@dataclass(frozen=True)
class Body:
    """An object, a version that is no longer current, or an upload, with what its row says of its bytes.

    ``kind`` is one of the constants above; ``version_id`` of an upload is its id. An upload has no size, no
    ETag and no checksum yet. ``bucket`` is None where the row's bucket does not exist.
    """

    kind: str
    body_id: str
    bucket_id: int
    bucket: str | None
    key: str
    version_id: str
    size_bytes: int | None
    etag: str | None
    checksum_algorithm: str
    checksum_type: str
    checksum_value: str | None

    @property
    def label(self) -> str:
        """What a person calls it."""
        name = f"{self.bucket or 'a bucket that does not exist'}/{printable(self.key)}"
        if self.kind == UPLOAD:
            return f"upload {self.version_id} of {name}"
        return name if self.version_id == "null" else f"{name} (version {self.version_id})"


def printable(key: str) -> str:
    """Returns a key as a terminal may show it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in key)


def all_bodies(storage: Storage, after: tuple[str, tuple[Any, ...]] | None = None) -> Iterator[Body]:
    """Yields every body."""
    for body, _ in bodies_from(storage, after):
        yield body


def bodies_from(
    storage: Storage, after: tuple[str, tuple[Any, ...]] | None = None
) -> Iterator[tuple[Body, tuple[str, tuple[Any, ...]]]]:
    """Yields every body behind the position ``after``, each with its own position. No transaction stays open
    meanwhile, so that a server beside it is not held up."""
    names = _bucket_names(storage)
    kinds = list(_SELECTS)
    for kind in kinds if after is None else kinds[kinds.index(after[0]) :]:
        last = after[1] if after is not None and after[0] == kind else None
        while rows := _rows(storage, kind, last):
            for row, position in rows:
                if row[1] not in names:
                    names = _bucket_names(storage)
                yield _body_of_row(kind, row, names), (kind, position)
            last = rows[-1][1]


def _rows(
    storage: Storage, kind: str, last: tuple[Any, ...] | None
) -> list[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    order = _ORDERS[kind]
    count = order.count(",") + 1
    behind = "" if last is None else f"AND ({order}) > ({', '.join('?' * count)})"
    select = _SELECTS[kind].replace(" FROM", f", {order} FROM", 1)
    with storage.database.read() as connection:
        found = connection.execute(f"{select} {behind} ORDER BY {order} LIMIT {ROWS_AT_ONCE}", last or ())
        return [(row[:-count], row[-count:]) for row in found]


def _bucket_names(storage: Storage) -> dict[int, str]:
    with storage.database.read() as connection:
        return dict(connection.execute("SELECT bucket_id, name FROM buckets").fetchall())


def _body_of_row(kind: str, row: tuple[Any, ...], names: dict[int, str]) -> Body:
    body_id, bucket_id, key, version_id, *facts = row
    return Body(kind, body_id, bucket_id, names.get(bucket_id), key.decode(), version_id, *facts)


def parts_of(storage: Storage, body: Body) -> list[Part]:
    """Returns the parts of a body in order, without their contents."""
    with storage.database.read() as connection:
        rows = connection.execute(
            f"SELECT {PART_COLUMNS} FROM parts WHERE body_id = ? ORDER BY part_number", (body.body_id,)
        )
        return [Part(*row) for row in rows]


def content_of(storage: Storage, body: Body, part: Part) -> bytes | None:
    """Returns the content of a part that has no blob, None where there is none."""
    with storage.database.read() as connection:
        row = connection.execute(
            "SELECT content FROM parts JOIN contents USING (content_id) "
            "WHERE body_id = ? AND part_number = ?",
            (body.body_id, part.part_number),
        ).fetchone()
    return None if row is None else bytes(row[0])


def is_current(storage: Storage, body: Body, part: Part | None = None) -> bool:
    """Whether a body, and a part of it, are still what the rows said."""
    with storage.database.read() as connection:
        if not any(
            connection.execute(
                f"SELECT 1 FROM {table} WHERE bucket_id = ? AND key = ? AND {_BODY_COLUMNS[kind]} = ?",
                (body.bucket_id, body.key.encode(), body.body_id),
            ).fetchone()
            for kind, table in _TABLES.items()
        ):
            return False
        if part is None:
            return True
        row = connection.execute(
            "SELECT blob FROM parts WHERE body_id = ? AND part_number = ?", (body.body_id, part.part_number)
        ).fetchone()
        return row is not None and row[0] == part.blob
