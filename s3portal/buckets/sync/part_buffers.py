"""Memory for the parts that are on their way, of all files together: bounded, and used again and again.

A fresh buffer costs a page fault for each 4 KiB, which for large files is more than reading them.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Iterator


class PartBuffers:
    """Gives out ``most_bytes`` at most; a part that is larger has to be the only one. Safe in threads."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._taken_bytes = 0
        self._idle: deque[bytearray] = deque()
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def taken(self, length_bytes: int) -> Iterator[memoryview]:
        """Memory for a part of this length, with anything in it. Waits until there is some."""
        buffer = self._take(length_bytes)
        try:
            yield memoryview(buffer)
        except BaseException:
            # A thread that hangs may yet write to it (file_reads.py): it is not used again.
            self._give_back(length_bytes)
            raise
        self._give_back(length_bytes, buffer)

    def _take(self, length_bytes: int) -> bytearray:
        with self._changed:
            self._changed.wait_for(
                lambda: not self._taken_bytes or self._taken_bytes + length_bytes <= self._most_bytes
            )
            self._taken_bytes += length_bytes
            while self._idle:
                # What is left over is of parts of another length.
                buffer = self._idle.pop()
                if len(buffer) == length_bytes:
                    return buffer
        return bytearray(length_bytes)

    def _give_back(self, length_bytes: int, *buffers: bytearray) -> None:
        with self._changed:
            self._taken_bytes -= length_bytes
            self._idle.extend(buffers)
            self._changed.notify_all()
