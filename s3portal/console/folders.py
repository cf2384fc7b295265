"""A folder of a bucket: a page of it as the server lists it, or all of it, sorted.

The server lists by names, so a page of millions of keys costs the same as one of few. Any other order needs
all of a folder, which is read where it has no more than ``SORTED_LIMIT`` entries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

PAGE_SIZE = 200
#: A folder with more entries is shown in the order of its names.
SORTED_LIMIT = 5000
#: S3 lists no more at a time.
_LISTED = 1000


@dataclass(frozen=True)
class Folder:
    key: str
    name: str


@dataclass(frozen=True)
class Line:
    """An object as the list shows it; ``name`` is what follows the folder's own key."""

    key: str
    name: str
    size_bytes: int
    changed_at: datetime
    storage_class: str


@dataclass(frozen=True)
class FolderPage:
    """``next_page`` is what the next page is asked for by, '' on the last. ``sorted_count`` is how many
    entries were sorted, None where the server's own order is shown."""

    folders: list[Folder]
    objects: list[Line]
    next_page: str
    sorted_count: int | None = None


SORTS: dict[str, Callable[[Line], Any]] = {
    "name": lambda line: line.name,
    "size": lambda line: (line.size_bytes, line.name),
    "changed": lambda line: (line.changed_at, line.name),
}


class FolderOfBucket:
    """The entries of ``bucket`` whose keys begin with ``prefix + start``, by names after ``prefix``. Raises
    botocore's ClientError."""

    def __init__(self, s3: Any, bucket: str, prefix: str, start: str) -> None:
        self._s3 = s3
        self._asked = {"Bucket": bucket, "Prefix": prefix + start, "Delimiter": "/"}
        self._cut = len(prefix)

    def page(self, token: str) -> FolderPage:
        """Returns a page in the order of names; ``token`` is the ``next_page`` of the one before, or ''."""
        more = {"ContinuationToken": token} if token else {}
        listed = self._s3.list_objects_v2(**self._asked, MaxKeys=PAGE_SIZE, **more)
        return FolderPage(
            list(self._folders(listed)), list(self._lines(listed)), listed.get("NextContinuationToken", "")
        )

    def sorted_page(self, sort: str, down: bool, number: int) -> FolderPage | None:
        """Returns a page of all entries, folders first, sorted by one of ``SORTS``; ``number`` counts from 1.
        None where there are more than ``SORTED_LIMIT``."""
        folders: list[Folder] = []
        objects: list[Line] = []
        more: dict[str, str] = {}
        while True:
            listed = self._s3.list_objects_v2(**self._asked, MaxKeys=_LISTED, **more)
            folders += self._folders(listed)
            objects += self._lines(listed)
            count = len(folders) + len(objects)
            if count > SORTED_LIMIT or (count == SORTED_LIMIT and listed["IsTruncated"]):
                return None
            if not listed["IsTruncated"]:
                break
            more = {"ContinuationToken": listed["NextContinuationToken"]}
        # Folders have names alone.
        folders.sort(key=lambda folder: folder.name, reverse=down and sort == "name")
        objects.sort(key=SORTS[sort], reverse=down)
        first = (number - 1) * PAGE_SIZE
        shown_folders = folders[first : first + PAGE_SIZE]
        before = max(0, first - len(folders))
        shown = objects[before : before + PAGE_SIZE - len(shown_folders)]
        return FolderPage(
            shown_folders, shown, str(number + 1) if first + PAGE_SIZE < count else "", sorted_count=count
        )

    def _folders(self, listed: dict[str, Any]) -> Iterator[Folder]:
        for entry in listed.get("CommonPrefixes", ()):
            yield Folder(entry["Prefix"], entry["Prefix"][self._cut :])

    def _lines(self, listed: dict[str, Any]) -> Iterator[Line]:
        for entry in listed.get("Contents", ()):
            yield Line(
                entry["Key"],
                entry["Key"][self._cut :],
                entry["Size"],
                entry["LastModified"],
                entry.get("StorageClass", ""),
            )
