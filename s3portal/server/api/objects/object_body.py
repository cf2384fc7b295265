"""The bytes of a stored object on their way out: from its blobs to a socket, or into another object."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from s3portal.server.storage.parts import parts_between
from s3portal.server.storage.records import StoredObject
from s3portal.server.storage.storage import Storage

CHUNK_BYTES = 256 * 1024
# Up to this size a body is read at once: head and body then leave in one packet.
SMALL_BYTES = 64 * 1024


@dataclass(frozen=True)
class Segment:
    """A run of bytes in a file, or in a small content that was in the database."""

    source: Path | bytes
    offset: int
    length_bytes: int


def segments_between(storage: Storage, found: StoredObject, first: int, last: int) -> list[Segment]:
    """Returns where the bytes from offset ``first`` to ``last`` of an object are, both included."""
    segments = []
    for part in parts_between(storage, found.body_id, first, last):
        begin, end = max(first, part.start), min(last + 1, part.start + part.size_bytes)
        source = part.content if part.blob is None else storage.blobs.path(part.blob)
        segments.append(Segment(source or b"", begin - part.start, end - begin))
    return segments


class ObjectBody:
    """Streams segments: by chunks to any WSGI server, by sendfile to ours. ``release`` is called once, at
    the end; it gives the lease on the blobs back."""

    def __init__(self, segments: Sequence[Segment], release: Callable[[], None]) -> None:
        self._segments = segments
        self._release: Callable[[], None] | None = release
        self.bytes_sent = 0

    def __iter__(self) -> Iterator[bytes]:
        for segment in self._segments:
            for chunk in _chunks(segment):
                self.bytes_sent += len(chunk)
                yield chunk

    def send_to(self, sock: socket.socket) -> None:
        """Sends everything."""
        for segment in self._segments:
            if isinstance(segment.source, bytes):
                content = b"".join(_chunks(segment))
                sock.sendall(content)
                self.bytes_sent += len(content)
                continue
            with segment.source.open("rb", buffering=0) as file:
                try:
                    sock.sendfile(file, segment.offset, segment.length_bytes)
                finally:
                    # sendfile leaves the file where it got to, also when it fails.
                    self.bytes_sent += file.tell() - segment.offset

    def take_if_small(self) -> bytes | None:
        """Returns the whole body and closes it, or None when it is not small."""
        if sum(segment.length_bytes for segment in self._segments) > SMALL_BYTES:
            return None
        try:
            return b"".join(self)
        finally:
            self.close()

    def close(self) -> None:
        release, self._release = self._release, None
        if release:
            release()


def _chunks(segment: Segment) -> Iterator[bytes]:
    if isinstance(segment.source, bytes):
        yield segment.source[segment.offset : segment.offset + segment.length_bytes]
        return
    with segment.source.open("rb", buffering=0) as file:
        file.seek(segment.offset)
        left_bytes = segment.length_bytes
        while left_bytes:
            chunk = file.read(min(CHUNK_BYTES, left_bytes))
            if not chunk:
                raise OSError(f"{segment.source} is shorter than its row says")
            left_bytes -= len(chunk)
            yield chunk


class SegmentReader:
    """Reads segments into buffers, as the source of a copy."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._chunks = iter(ObjectBody(segments, lambda: None))
        self._pending = memoryview(b"")

    def readinto(self, buffer: memoryview, /) -> int:
        if not self._pending:
            self._pending = memoryview(next(self._chunks, b""))
        count = min(len(buffer), len(self._pending))
        buffer[:count] = self._pending[:count]
        self._pending = self._pending[count:]
        return count
