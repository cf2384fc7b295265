"""The objects of a target by their contents: a table in a temporary file, so that memory stays constant
whatever the number of objects."""

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import TracebackType

from s3portal.buckets.sync.digests import MD5_ETAG
from s3portal.buckets.sync.entries import Entry

_ROWS_AT_A_TIME = 1000
#: Nothing can be copied from these without being restored first (S3 User Guide, "Storage classes").
_ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_TABLE = """
    CREATE TABLE objects (
        path BLOB PRIMARY KEY, size_bytes INTEGER, modified_s REAL, etag TEXT, storage_class TEXT,
        is_md5 INTEGER, is_listed INTEGER, md5 TEXT, part_bytes INTEGER, algorithm TEXT, checksum TEXT,
        is_looked_at INTEGER
    ) WITHOUT ROWID;
    CREATE INDEX by_etag ON objects (size_bytes, etag);
    CREATE INDEX by_kind ON objects (size_bytes, is_md5);
    CREATE INDEX by_md5 ON objects (size_bytes, md5) WHERE md5 IS NOT NULL;
"""
_SELECT = (
    "SELECT path, size_bytes, modified_s, etag, storage_class, md5, part_bytes, algorithm, checksum,"
    " is_looked_at FROM objects"
)


@dataclass(frozen=True, slots=True)
class Known:
    """An object and what is known of its content: the MD5 that we sent, the size of its parts, a checksum
    that the store keeps. ``is_looked_at``: the store was asked for more."""

    entry: Entry
    md5: str | None = None
    part_bytes: int | None = None
    algorithm: str | None = None
    checksum: str | None = None
    is_looked_at: bool = False


class ContentIndex:
    """The table. Safe in threads. As a context it is gone with it; TMPDIR says where it is."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="s3portal-sync-")
        self._table = sqlite3.connect(
            Path(self._folder.name) / "objects.sqlite", check_same_thread=False, isolation_level=None
        )
        self._lock = Lock()
        # Nobody needs it after a crash.
        self._table.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; {_TABLE}")

    def __enter__(self) -> "ContentIndex":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._table.close()
        self._folder.cleanup()

    def fill(self, listed: Iterable[Entry]) -> None:
        """Takes in the whole listing of the target."""
        with self._lock:
            self._table.execute("BEGIN")
            for each in listed:
                self._insert(Known(each), is_listed=True)
            self._table.execute("COMMIT")

    def listed(self) -> Iterator[Entry]:
        """The listing, in the order of the keys."""
        after = b""
        while True:
            with self._lock:
                rows = self._table.execute(
                    _SELECT + " WHERE is_listed AND path > ? ORDER BY path LIMIT ?",
                    (after, _ROWS_AT_A_TIME),
                ).fetchall()
            yield from (_known(row).entry for row in rows)
            if len(rows) < _ROWS_AT_A_TIME:
                return
            after = rows[-1][0]

    def add(self, known: Known) -> None:
        """An object that is there by now, or something new that is known of one."""
        with self._lock:
            self._insert(known, is_listed=False)

    def with_md5(self, size_bytes: int, md5: str) -> list[Known]:
        """Some objects of this size whose ETag, or whose content as it was sent, has this MD5."""
        return self._select(
            "size_bytes = ?1 AND etag = ?2 UNION ALL "
            + _SELECT
            + " WHERE size_bytes = ?1 AND md5 = ?2 LIMIT 4",
            (size_bytes, md5),
        )

    def of_size(self, size_bytes: int, *, of_parts: bool, limit: int) -> list[Known]:
        """Objects of this size; ``of_parts`` only those whose ETag is no MD5 for sure."""
        of_these = " AND is_md5 = 0" if of_parts else ""
        return self._select(f"size_bytes = ?1{of_these} ORDER BY is_md5 LIMIT ?2", (size_bytes, limit))

    def _select(self, where: str, values: tuple[object, ...]) -> list[Known]:
        with self._lock:
            rows = self._table.execute(f"{_SELECT} WHERE {where}", values).fetchall()
        found = [_known(row) for row in rows]
        return [each for each in found if each.entry.storage_class not in _ARCHIVED]

    def _insert(self, known: Known, *, is_listed: bool) -> None:
        entry = known.entry
        self._table.execute(
            "INSERT INTO objects VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12) ON CONFLICT (path) DO"
            " UPDATE SET size_bytes=?2, modified_s=?3, etag=?4, storage_class=?5, is_md5=?6, md5=?8,"
            " part_bytes=?9, algorithm=?10, checksum=?11, is_looked_at=?12",
            (
                entry.place_in_order,
                entry.size_bytes,
                entry.modified_s,
                entry.etag,
                entry.storage_class,
                bool(MD5_ETAG.fullmatch(entry.etag)),
                is_listed,
                known.md5,
                known.part_bytes,
                known.algorithm,
                known.checksum,
                known.is_looked_at,
            ),
        )


def _known(
    row: tuple[bytes, int, float, str, str, str | None, int | None, str | None, str | None, int],
) -> Known:
    path, size_bytes, modified_s, etag, storage_class, md5, part_bytes, algorithm, checksum, is_looked_at = (
        row
    )
    entry = Entry(path.decode("utf-8", "surrogatepass"), size_bytes, modified_s, etag, storage_class)
    return Known(entry, md5, part_bytes, algorithm, checksum, bool(is_looked_at))
