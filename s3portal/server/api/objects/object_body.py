"""The bytes of a stored object on their way out: from its blobs to a socket, or into another object."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from s3portal.server.http.sendfile import send_file
from s3portal.server.kms.segments import Room, SegmentCipher, opened
from s3portal.server.storage.parts import parts_between
from s3portal.server.storage.records import Part, StoredObject
from s3portal.server.storage.storage import Storage

T = TypeVar("T")

CHUNK_BYTES = 256 * 1024
# Up to this size a body is read at once: head and body then leave in one packet.
SMALL_BYTES = 64 * 1024


@dataclass(frozen=True)
class Segment:
    """A run of bytes in a file, or in a small content that was in the database; of a part with
    ``size_bytes``, which ``cipher`` opens where it is stored encrypted."""

    source: Path | bytes
    offset: int
    length_bytes: int
    size_bytes: int = 0
    cipher: SegmentCipher | None = None


def stored_plain(part: Part) -> SegmentCipher | None:
    """Opens parts that are stored plain, and no others."""
    assert part.key_id is None, "an encrypted part is read as if it were plain"
    return None


class BodyGone(OSError):
    """The parts of a body are not there: its object was replaced or deleted while it was looked at, or the
    database is damaged."""

    def __init__(self, body_id: str) -> None:
        super().__init__(f"the parts of the body {body_id} are not in the database")
        self.body_id = body_id


def while_it_stays(act: Callable[[], T]) -> T:
    """Returns what ``act`` does, which looks an object up and then its parts. Where it was replaced in
    between, ``act`` is called again: it finds what is there now. Raises BodyGone for a body that is still
    there without its parts, and what ``act`` raises."""
    gone: set[str] = set()
    while True:
        try:
            return act()
        except BodyGone as problem:
            if problem.body_id in gone:
                raise
            gone.add(problem.body_id)


def segments_between(
    storage: Storage,
    found: StoredObject,
    first: int,
    last: int,
    open_part: Callable[[Part], SegmentCipher | None] = stored_plain,
) -> list[Segment]:
    """Returns where the bytes from offset ``first`` to ``last`` of an object are, both included.

    ``open_part`` returns what opens a part that is stored encrypted.
    Raises BodyGone: a lease keeps the blobs of a body, but not its rows. And what ``open_part`` raises."""
    segments = []
    for part in parts_between(storage, found.body_id, first, last):
        stored_bytes = part.size_bytes if part.stored_size_bytes is None else part.stored_size_bytes
        if part.blob is None and len(part.content or b"") != stored_bytes:
            raise BodyGone(found.body_id)
        begin, end = max(first, part.start), min(last + 1, part.start + part.size_bytes)
        source = part.content if part.blob is None else storage.blobs.path(part.blob)
        cipher = open_part(part)
        segments.append(Segment(source or b"", begin - part.start, end - begin, part.size_bytes, cipher))
    if sum(segment.length_bytes for segment in segments) != last - first + 1:
        raise BodyGone(found.body_id)
    return segments


class ObjectBody:
    """Streams segments: by chunks to any WSGI server, by sendfile to ours. ``release`` is called once, at
    the end; it gives the lease on the blobs back."""

    def __init__(self, segments: Sequence[Segment], release: Callable[[], None]) -> None:
        self._segments = segments
        self._release: Callable[[], None] | None = release
        self.bytes_sent = 0

    def __iter__(self) -> Iterator[bytes]:
        room = Room()
        for segment in self._segments:
            for chunk in _chunks(segment, room):
                self.bytes_sent += len(chunk)
                yield chunk

    def send_to(self, sock: socket.socket) -> None:
        """Sends everything. Raises OSError for a file that is too short."""
        room = Room()
        for segment in self._segments:
            if segment.cipher is not None:
                for piece in _opened(segment, segment.cipher, room):
                    sock.sendall(piece)
                    self.bytes_sent += len(piece)
                continue
            if isinstance(segment.source, bytes):
                content = b"".join(_chunks(segment, room))
                sock.sendall(content)
                self.bytes_sent += len(content)
                continue
            left_bytes = segment.length_bytes
            with segment.source.open("rb", buffering=0) as file:
                for count in send_file(sock, file, segment.offset, segment.length_bytes):
                    self.bytes_sent += count
                    left_bytes -= count
            if left_bytes:
                raise OSError(f"{segment.source} is shorter than its row says")

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


def _opened(segment: Segment, cipher: SegmentCipher, room: Room) -> Iterator[memoryview]:
    return opened(segment.source, cipher, segment.size_bytes, segment.offset, segment.length_bytes, room)


def _chunks(segment: Segment, room: Room) -> Iterator[bytes]:
    if segment.cipher is not None:
        yield from map(bytes, _opened(segment, segment.cipher, room))
        return
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
