"""One HTTP/1.1 connection, as a client uses it: a request, its answer, and the next. Source: RFC 9112."""

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BufferedReader
from typing import cast

from s3portal.buckets.direct.pieces import InMemory, Piece, can_splice, spliced

# No sane store sends more; what does is no store.
_LONGEST_LINE_BYTES = 64 * 1024
_MOST_HEADERS = 200
#: A request up to this size is sent at once, head and body in one piece.
_ONE_PIECE_BYTES = 64 * 1024
_BUFFER_BYTES = 64 * 1024
_BLOCK_BYTES = 256 * 1024

Body = bytes | memoryview


class NoHttp(OSError):
    """What came is no answer of HTTP/1.1."""


class ClosedEarly(ConnectionError):
    """The connection ended before the whole answer was there. ``unanswered``: not a byte of it came."""

    def __init__(self, text: str, *, unanswered: bool = False) -> None:
        super().__init__(text)
        self.unanswered = unanswered


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of an answer; header names are in small letters."""

    status: int
    reason: str
    headers: Mapping[str, str]


class Connection:
    """Is used by one thread at a time. ``is_reusable`` says whether another request may follow."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._answers = cast(BufferedReader, connected.makefile("rb", _BUFFER_BYTES))
        self.is_reusable = True

    def fileno(self) -> int:
        """Of the socket."""
        return self._socket.fileno()

    def close(self) -> None:
        """Closes; nothing is said to the other side."""
        self.is_reusable = False
        self._answers.close()
        self._socket.close()

    def send(self, head: bytes, body: Body) -> Head:
        """Sends a request; the beginning of its answer, after which ``read`` or ``blocks`` has to follow.

        Raises OSError, ClosedEarly, NoHttp.
        """
        try:
            if len(body) <= _ONE_PIECE_BYTES:
                self._socket.sendall(head + body)
            else:
                self._socket.sendall(head)
                self._socket.sendall(body)
        except (BrokenPipeError, ConnectionResetError) as error:
            # A store that refuses may say so, and close, before all has been sent (RFC 9112, 9.5).
            self.is_reusable = False
            try:
                return self._read_head()
            except OSError:
                raise ClosedEarly(str(error), unanswered=True) from error
        found = self._read_head()
        while 100 <= found.status < 200:
            found = self._read_head()
        return found

    def read(self, head: Head, method: str) -> bytes:
        """The whole body of an answer. Raises ClosedEarly, NoHttp, OSError."""
        length = self._length(head, method)
        if length == 0:
            return b""
        if length is None:
            return b"".join(bytes(block) for block in self.blocks(head, method))
        body = self._answers.read(length)
        if len(body) < length:
            raise self._ended_early(len(body), length)
        return body

    def blocks(self, head: Head, method: str) -> Iterator[memoryview]:
        """The body of an answer in pieces, each valid until the next one is taken. Raises as ``read``."""
        length = self._length(head, method)
        buffer = memoryview(bytearray(_BLOCK_BYTES))
        if length is not None:
            yield from self._counted(length, buffer)
        elif head.headers.get("transfer-encoding", "").lower() == "chunked":
            while size := self._chunk_size():
                yield from self._counted(size, buffer)
                self._line()
            while self._line():
                pass
        else:
            # Whatever comes until the other side closes.
            self.is_reusable = False
            while count := self._answers.readinto(buffer):
                yield buffer[:count]

    def pieces(self, head: Head, method: str) -> Iterator[Piece]:
        """As ``blocks``, for a body that goes into a file."""
        left = self._length(head, method)
        if left is None or not can_splice(self._socket):
            yield from map(InMemory, self.blocks(head, method))
            return
        length = left
        if left:
            # Some of it came with the head; once that is taken, the buffer is empty.
            came = self._answers.read1(min(left, _BUFFER_BYTES))
            left -= len(came)
            yield InMemory(memoryview(came))
        for piece in spliced(self._socket, left):
            left -= len(piece)
            yield piece
        if left:
            raise self._ended_early(length - left, length)

    def _counted(self, length: int, buffer: memoryview) -> Iterator[memoryview]:
        left = length
        while left:
            count = self._answers.readinto(buffer[: min(left, len(buffer))])
            if not count:
                raise self._ended_early(length - left, length)
            left -= count
            yield buffer[:count]

    def _ended_early(self, came: int, length: int) -> ClosedEarly:
        self.is_reusable = False
        return ClosedEarly(f"{came} of {length} bytes came")

    def _chunk_size(self) -> int:
        text = self._line().partition(b";")[0].strip()
        try:
            return int(text, 16)
        except ValueError as error:
            self.is_reusable = False
            raise NoHttp(f"{text[:20]!r} is no size of a chunk") from error

    def _length(self, head: Head, method: str) -> int | None:
        """How long the body is (RFC 9112, 6.3); None where only reading it tells."""
        if method == "HEAD" or head.status in (204, 304):
            return 0
        if "transfer-encoding" in head.headers or "content-length" not in head.headers:
            return None
        text = head.headers["content-length"]
        if not text.isascii() or not text.isdigit():
            self.is_reusable = False
            raise NoHttp(f"{text[:20]!r} is no length")
        return int(text)

    def _read_head(self) -> Head:
        first = self._answers.readline(_LONGEST_LINE_BYTES)
        if not first:
            self.is_reusable = False
            raise ClosedEarly("the connection was closed without an answer", unanswered=True)
        version, _, rest = first.decode("latin-1").strip().partition(" ")
        status, _, reason = rest.partition(" ")
        if version not in ("HTTP/1.1", "HTTP/1.0") or len(status) != 3 or not status.isdigit():
            self.is_reusable = False
            raise NoHttp(f"what answers there does not speak HTTP: {first[:40]!r}")
        headers: dict[str, str] = {}
        while line := self._line():
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or len(headers) > _MOST_HEADERS:
                self.is_reusable = False
                raise NoHttp("the headers of the answer cannot be read")
            headers[name.lower()] = value.strip()
        said = headers.get("connection", "").lower()
        if said == "close" or (version == "HTTP/1.0" and said != "keep-alive"):
            self.is_reusable = False
        return Head(int(status), reason, headers)

    def _line(self) -> bytes:
        line = self._answers.readline(_LONGEST_LINE_BYTES)
        if not line.endswith(b"\n"):
            self.is_reusable = False
            raise ClosedEarly("the answer broke off")
        return line.rstrip(b"\r\n")
