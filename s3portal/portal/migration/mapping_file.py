"""The mapping file of a migration: a line for each file, with what changes in its row.

It is the way there and the way back, and what a stopped run is resumed from.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Generic

from s3portal.portal.migration.interface import ChangeT

_TAIL_BYTES = 65536


class MappingError(Exception):
    """The file is no mapping, or cannot be written; the message says why."""


def read_mapping(path: Path, parse: Callable[[str], ChangeT]) -> Iterator[ChangeT]:
    """The changes in a finished mapping.

    ``parse`` makes one of a line, and raises ValueError, KeyError, TypeError or AttributeError where it
    cannot. Raises MappingError, with the line, where the file is none.
    """
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                yield parse(line)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                where = f"{path}, line {number}"
                raise MappingError(f"{where} is not an entry of a mapping: {line[:80].strip()!r}") from error


class MappingWriter(Generic[ChangeT]):
    """A mapping that grows, file by file, and that a killed run leaves usable. ``earlier`` is what was
    there. Raises MappingError where the file is no mapping, or cannot be written.
    """

    def __init__(self, path: Path, parse: Callable[[str], ChangeT]) -> None:
        self._path = path
        try:
            path.touch()
            _drop_torn_line(path)
        except OSError as error:
            raise MappingError(f"{path} cannot be written: {error.strerror}") from error
        self.earlier: list[ChangeT] = list(read_mapping(path, parse))

    def __enter__(self) -> "MappingWriter[ChangeT]":
        self._output: IO[str] = self._path.open("a", encoding="utf-8")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.keep()
        self._output.close()

    def add(self, change: ChangeT) -> None:
        """Writes the change so that it survives a kill of this process."""
        self._output.write(change.as_line())
        self._output.flush()

    def keep(self) -> None:
        """Makes the lines that were added survive a failure of the machine."""
        self._output.flush()
        os.fsync(self._output.fileno())


def _drop_torn_line(path: Path) -> None:
    """Removes a last line without an end: its process was killed while it wrote."""
    with path.open("rb+") as mapping:
        content_end = mapping.seek(0, os.SEEK_END)
        mapping.seek(max(0, content_end - _TAIL_BYTES))
        tail = mapping.read()
        if tail and not tail.endswith(b"\n"):
            mapping.truncate(content_end - len(tail) + tail.rfind(b"\n") + 1)
