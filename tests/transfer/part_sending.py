"""What the tests of sending parts share: a small file in every kind of source, and what receives it."""

import io
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from s3portal.transfer.part_plan import PartPlan
from s3portal.transfer.part_sources import FileSource, PartSource, PathSource, StreamSource
from s3portal.transfer.sending import Part

PART = 1000
CONTENT = random.Random(1).randbytes(10 * PART + 7)

MakeSource = Callable[[bytes, Path], PartSource]


def plan_of(size_bytes: int, part_size_bytes: int = PART) -> PartPlan:
    return PartPlan(size_bytes, part_size_bytes, max(1, -(-size_bytes // part_size_bytes)))


def path_source(content: bytes, folder: Path) -> PartSource:
    path = folder / "file"
    path.write_bytes(content)
    return PathSource(path, plan_of(len(content)))


def file_source(content: bytes, _folder: Path) -> PartSource:
    """Of a file that does not stand at its beginning."""
    file = io.BytesIO(b"before" + content)
    file.seek(6)
    return FileSource(file, plan_of(len(content)))


class Trickle(io.RawIOBase):
    """A stream that gives a little at a time, as a pipe does."""

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)

    def read(self, size: int = -1, /) -> bytes:
        return self._file.read(min(size, 333))


def stream_source(content: bytes, _folder: Path) -> PartSource:
    return StreamSource(Trickle(content), PART)  # type: ignore[arg-type]


EVERY_SOURCE = pytest.mark.parametrize("make_source", [path_source, file_source, stream_source])


class Receiver:
    """What was sent, and what happened meanwhile."""

    def __init__(self) -> None:
        self.parts: dict[int, bytes] = {}
        self.tries: list[int] = []

    def __call__(self, part: Part) -> str:
        self.tries.append(part.number)
        self.parts[part.number] = b"".join(part.blocks())
        return f"etag-{part.number}"

    @property
    def content(self) -> bytes:
        return b"".join(self.parts[number] for number in sorted(self.parts))
