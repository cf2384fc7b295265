"""Pieces of an answer's body, which go into a file: from memory, or, on Linux, from the socket without
passing through this process.

Source: splice(2). A socket cannot be spliced to a file, but through a pipe it can.
"""

import contextlib
import os
import select
import socket
from collections.abc import Iterator
from typing import Protocol

#: What a pipe holds, where it may; Linux gives 64 KiB to one that is not asked for more. A file that is
#: written by more at once gets large folios of the page cache, and to fill those took twice as long where the
#: memory had not been used before.
_PIPE_BYTES = 256 * 1024
_CAN_SPLICE = hasattr(os, "splice")


class Piece(Protocol):
    """Some bytes. Valid until the next piece is taken."""

    def __len__(self) -> int: ...

    def write_to(self, descriptor: int, at: int) -> None:
        """Puts all of it into a file, at that offset. Raises OSError, which is about the file."""
        ...


class InMemory:
    """A piece that was read."""

    def __init__(self, content: memoryview) -> None:
        self._content = content

    def __len__(self) -> int:
        return len(self._content)

    def write_to(self, descriptor: int, at: int) -> None:
        left = self._content
        while left:
            written = _written(descriptor, left, at)
            left, at = left[written:], at + written


class InPipe:
    """A piece that waits in a pipe."""

    def __init__(self, pipe: int, size_bytes: int) -> None:
        self._pipe = pipe
        self._size_bytes = size_bytes

    def __len__(self) -> int:
        return self._size_bytes

    def write_to(self, descriptor: int, at: int) -> None:
        left = self._size_bytes
        while left:
            written = os.splice(self._pipe, descriptor, left, offset_dst=at)
            left, at = left - written, at + written


def can_splice(connected: socket.socket) -> bool:
    """Whether what comes from a socket can go into a file by itself: under TLS it is yet to be decrypted."""
    return _CAN_SPLICE and type(connected) is socket.socket


def spliced(connected: socket.socket, size_bytes: int) -> Iterator[InPipe]:
    """The next bytes of a socket, through a pipe; fewer where it ends early. Raises OSError, which is about
    the socket, and TimeoutError after the socket's timeout."""
    receiving, sending = os.pipe()
    try:
        _enlarge(sending)
        left = size_bytes
        while left:
            count = _moved(connected, sending, min(left, _PIPE_BYTES))
            if not count:
                return
            left -= count
            yield InPipe(receiving, count)
    finally:
        os.close(receiving)
        os.close(sending)


def _written(descriptor: int, content: memoryview, at: int) -> int:
    if hasattr(os, "pwrite"):
        return os.pwrite(descriptor, content, at)
    # Windows has no such call, nor do several threads write to one file there (partial_files.py).
    os.lseek(descriptor, at, os.SEEK_SET)
    return os.write(descriptor, content)


def _moved(connected: socket.socket, pipe: int, most_bytes: int) -> int:
    """A socket with a timeout does not block, so that waiting for it is a call of its own."""
    timeout_s = connected.gettimeout()
    while True:
        try:
            return os.splice(connected.fileno(), pipe, most_bytes)
        except BlockingIOError:
            waiting = select.poll()
            waiting.register(connected, select.POLLIN)
            if not waiting.poll(None if timeout_s is None else timeout_s * 1000):
                raise TimeoutError("timed out") from None


def _enlarge(pipe: int) -> None:
    import fcntl

    # A user who has many pipes may not have larger ones (pipe(7)).
    with contextlib.suppress(OSError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
