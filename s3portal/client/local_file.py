"""The file on this machine: read in blocks, and noticed when it changes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from s3portal.client.errors import FileChanged, FileUnreadable

BLOCK_SIZE_BYTES = 1024 * 1024


@dataclass(frozen=True)
class LocalFile:
    """A file as it was when the upload began. Reading it never holds more than a block in memory."""

    path: Path
    name: str
    size_bytes: int
    modified_ns: int
    #: Device and inode: a file that was put in its place has others.
    place: tuple[int, int]

    @classmethod
    def at(cls, path: Path) -> LocalFile:
        """The file at this path. Raises FileUnreadable, for folders and pipes too."""
        try:
            found = path.stat()
        except OSError as error:
            raise FileUnreadable(f"{path}: {error.strerror or error}") from error
        if not stat.S_ISREG(found.st_mode):
            raise FileUnreadable(f"{path} is not a file")
        return cls(path, _readable_name(path), found.st_size, found.st_mtime_ns, _place(found))

    @property
    def modified_ms(self) -> int:
        """The last change in milliseconds since 1970, as browsers say it."""
        return self.modified_ns // 1_000_000

    def blocks(self, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """A stretch of the file, all of it without a length.

        Raises FileChanged, at the latest after the last block, and FileUnreadable.
        """
        left = self.size_bytes - offset if length is None else length
        try:
            with self.path.open("rb", buffering=0) as file:
                self._require_same(os.fstat(file.fileno()))
                file.seek(offset)
                while left and (block := file.read(min(BLOCK_SIZE_BYTES, left))):
                    left -= len(block)
                    yield block
        except OSError as error:
            raise FileUnreadable(f"{self.path}: {error.strerror or error}") from error
        if left:
            raise FileChanged(self.name)
        self.require_unchanged()

    def require_unchanged(self) -> None:
        """Raises FileChanged where it is not as it was, and FileUnreadable where it is gone."""
        try:
            self._require_same(self.path.stat())
        except OSError as error:
            raise FileUnreadable(f"{self.path}: {error.strerror or error}") from error

    def _require_same(self, found: os.stat_result) -> None:
        if (found.st_size, found.st_mtime_ns, _place(found)) != (
            self.size_bytes,
            self.modified_ns,
            self.place,
        ):
            raise FileChanged(self.name)


def _place(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _readable_name(path: Path) -> str:
    """The file's name as Unicode; bytes that are no UTF-8, which Linux allows, become U+FFFD."""
    return path.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
