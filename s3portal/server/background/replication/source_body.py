"""The bytes of a stored object as the body of a request: read as they are sent, and again where botocore
starts over."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator

from s3portal.server.api.objects.object_body import ObjectBody, segments_between
from s3portal.server.background.replication.errors import Refused, Stopping
from s3portal.server.kms.administrator import AdministratorsKeys
from s3portal.server.kms.segments import SegmentCipher
from s3portal.server.storage.records import Part, StoredObject
from s3portal.server.storage.storage import Storage


class SourceBody(io.RawIOBase):
    """The bytes from ``first``, ``size_bytes`` of them, opened with ``keys`` where they are stored encrypted.
    The object's body must be leased meanwhile.

    Reading raises Refused for bytes that are not there, Stopping once ``stopping`` is set.
    """

    def __init__(
        self,
        storage: Storage,
        keys: AdministratorsKeys,
        found: StoredObject,
        first: int,
        size_bytes: int,
        stopping: threading.Event,
    ) -> None:
        self._storage, self._keys, self._found, self._stopping = storage, keys, found, stopping
        self._first, self.size_bytes = first, size_bytes
        self._position = 0
        self._chunks: Iterator[bytes] | None = None
        self._pending = b""

    def __len__(self) -> int:
        return self.size_bytes

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size_bytes}[whence]
        position = min(max(start + offset, 0), self.size_bytes)
        if position != self._position:
            self._position, self._chunks, self._pending = position, None, b""
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        if self._stopping.is_set():
            raise Stopping("the server is being stopped")
        if self._position >= self.size_bytes:
            return b""
        if size < 0:
            return b"".join(iter(lambda: self.read(1024 * 1024), b""))
        if not self._pending:
            if self._chunks is None:
                self._chunks = self._begin()
            self._pending = self._next(self._chunks)
        chunk, self._pending = self._pending[:size], self._pending[size:]
        self._position += len(chunk)
        return chunk

    def _next(self, chunks: Iterator[bytes]) -> bytes:
        # No OSError: botocore would take it for one of the connection.
        try:
            return next(chunks)
        except StopIteration as problem:
            raise Refused("its bytes are not all here; run s3portal server fsck") from problem
        except OSError as problem:
            raise Refused(f"its bytes cannot be read: {problem}") from problem

    def _begin(self) -> Iterator[bytes]:
        first = self._first + self._position
        last = self._first + self.size_bytes - 1
        try:
            segments = segments_between(self._storage, self._found, first, last, self._opener)
        except OSError as problem:
            raise Refused(f"its bytes cannot be read: {problem}") from problem
        return iter(ObjectBody(segments, lambda: None))

    def _opener(self, part: Part) -> SegmentCipher | None:
        return None if part.key_id is None else self._keys.open_part(part)[0]
