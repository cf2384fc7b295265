"""A line of the mapping file of a migration: a JSON object, with what changes in the row of one file.

The format is that of indico-plugin-storage-s3, so a mapping that one of the two wrote is applied and
reverted by the other: ``m`` model, ``pk`` primary key, ``ob``/``nb`` old and new backend, ``of``/``nf`` old
and new file id, ``on``/``nn`` old and new file name; what stays the same is left out.
"""

import json
from dataclasses import dataclass

_CHANGES = {
    "ob": "old_backend",
    "nb": "new_backend",
    "of": "old_file_id",
    "nf": "new_file_id",
    "on": "old_filename",
    "nn": "new_filename",
}


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

    @staticmethod
    def from_line(line: str) -> "MappingEntry":
        """The entry in a line. Raises ValueError, KeyError, TypeError or AttributeError where it is none."""
        fields = json.loads(line)
        changes = {name: fields.get(short) for short, name in _CHANGES.items()}
        return MappingEntry(fields["m"], tuple(fields["pk"]), **changes)

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
    is_moved = old[0] != new[0]
    return MappingEntry(model, pk, old[0] if is_moved else None, new[0] if is_moved else None, old[1], new[1])
