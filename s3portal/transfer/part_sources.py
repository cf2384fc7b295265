"""Where the content of parts comes from: a path, a file object that can seek, or a stream that cannot.

A path is read by the threads that send, each its own part. A file object is read by the thread that asks for
it to be sent, and by no other: it may belong to a request, or not bear two readers.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from s3portal.transfer.errors import FileTooLarge
from s3portal.transfer.part_plan import MAX_PART_COUNT, PartPlan

BLOCK_BYTES = 1024 * 1024


class FileShrank(OSError):
    """The file ended before its parts did: it is being written, or was replaced by a shorter one."""

    def __init__(self, name: str, missing_bytes: int) -> None:
        self.name = name
        self.missing_bytes = missing_bytes
        super().__init__(
            f"{name} changed while it was read: {missing_bytes} bytes are missing. Send it again when nothing"
            " writes to it any more."
        )


class Content(Protocol):
    """What one part holds. May be read as often as it has to be sent."""

    @property
    def number(self) -> int:
        """The number of the part, from 1."""
        ...

    @property
    def length_bytes(self) -> int:
        """The exact length of the part."""
        ...

    def blocks(self) -> Iterator[bytes]:
        """The part in blocks of at most 1 MiB."""
        ...

    def read(self) -> bytes:
        """All of the part, in memory."""
        ...


class PartSource(Protocol):
    """The file that is sent, part by part."""

    @property
    def plan(self) -> PartPlan | None:
        """How the file is cut; None until its end is known."""
        ...

    @property
    def reads_anywhere(self) -> bool:
        """Whether contents are read by whoever has them, so that asking for a part costs nothing and any part
        may be asked for again."""
        ...

    def contents(self, wanted: Callable[[int], bool]) -> Iterator[Content]:
        """The contents of the parts that are wanted by their numbers, in their order."""
        ...


@dataclass(frozen=True)
class PathSource:
    """A file on the disk, opened once for each part."""

    path: Path
    plan: PartPlan
    reads_anywhere: bool = field(default=True, init=False)

    def contents(self, wanted: Callable[[int], bool]) -> Iterator[Content]:
        """Costs nothing. Reading one raises OSError, and FileShrank where the file has become too short."""
        for number in range(1, self.plan.part_count + 1):
            if wanted(number):
                yield _Stretch(self.path, number, self.plan.offset(number), self.plan.length(number))


@dataclass(frozen=True)
class FileSource:
    """A file object that can seek, from where it stands. Each part is held in memory until it is sent."""

    file: IO[bytes]
    plan: PartPlan
    reads_anywhere: bool = field(default=False, init=False)

    def contents(self, wanted: Callable[[int], bool]) -> Iterator[Content]:
        """Reads each part when it is asked for. Raises what reading raises, and FileShrank."""
        start = self.file.tell()
        is_there = True
        for number in range(1, self.plan.part_count + 1):
            if not wanted(number):
                is_there = False
                continue
            if not is_there:
                self.file.seek(start + self.plan.offset(number))
                is_there = True
            yield InMemory(number, self._read(self.plan.length(number)))

    def _read(self, length_bytes: int) -> bytes:
        body = read_exactly(self.file, length_bytes)
        if len(body) < length_bytes:
            raise FileShrank(_name_of(self.file), length_bytes - len(body))
        return body


class StreamSource:
    """A stream that is read once, until it ends. Each part is held in memory until it is sent."""

    reads_anywhere = False

    def __init__(self, stream: IO[bytes], part_size_bytes: int) -> None:
        self._stream = stream
        self._part_size_bytes = part_size_bytes
        self._plan: PartPlan | None = None

    @property
    def plan(self) -> PartPlan | None:
        """Known once the stream has ended."""
        return self._plan

    def contents(self, wanted: Callable[[int], bool]) -> Iterator[Content]:
        """Reads each part when it is asked for. Raises what reading raises, and FileTooLarge where the stream
        does not fit into 10,000 parts of this size."""
        number, size_bytes = 1, 0
        # Popped, so that nothing here keeps a part in memory that was sent.
        held = [read_exactly(self._stream, self._part_size_bytes)]
        while True:
            length_bytes = len(held[0])
            size_bytes += length_bytes
            if wanted(number):
                yield InMemory(number, held.pop())
            if length_bytes < self._part_size_bytes:
                break
            held = [read_exactly(self._stream, self._part_size_bytes)]
            if not held[0]:
                break
            if number == MAX_PART_COUNT:
                limit_bytes = MAX_PART_COUNT * self._part_size_bytes
                raise FileTooLarge(limit=limit_bytes, given=size_bytes + len(held[0]), setting="part_size")
            number += 1
        self._plan = PartPlan(size_bytes, self._part_size_bytes, number)


@dataclass(frozen=True)
class InMemory:
    """A part that was read already."""

    number: int
    body: bytes

    @property
    def length_bytes(self) -> int:
        """As `Content` has it."""
        return len(self.body)

    def blocks(self) -> Iterator[bytes]:
        """As `Content` has it."""
        for start in range(0, len(self.body), BLOCK_BYTES):
            yield self.body[start : start + BLOCK_BYTES]

    def read(self) -> bytes:
        """As `Content` has it; costs nothing."""
        return self.body


@dataclass(frozen=True)
class _Stretch:
    """A part of a file on the disk."""

    path: Path
    number: int
    offset_bytes: int
    length_bytes: int

    def blocks(self) -> Iterator[bytes]:
        left = self.length_bytes
        with self.path.open("rb", buffering=0) as file:
            file.seek(self.offset_bytes)
            while left and (block := file.read(min(BLOCK_BYTES, left))):
                left -= len(block)
                yield block
        if left:
            raise FileShrank(str(self.path), left)

    def read(self) -> bytes:
        with self.path.open("rb", buffering=0) as file:
            file.seek(self.offset_bytes)
            body = read_exactly(file, self.length_bytes)
        if len(body) < self.length_bytes:
            raise FileShrank(str(self.path), self.length_bytes - len(body))
        return body


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes | None: ...


def read_exactly(file: _Readable, length_bytes: int) -> bytes:
    """So many bytes, or what there is up to the end: one ``read`` of a pipe or a connection may give less.

    Raises BlockingIOError where the file has nothing now and is not at its end.
    """
    body = _read(file, length_bytes)
    if not body or len(body) == length_bytes:
        return body
    with io.BytesIO(body) as joined:
        joined.seek(0, io.SEEK_END)
        while (left := length_bytes - joined.tell()) and (more := _read(file, left)):
            joined.write(more)
        return joined.getvalue()


def _read(file: _Readable, most_bytes: int) -> bytes:
    body = file.read(most_bytes)
    if body is None:
        raise BlockingIOError("the file has nothing to read at the moment: open it in blocking mode")
    return body


def _name_of(file: IO[bytes]) -> str:
    return str(getattr(file, "name", "the file"))
