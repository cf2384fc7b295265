"""The bytes of a part, encrypted in segments: each is opened by itself, and only where it belongs.

A stored segment has 64 KiB, the last one less. It is AES-256-GCM of the part's own data key, which no other
part has: a segment of another part does not open. Its nonce has its index, and whether it is the last: a
segment that was moved, repeated or left out does not open, nor does a part that was cut behind one. With two
data keys (DSSE) each segment is encrypted twice, one after the other.

The key is used for this one part and never again, so that the nonces, which are counted, never repeat.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from s3portal.server.wire.checksums import Digest

KEY_BYTES, TAG_BYTES = 32, 16
STORED_SEGMENT_BYTES = 64 * 1024
#: How many segments are opened at once, in one buffer.
SEGMENTS_AT_ONCE = 8
# Since cryptography 47; before, each segment takes a buffer of its own.
_HAS_INTO = hasattr(AESGCM, "encrypt_into")


class SegmentBroken(OSError):
    """Encrypted content has been changed, or it is not where it belongs."""


class Source(Protocol):
    """Plain content to be sealed: as the blob store's Source."""

    @property
    def size_bytes(self) -> int: ...

    def readinto(self, buffer: memoryview, /) -> int: ...

    def read_all(self) -> bytes: ...


class SegmentCipher:
    """Seals and opens the segments of one part. ``data_key`` is one key of 32 bytes, or two; ``identity`` is
    authenticated with each segment."""

    def __init__(self, data_key: bytes, identity: bytes) -> None:
        self._ciphers = [
            AESGCM(data_key[start : start + KEY_BYTES]) for start in range(0, len(data_key), KEY_BYTES)
        ]
        self._identity = b"s3portal segment 1" + identity
        #: What a segment has more than its content, and how much content it has at most.
        self.overhead_bytes = TAG_BYTES * len(self._ciphers)
        self.segment_bytes = STORED_SEGMENT_BYTES - self.overhead_bytes

    def count(self, size_bytes: int) -> int:
        """Returns of how many segments a content is: an empty one has one, which says that it is empty."""
        return max(1, -(-size_bytes // self.segment_bytes))

    def stored_size_bytes(self, size_bytes: int) -> int:
        """Returns what a content of so many bytes takes when it is sealed."""
        return size_bytes + self.count(size_bytes) * self.overhead_bytes

    def seal_into(self, index: int, last: bool, plain: memoryview | bytes, stored: memoryview) -> int:
        """Seals a segment; returns how many bytes of ``stored`` it takes."""
        nonce = _nonce(index, last)
        for cipher in self._ciphers[:-1]:
            plain = cipher.encrypt(nonce, plain, self._identity)
        size = len(plain) + TAG_BYTES
        if _HAS_INTO:
            self._ciphers[-1].encrypt_into(nonce, plain, self._identity, stored[:size])
        else:
            stored[:size] = self._ciphers[-1].encrypt(nonce, plain, self._identity)
        return size

    def open_into(self, index: int, last: bool, stored: memoryview | bytes, plain: memoryview) -> int:
        """Opens a segment; returns how many bytes of ``plain`` it takes. Raises SegmentBroken."""
        nonce = _nonce(index, last)
        try:
            for cipher in reversed(self._ciphers[1:]):
                stored = cipher.decrypt(nonce, stored, self._identity)
            size = len(stored) - TAG_BYTES
            if size < 0:
                raise InvalidTag
            if _HAS_INTO:
                self._ciphers[0].decrypt_into(nonce, stored, self._identity, plain[:size])
            else:
                plain[:size] = self._ciphers[0].decrypt(nonce, stored, self._identity)
        except InvalidTag as problem:
            raise _broken(index) from problem
        return size

    def open_row(self, index: int, stored: Sequence[memoryview], plain: Sequence[memoryview]) -> None:
        """Opens whole segments that follow each other from ``index``, none of them the last: each of
        ``stored`` into its place in ``plain``. Raises SegmentBroken."""
        if len(self._ciphers) > 1 or not _HAS_INTO:
            for number, (segment, place) in enumerate(zip(stored, plain, strict=True), index):
                self.open_into(number, False, segment, place)
            return
        # As open_into, with as little as can be between two calls: they give other threads their turn.
        decrypt, identity, number = self._ciphers[0].decrypt_into, self._identity, index
        try:
            for segment, place in zip(stored, plain, strict=True):
                decrypt(number.to_bytes(11, "big") + b"\0", segment, identity, place)
                number += 1
        except InvalidTag as problem:
            raise _broken(number) from problem


class SealedSource:
    """The sealed form of a content, while it is read from its source. ``on_sealed`` is given all of it, piece
    by piece."""

    def __init__(self, source: Source, cipher: SegmentCipher, on_sealed: Digest) -> None:
        self._source, self._cipher, self._on_sealed = source, cipher, on_sealed
        self._plain = bytearray()
        self._filled = self._index = 0
        self._ended = self._is_sealed = False

    @property
    def size_bytes(self) -> int:
        return self._cipher.stored_size_bytes(self._source.size_bytes)

    def readinto(self, buffer: memoryview, /) -> int:
        """Fills ``buffer``, of at least a segment, with whole segments; returns how many bytes, 0 at the end.

        Raises what the source raises.
        """
        if self._is_sealed:
            return 0
        room = len(buffer) // STORED_SEGMENT_BYTES
        if not room:
            raise ValueError(f"the buffer has less than {STORED_SEGMENT_BYTES} bytes")
        self._fill(room)
        return self._seal(buffer, room)

    def read_all(self) -> bytes:
        """Returns the whole of a small content, which is one segment."""
        plain = self._source.read_all()
        stored = bytearray(self._cipher.stored_size_bytes(len(plain)))
        self._cipher.seal_into(0, True, plain, memoryview(stored))
        self._on_sealed.update(memoryview(stored))
        return bytes(stored)

    def _fill(self, room: int) -> None:
        """Reads a byte more than there is room for: then the last segment is known for what it is."""
        wanted = room * self._cipher.segment_bytes + 1
        if len(self._plain) < wanted:
            self._plain.extend(bytes(wanted - len(self._plain)))
        view = memoryview(self._plain)
        while not self._ended and self._filled < wanted:
            count = self._source.readinto(view[self._filled : wanted])
            self._ended = not count
            self._filled += count
        view.release()

    def _seal(self, buffer: memoryview, room: int) -> int:
        segment_bytes, view = self._cipher.segment_bytes, memoryview(self._plain)
        start = written = 0
        for _ in range(room):
            end = min(start + segment_bytes, self._filled)
            last = self._ended and end == self._filled
            if not last and end == self._filled:
                break
            written += self._cipher.seal_into(self._index, last, view[start:end], buffer[written:])
            self._index += 1
            start = end
            if last:
                self._is_sealed = True
                break
        left = self._filled - start
        view[:left] = bytes(view[start : self._filled])
        view.release()
        self._filled = left
        self._on_sealed.update(buffer[:written])
        return written


class Room:
    """Buffers for segments as they are stored, and as they are opened; kept from part to part of a body."""

    def __init__(self) -> None:
        self._segment_bytes = 0
        self.stored = self.plain = memoryview(b"")
        #: The places of single, whole segments in them.
        self.stored_places: list[memoryview] = []
        self.plain_places: list[memoryview] = []

    def make(self, stored_bytes: int, segment_bytes: int) -> None:
        """Makes room for so many bytes of stored segments, with ``segment_bytes`` of content in each."""
        grows = stored_bytes > len(self.stored)
        if grows:
            self.stored, self.plain = memoryview(bytearray(stored_bytes)), memoryview(bytearray(stored_bytes))
            self.stored_places = _places(self.stored, STORED_SEGMENT_BYTES)
        if grows or segment_bytes != self._segment_bytes:
            self._segment_bytes = segment_bytes
            self.plain_places = _places(self.plain, segment_bytes)


def _places(buffer: memoryview, size_bytes: int) -> list[memoryview]:
    return [buffer[end - size_bytes : end] for end in range(size_bytes, len(buffer) + 1, size_bytes)]


def opened(
    source: Path | bytes,
    cipher: SegmentCipher,
    size_bytes: int,
    offset: int,
    length_bytes: int,
    room: Room | None = None,
) -> Iterator[memoryview]:
    """Yields the bytes of a part from ``offset``, opened segment by segment; ``size_bytes`` is the size of
    the whole part. What was yielded is only valid until the next, and as long as ``room`` is used for no
    other part.

    Raises SegmentBroken, and OSError for a file that is too short.
    """
    if not length_bytes:
        return
    segment_bytes, end = cipher.segment_bytes, offset + length_bytes
    index, last_index = offset // segment_bytes, cipher.count(size_bytes) - 1
    behind = (end - 1) // segment_bytes + 1
    stored_end = cipher.stored_size_bytes(size_bytes)
    at_once = min(SEGMENTS_AT_ONCE, behind - index)
    room = room or Room()
    room.make(min(at_once * STORED_SEGMENT_BYTES, stored_end), segment_bytes)
    with _Stored(source, index * STORED_SEGMENT_BYTES) as stored:
        while index < behind:
            count = min(at_once, behind - index)
            stored_bytes = min(count * STORED_SEGMENT_BYTES, stored_end - index * STORED_SEGMENT_BYTES)
            stored.read_into(room.stored[:stored_bytes])
            whole = min(count, last_index - index)
            cipher.open_row(index, room.stored_places[:whole], room.plain_places[:whole])
            filled = whole * segment_bytes
            if whole < count:
                last = room.stored[whole * STORED_SEGMENT_BYTES : stored_bytes]
                filled += cipher.open_into(last_index, True, last, room.plain[filled:])
            start = index * segment_bytes
            yield room.plain[max(offset - start, 0) : min(end - start, filled)]
            index += count


class _Stored:
    """The stored bytes of a part from ``offset``, out of a file or of memory."""

    def __init__(self, source: Path | bytes, offset: int) -> None:
        self._file = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb", buffering=0)
        self._name = "a content" if isinstance(source, bytes) else str(source)
        self._file.seek(offset)

    def __enter__(self) -> _Stored:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read_into(self, buffer: memoryview) -> None:
        """Fills ``buffer`` with what comes next. Raises OSError where there is less."""
        filled = 0
        while filled < len(buffer):
            count = self._file.readinto(buffer[filled:])
            if not count:
                raise OSError(f"{self._name} is shorter than its row says")
            filled += count


def _broken(index: int) -> SegmentBroken:
    return SegmentBroken(f"segment {index} of encrypted content has been changed, or is not where it belongs")


def _nonce(index: int, last: bool) -> bytes:
    return index.to_bytes(11, "big") + bytes([last])
