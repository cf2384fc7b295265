"""A line of the mapping file of a migration: a JSON object, with what changes in the row of one resource, and
where its file was and is."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ckanext.s3multipart.model import UploadRow
from ckanext.s3multipart.moving.resources import as_json
from ckanext.s3multipart.upload_states import RowState

#: What a process notes for as long as it works on an upload.
_PASSING = ("lease_token", "lease_until", "reserved_until", "unused_since", "idempotency_key")


@dataclass(frozen=True)
class OldPlace:
    """Where a file is that is none of our uploads: the name of its source, and what that has of it."""

    source: str
    place: str
    stamp: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class FileState:
    """What a resource says of its file, and where the file is: an upload of ours, by the columns of its row,
    or an old place."""

    fields: Mapping[str, Any]
    upload: Mapping[str, Any] | None = None
    old_place: OldPlace | None = None

    @staticmethod
    def from_json(state: Mapping[str, Any]) -> "FileState":
        """As a line has it. Raises KeyError, TypeError or AttributeError where it is none."""
        upload, old_place = state.get("upload"), state.get("old_place")
        if (upload is None) == (old_place is None):
            raise KeyError("upload or old_place")
        return FileState(
            dict(state["fields"].items()),
            dict(upload.items()) if upload is not None else None,
            OldPlace(**old_place) if old_place is not None else None,
        )

    def as_json(self) -> dict[str, Any]:
        """As a line has it."""
        where = {"upload": self.upload} if self.old_place is None else {"old_place": asdict(self.old_place)}
        return {"fields": dict(self.fields), **where}


@dataclass(frozen=True)
class ResourceChange:
    """What changes for one resource."""

    resource: str
    dataset: str
    old: FileState
    new: FileState

    @property
    def row(self) -> str:
        """Which row it is."""
        return self.resource

    @staticmethod
    def from_line(line: str) -> "ResourceChange":
        """The change in a line. Raises ValueError, KeyError, TypeError or AttributeError where it is none."""
        entry = json.loads(line)
        return ResourceChange(
            entry["resource"],
            entry["dataset"],
            FileState.from_json(entry["old"]),
            FileState.from_json(entry["new"]),
        )

    def as_line(self) -> str:
        """The change as a line of the file."""
        entry = {
            "resource": self.resource,
            "dataset": self.dataset,
            "old": self.old.as_json(),
            "new": self.new.as_json(),
        }
        return json.dumps(entry) + "\n"

    def reversed(self) -> "ResourceChange":
        """The way back."""
        return ResourceChange(self.resource, self.dataset, self.new, self.old)


def columns_of(row: UploadRow) -> dict[str, Any]:
    """The columns of the row of an attached upload, as JSON has them. What is not there is left to the
    database's defaults."""
    names = [column.name for column in UploadRow.__table__.c if column.name not in _PASSING]
    columns = {name: as_json(value) for name in names if (value := getattr(row, name)) is not None}
    return {**columns, "state": RowState.ATTACHED.value}


def values_of(columns: Mapping[str, Any]) -> dict[str, Any]:
    """The columns as the database takes them. Those that this version does not have are left out."""
    table = UploadRow.__table__
    return {
        name: datetime.fromisoformat(value)
        if isinstance(table.c[name].type, sa.DateTime) and value is not None
        else value
        for name, value in columns.items()
        if name in table.c
    }
