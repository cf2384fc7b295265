"""The mapping file of a migration: one JSON object a line, for each file what changes in its database row.

The format is that of indico-plugin-storage-s3, so a mapping that one of the two wrote is applied and
reverted by the other: ``m`` model, ``pk`` primary key, ``ob``/``nb`` old and new backend, ``of``/``nf`` old
and new file id, ``on``/``nn`` old and new file name; what stays the same is left out.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_CHANGES = {
    "ob": "old_backend",
    "nb": "new_backend",
    "of": "old_file_id",
    "nf": "new_file_id",
    "on": "old_filename",
    "nn": "new_filename",
}


class MappingError(Exception):
    """The file is no mapping."""


@dataclass(frozen=True)
class MappingEntry:
    """What changes in one row; None where nothing does."""

    model: str
    pk: tuple[int | str, ...]
    old_backend: str | None = None
    new_backend: str | None = None
    old_file_id: str | None = None
    new_file_id: str | None = None
    old_filename: str | None = None
    new_filename: str | None = None

    @property
    def row(self) -> tuple[str, tuple[int | str, ...]]:
        """Which row it is."""
        return self.model, self.pk

    def as_line(self) -> str:
        """The entry as a line of the file."""
        changes = {
            short: value for short, name in _CHANGES.items() if (value := getattr(self, name)) is not None
        }
        return json.dumps({"m": self.model, "pk": self.pk, **changes}) + "\n"

    def reversed(self) -> "MappingEntry":
        """The way back."""
        return MappingEntry(
            self.model, self.pk,
            self.new_backend, self.old_backend,
            self.new_file_id, self.old_file_id,
            self.new_filename, self.old_filename,
        )  # fmt: skip


def moved_entry(
    model: str, pk: tuple[int | str, ...], old: tuple[str, str], new: tuple[str, str]
) -> MappingEntry:
    """The entry of a file that goes from one ``(backend, file id)`` to another.

    The ids are there also where they are the same: by the old one, ``apply`` knows a row that has another
    file by now.
    """
    backends = (old[0], new[0]) if old[0] != new[0] else (None, None)
    return MappingEntry(model, pk, *backends, old[1], new[1])


def read_mapping(path: Path) -> Iterator[MappingEntry]:
    """The entries of a finished mapping. Raises MappingError, with the line, where it is none."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield _parse(line, f"{path}, line {number}")


def _parse(line: str, where: str) -> MappingEntry:
    try:
        fields = json.loads(line)
        changes = {name: fields.get(short) for short, name in _CHANGES.items()}
        return MappingEntry(fields["m"], tuple(fields["pk"]), **changes)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MappingError(f"{where} is not an entry of a mapping: {line[:80].strip()!r}") from error


class MappingWriter:
    """A mapping that grows, file by file, and that a killed run leaves usable. ``earlier`` is what was
    there. Raises MappingError where the file is no mapping, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.touch()
            _drop_torn_line(path)
        except OSError as error:
            raise MappingError(f"{path} cannot be written: {error.strerror}") from error
        self.earlier: list[MappingEntry] = list(read_mapping(path))

    def __enter__(self) -> "MappingWriter":
        self._output: IO[str] = self._path.open("a", encoding="utf-8")
        return self

    def __exit__(self, *exception) -> None:
        self._output.flush()
        os.fsync(self._output.fileno())
        self._output.close()

    def add(self, entry: MappingEntry) -> None:
        """Writes the entry so that it survives a kill of this process."""
        self._output.write(entry.as_line())
        self._output.flush()


def _drop_torn_line(path: Path) -> None:
    """Removes a last line without an end: its process was killed while it wrote."""
    with path.open("rb+") as mapping:
        content_end = mapping.seek(0, os.SEEK_END)
        mapping.seek(max(0, content_end - 65536))
        tail = mapping.read()
        if tail and not tail.endswith(b"\n"):
            mapping.truncate(content_end - len(tail) + tail.rfind(b"\n") + 1)
