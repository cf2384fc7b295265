"""Reads files of this machine without waiting for ever: on a dead mount, a file is given up after a time.

Nothing ends a call that waits for a dead mount, so each is made by a thread that can be left behind.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from io import FileIO
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any, TypeVar

from s3portal.transfer import PartPlan

#: How long one block of a file may take to come.
FILE_TIMEOUT_S = 60.0
BLOCK_BYTES = 1024 * 1024

Answer = TypeVar("Answer")


class Unresponsive(OSError):
    """A file or folder did not answer in time."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(f"did not answer for {timeout_s:g} seconds, so it was skipped")


class Changed(Exception):
    """A file changed while it was read, or an object since it was listed."""

    def __init__(self, text: str = "changed while it was read") -> None:
        super().__init__(text)


class _Thread:
    """A thread that makes one call after the other, for whoever has it."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], Any] | None] = SimpleQueue()
        self._answers: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        threading.Thread(target=self._work, name="s3portal-files", daemon=True).start()

    def call(self, call: Callable[[], Answer], timeout_s: float) -> Answer:
        """What the call returns. Raises what it raises, and queue.Empty after the time."""
        self._calls.put(call)
        answer: Answer
        answer, error = self._answers.get(timeout=timeout_s)
        if error is not None:
            raise error
        return answer

    def leave_behind(self) -> None:
        """It ends once its call does, if ever."""
        self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                self._answers.put((call(), None))
            except BaseException as error:  # noqa: BLE001 - it is raised again where the answer is wanted
                self._answers.put((None, error))
            del call


_idle: deque[_Thread] = deque()


def within(timeout_s: float, call: Callable[[], Answer]) -> Answer:
    """What the call returns, if it does so in time. Raises Unresponsive, and what it raises."""
    try:
        thread = _idle.pop()
    except IndexError:
        thread = _Thread()
    try:
        answer = thread.call(call, timeout_s)
    except Empty:
        thread.leave_behind()
        raise Unresponsive(timeout_s) from None
    except Exception:
        _idle.append(thread)
        raise
    _idle.append(thread)
    return answer


@dataclass(frozen=True)
class FileReads:
    """Reads within ``timeout_s`` a block. Raises Unresponsive, Changed and other OSErrors."""

    timeout_s: float = FILE_TIMEOUT_S

    def whole(self, path: Path, size_bytes: int) -> bytes:
        """A file of this size, in memory. Raises Changed where it has another one."""
        file, found_bytes, body = within(self.timeout_s, lambda: _opened(path, size_bytes))
        if file is not None:
            with file:
                blocks = [body]
                while block := self._block(file):
                    blocks.append(block)
                body = b"".join(blocks)
        if len(body) != found_bytes or found_bytes != size_bytes:
            raise Changed
        return body

    def fill(self, buffer: memoryview, path: Path, offset_bytes: int) -> None:
        """Fills a buffer with what the file has from there on. Raises Changed where it ends earlier.

        A thread that was left behind may write to the buffer later: after an error it is of no use.
        """
        filled = 0
        with within(self.timeout_s, lambda: open_file(path)) as file:
            file.seek(offset_bytes)
            while filled < len(buffer):
                block = buffer[filled : filled + BLOCK_BYTES]
                count = within(self.timeout_s, partial(file.readinto, block))
                if not count:
                    raise Changed
                filled += count

    def blocks(self, path: Path, offset_bytes: int = 0, length_bytes: int | None = None) -> Iterator[bytes]:
        """The file, or a stretch of it, in blocks of at most 1 MiB."""
        left = length_bytes
        with within(self.timeout_s, lambda: open_file(path)) as file:
            if offset_bytes:
                file.seek(offset_bytes)
            while left is None or left:
                most = BLOCK_BYTES if left is None else min(BLOCK_BYTES, left)
                block = self._block(file, most)
                if not block:
                    return
                left = None if left is None else left - len(block)
                yield block

    def stat(self, path: Path) -> os.stat_result:
        """The file's size and time."""
        return within(self.timeout_s, path.stat)

    def _block(self, file: IO[bytes], most_bytes: int = BLOCK_BYTES) -> bytes:
        return within(self.timeout_s, lambda: file.read(most_bytes))


def open_file(path: Path) -> FileIO:
    """The file, to be read."""
    return path.open("rb", buffering=0)


def _opened(path: Path, size_bytes: int) -> tuple[IO[bytes] | None, int, bytes]:
    """A file that is still open where there is more to be read, its size, and its first block."""
    file = open_file(path)
    found_bytes = os.fstat(file.fileno()).st_size
    # One byte more than expected tells of a file that grows.
    body = file.read(min(size_bytes + 1, BLOCK_BYTES))
    if size_bytes < BLOCK_BYTES:
        file.close()
        return None, found_bytes, body
    return file, found_bytes, body


@dataclass(frozen=True)
class PatientParts:
    """A file's parts, as ``send_parts`` takes them."""

    reads: FileReads
    path: Path
    plan: PartPlan
    reads_anywhere: bool = field(default=True, init=False)

    def contents(self, wanted: Callable[[int], bool]) -> Iterator["PatientPart"]:
        """Costs nothing; reading one raises as FileReads does."""
        for number in range(1, self.plan.part_count + 1):
            if wanted(number):
                yield PatientPart(self, number, self.plan.length(number))


@dataclass(frozen=True)
class PatientPart:
    """One part. May be read as often as it has to be sent."""

    of: PatientParts
    number: int
    length_bytes: int

    def blocks(self) -> Iterator[bytes]:
        """In blocks of at most 1 MiB."""
        offset = self.of.plan.offset(self.number)
        yield from self.of.reads.blocks(self.of.path, offset, self.length_bytes)

    def read(self) -> bytes:
        """All of it, in memory."""
        return b"".join(self.blocks())
