"""A portal in memory whose files are moved from a disk to a bucket: the least that the engine needs.

It can be killed at any step. What was stored or committed by then stays, and nothing else.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from s3portal.portal.migration import (
    AlreadyThere,
    ApplyReport,
    CopyReport,
    MappingWriter,
    NotVerified,
    Place,
    RowState,
    UnusableChange,
    UnusableRow,
    apply_changes,
    copy_files,
    move_files,
    read_mapping,
    way_back,
)

DISK, BUCKET = "disk", "bucket"


class Killed(BaseException):
    """The process is gone."""


@dataclass(frozen=True)
class MemoryFile:
    """A file as its row describes it; ``place`` is where it is."""

    row: str
    place: tuple[str, str]
    size_bytes: int
    md5: str

    def __str__(self) -> str:
        return f"file {self.row}"


@dataclass(frozen=True)
class MemoryChange:
    """Where a row's file was and is to be. ``md5`` tells a file from another in the same place."""

    row: str
    old: tuple[str, str]
    new: tuple[str, str]
    md5: str

    def as_line(self) -> str:
        return json.dumps([self.row, self.old, self.new, self.md5]) + "\n"

    @staticmethod
    def from_line(line: str) -> "MemoryChange":
        row, old, new, md5 = json.loads(line)
        return MemoryChange(row, tuple(old), tuple(new), md5)

    def reversed(self) -> "MemoryChange":
        return replace(self, old=self.new, new=self.old)


class MemoryPortal:
    """``rows`` are the committed rows, ``stored`` the bytes in each place. ``steps`` are the steps that were
    done; before the one that ``kill_before`` names, the process dies.
    """

    def __init__(self, contents: dict[str, bytes]) -> None:
        self.rows: dict[str, MemoryFile] = {}
        self.stored: dict[tuple[str, str], bytes] = {}
        self.unusable: list[UnusableRow] = []
        self.steps: list[str] = []
        self.kill_before = ""
        self._is_dead = False
        #: What happens to bytes on the way.
        self.on_the_way: Callable[[bytes], bytes] = bytes
        self._uncommitted: dict[str, MemoryFile] = {}
        for row, content in contents.items():
            self.save(row, content)

    def save(self, row: str, content: bytes) -> None:
        """Somebody saves a file, as the portal does it: on the disk."""
        place = (DISK, f"files/{row}")
        self.stored[place] = content
        self.rows[row] = MemoryFile(row, place, len(content), _md5(content))

    def delete(self, row: str) -> None:
        """Somebody deletes a file and its row."""
        del self.stored[self.rows.pop(row).place]

    def read(self) -> dict[str, bytes]:
        """What readers get of each file."""
        return {row: self.stored[file.place] for row, file in self.rows.items()}

    def where(self) -> set[str]:
        """Where the files of the rows are."""
        return {file.place[0] for file in self.rows.values()}

    def step(self, name: str) -> None:
        """Dies here, where the test says so; a dead process does nothing more."""
        if name in ("commit", "committed"):
            name = f"{name} {sum(step.split()[0] == name for step in self.steps)}"
        self._is_dead |= name == self.kill_before
        if self._is_dead:
            raise Killed
        self.steps.append(name)

    def start_again(self) -> None:
        """A new process: without what was not committed."""
        self.kill_before = ""
        self._is_dead = False
        self.steps.clear()
        self._uncommitted.clear()

    # The rows, as the engine changes them.

    def change(self, change: MemoryChange) -> RowState:
        if change.row.startswith("no such table"):
            raise UnusableChange(change.row, "there is no such table")
        self.step(f"change {change.row}")
        file = {**self.rows, **self._uncommitted}.get(change.row)
        if file is None:
            return RowState.GONE
        if file.md5 != change.md5 or file.place not in (change.old, change.new):
            return RowState.CHANGED_SINCE
        if file.place == change.new:
            return RowState.BEFORE
        self._uncommitted[change.row] = replace(file, place=change.new)
        return RowState.UPDATED

    def name(self, change: MemoryChange) -> str:
        return f"row {change.row}"

    def commit(self) -> None:
        self.step("commit")
        self.rows.update(self._uncommitted)
        self._uncommitted.clear()
        self.step("committed")


class MemoryMove:
    """The portal's files from one of its storages to the other."""

    def __init__(self, portal: MemoryPortal, source: str = DISK, target: str = BUCKET) -> None:
        self.portal = portal
        self._source = source
        self._target = target
        self.key_of: Callable[[str], str] = str
        self.at_work = 0

    def files(self) -> Iterator[MemoryFile | UnusableRow]:
        yield from self.portal.unusable
        for row in sorted(self.portal.rows):
            file = self.portal.rows[row]
            if file.place[0] == self._source:
                self.portal.step(f"list {row}")
                yield file

    def place(self, file: MemoryFile) -> Place:
        return Place(self._target, self.key_of(file.row))

    def change(self, file: MemoryFile, place: Place) -> MemoryChange:
        self.portal.step(f"record {file.row}")
        return MemoryChange(file.row, file.place, (place.container, place.key), file.md5)

    def is_of(self, change: MemoryChange, file: MemoryFile) -> bool:
        return change.md5 == file.md5

    def copy(self, file: MemoryFile, place: Place) -> None:
        assert self.at_work > 0
        self.portal.step(f"copy {file.row}")
        if file.place not in self.portal.stored:
            raise FileNotFoundError(f"No such file: {file.place[1]}")
        target = (place.container, place.key)
        if target in self.portal.stored:
            raise AlreadyThere(f"{place.key} is there")
        content = self.portal.stored[file.place]
        if _md5(content) != file.md5:
            raise NotVerified("the file on the disk is not the one on record")
        self.portal.stored[target] = self.portal.on_the_way(content)
        self.portal.step(f"copied {file.row}")
        self.verify(file, place)

    def verify(self, file: MemoryFile, place: Place) -> None:
        if _md5(self.portal.stored[place.container, place.key]) != file.md5:
            raise NotVerified(f"{place.key} is another file")

    @contextmanager
    def working(self) -> Iterator[None]:
        self.at_work += 1
        yield
        self.at_work -= 1


def copy(portal: MemoryPortal, path: Path, move: MemoryMove | None = None, threads: int = 1) -> CopyReport:
    """What a command of a portal does."""
    report = CopyReport()
    with MappingWriter(path, MemoryChange.from_line) as mapping:
        for _file in copy_files(move or MemoryMove(portal), mapping, threads, report):
            pass
    return report


def apply(portal: MemoryPortal, path: Path) -> ApplyReport:
    """Makes the portal use the copies; commits after every second row."""
    return _apply(portal, list(read_mapping(path, MemoryChange.from_line)))


def revert(portal: MemoryPortal, path: Path) -> ApplyReport:
    """Makes the portal use the old files again."""
    return _apply(portal, way_back(list(read_mapping(path, MemoryChange.from_line))))


def _apply(portal: MemoryPortal, changes: list[MemoryChange]) -> ApplyReport:
    report = ApplyReport()
    for _change in apply_changes(portal, changes, report, rows_a_commit=2):
        pass
    return report


def move(portal: MemoryPortal, path: Path, way: MemoryMove | None = None) -> tuple[CopyReport, ApplyReport]:
    """Copies and applies in one run."""
    report, applied = CopyReport(), ApplyReport()
    with MappingWriter(path, MemoryChange.from_line) as mapping:
        for _file in move_files(way or MemoryMove(portal), portal, mapping, 1, report, applied):
            pass
    return report, applied


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
