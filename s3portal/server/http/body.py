"""The body of a request as it comes off the socket: never more of it in memory than the caller's buffer."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from s3portal.server.http.errors import ConnectionLost, IncompleteBody, MalformedRequest, StalledBody
from s3portal.server.http.head import HEADER_LINE

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CHUNK_LINE_LIMIT_BYTES = 4096
TRAILER_LINES_LIMIT = 64
DRAIN_BUFFER_BYTES = 256 * 1024
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")


class RequestBody(io.RawIOBase):
    """A body of known length, or of the chunked transfer coding (RFC 9112, sections 6 and 7.1).

    ``before_first_read`` sends ``100 Continue`` to a caller who waits for it: a request that is refused on
    its headers alone then never sends its body.
    """

    def __init__(
        self,
        stream: io.BufferedIOBase,
        length_bytes: int | None,
        before_first_read: Callable[[], None] | None,
    ) -> None:
        self._stream = stream
        self._chunked = length_bytes is None
        self._remaining_bytes = length_bytes or 0
        self._before_first_read = before_first_read
        self._started = False
        self.finished = length_bytes == 0
        self.broken = False
        self.bytes_in = 0

    def readable(self) -> bool:
        return True

    @property
    def awaits_continue(self) -> bool:
        """Whether the caller still waits for 100 Continue, so that none of the body is on its way."""
        return self._before_first_read is not None and not self._started

    @property
    def remaining_bytes(self) -> int | None:
        """The bytes still to come; None while the transfer coding has not said."""
        return 0 if self.finished else None if self._chunked else self._remaining_bytes

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fills ``buffer`` as far as the body goes and returns the bytes read; 0 at its end.

        Raises IncompleteBody when the caller stops early, StalledBody when it stalls, MalformedRequest for a
        malformed transfer coding, and ConnectionLost when the connection broke.
        """
        view = memoryview(buffer).cast("B")
        if self.finished or not len(view):
            return 0
        if self.broken:
            raise ConnectionLost("the body was not received whole")
        try:
            self._start()
            if self._chunked and not self._remaining_bytes and not self._next_chunk():
                self.finished = True
                return 0
            count = self._stream.readinto(view[: min(len(view), self._remaining_bytes)])
        except TimeoutError as stalled:
            self.broken = True
            raise StalledBody("The body did not come in time.") from stalled
        except OSError as lost:
            self.broken = True
            raise ConnectionLost(str(lost)) from lost
        if count == 0:
            raise self._incomplete()
        self.bytes_in += count
        self._remaining_bytes -= count
        if self._chunked and not self._remaining_bytes:
            self._expect_line_end()
        elif not self._chunked and not self._remaining_bytes:
            self.finished = True
        return count

    def drain(self, limit_bytes: int) -> bool:
        """Reads and forgets what is left, up to a limit; returns whether the body is at its end."""
        if self.finished:
            return True
        buffer = bytearray(DRAIN_BUFFER_BYTES)
        end_bytes = self.bytes_in + limit_bytes
        while not self.finished and self.bytes_in < end_bytes:
            self.readinto(buffer)
        return self.finished

    def _start(self) -> None:
        if not self._started:
            self._started = True
            if self._before_first_read:
                self._before_first_read()

    def _next_chunk(self) -> bool:
        """Reads a chunk's size line; at the last chunk, the trailer lines too. False at the end."""
        line = self._stream.readline(CHUNK_LINE_LIMIT_BYTES)
        if not line:
            raise self._incomplete()
        match = _CHUNK_SIZE.fullmatch(line)
        if match is None:
            raise self._malformed()
        self._remaining_bytes = int(match[1], 16)
        if self._remaining_bytes:
            return True
        for _ in range(TRAILER_LINES_LIMIT):
            line = self._stream.readline(CHUNK_LINE_LIMIT_BYTES)
            if line == b"\r\n":
                return False
            # They are not looked at, but two readers must agree on where they end (RFC 9112, 7.1.2).
            if not line.endswith(b"\r\n") or HEADER_LINE.fullmatch(line[:-2]) is None:
                raise self._malformed()
        raise self._malformed()

    def _expect_line_end(self) -> None:
        if self._stream.read(2) != b"\r\n":
            raise self._malformed()

    def _incomplete(self) -> IncompleteBody:
        self.broken = True
        return IncompleteBody("The connection ended before the body did.")

    def _malformed(self) -> MalformedRequest:
        self.broken = True
        return MalformedRequest("The chunked transfer coding of the request is malformed.")
