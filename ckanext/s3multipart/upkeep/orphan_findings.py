"""What looking for orphans finds, and a list of it on the disk that may be long."""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import IO

#: An object that no row needs; a row whose object is gone; an unfinished multipart upload that no row knows.
OBJECT = "object"
ROW = "row"
MULTIPART = "upload"


@dataclass(frozen=True)
class Orphan:
    """One finding. ``since`` is the time of the object, of the row, or of the upload's beginning; ``safe`` is
    whether ``--apply`` removes it; ``why`` says why not, or what it is."""

    kind: str
    key: str
    size_bytes: int
    since: str
    safe: bool
    why: str
    upload_id: str = ""


@dataclass
class OrphanCount:
    """How many, and their bytes together."""

    found: int = 0
    size_bytes: int = 0
    safe: int = 0
    removed: int = 0

    def add(self, orphan: Orphan) -> None:
        """Counts one."""
        self.found += 1
        self.size_bytes += orphan.size_bytes
        self.safe += orphan.safe


@dataclass
class OrphanReport:
    """What a look found. ``finished`` is False where the store or its listing failed, and then nothing is
    removed. ``failed`` are those that the store did not let go."""

    objects: OrphanCount = field(default_factory=OrphanCount)
    rows: OrphanCount = field(default_factory=OrphanCount)
    uploads: OrphanCount = field(default_factory=OrphanCount)
    finished: bool = False
    uploads_listed: bool = True
    failed: int = 0
    problem: str = ""

    def of(self, kind: str) -> OrphanCount:
        """The count of a kind."""
        return {OBJECT: self.objects, ROW: self.rows, MULTIPART: self.uploads}[kind]


class OrphanList:
    """Findings in a temporary file, so that memory does not grow with their number."""

    def __init__(self) -> None:
        self.report = OrphanReport()

    def __enter__(self) -> "OrphanList":
        self._file: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8", prefix="s3multipart-orphans-")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, orphan: Orphan) -> None:
        """Appends a finding."""
        self.report.of(orphan.kind).add(orphan)
        self._file.write(json.dumps(asdict(orphan)) + "\n")

    def __iter__(self) -> Iterator[Orphan]:
        self._file.seek(0)
        for line in self._file:
            yield Orphan(**json.loads(line))
