"""An object as a file that can be read anywhere: only what is read is fetched, by Range."""

from __future__ import annotations

from typing import Any

from s3portal.transfer import SeekableObject

BLOCK_BYTES = 256 * 1024
#: What a look into an archive may read: its directory, at its end. It takes about 50 bytes for a file, and
#: Python's own list of them ten times as much.
MOST_READ_BYTES = 4 * 1024 * 1024


class TooMuchToRead(OSError):
    """The look would read more than it may."""


class RangeFile(SeekableObject):
    """The object ``named`` (Bucket, Key, maybe VersionId) of ``size_bytes``, as ``s3`` may read it.

    ``etag`` keeps it the same object from one read to the next. Raises TooMuchToRead, botocore's ClientError.
    """

    def __init__(self, s3: Any, named: dict[str, str], size_bytes: int, etag: str) -> None:
        super().__init__(size_bytes)
        self._s3 = s3
        self._named = named
        self._etag = etag
        self._block_start = 0
        self._block = b""
        self._read_bytes = 0

    def read(self, size: int = -1, /) -> bytes:
        """Reads as much as asked for, where there is so much. An archive may claim any size: room is made for
        what is there alone."""
        left = max(0, self.size_bytes - self.position)
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted > MOST_READ_BYTES:
            raise TooMuchToRead("too much to read for a preview")
        content = bytearray()
        while len(content) < wanted:
            piece = bytearray(wanted - len(content))
            content += piece[: self.readinto(piece)]
        return bytes(content)

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        if self.position >= self.size_bytes or not len(view):
            return 0
        at = self.position - self._block_start
        if not 0 <= at < len(self._block):
            self._fetch(max(BLOCK_BYTES, len(view)))
            at = 0
        piece = self._block[at : at + len(view)]
        view[: len(piece)] = piece
        self.position += len(piece)
        return len(piece)

    def _fetch(self, count: int) -> None:
        end = min(self.position + count, self.size_bytes)
        self._read_bytes += end - self.position
        if self._read_bytes > MOST_READ_BYTES:
            raise TooMuchToRead("too much to read for a preview")
        answer = self._s3.get_object(
            **self._named, Range=f"bytes={self.position}-{end - 1}", IfMatch=self._etag
        )
        self._block_start, self._block = self.position, answer["Body"].read()
