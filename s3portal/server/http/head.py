"""The head of an HTTP/1.1 request, read strictly: what two readers could understand differently is refused.

Source: RFC 9112, sections 2.2, 3, 5, 6.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass

from s3portal.server.http.errors import HeadTooLarge, MalformedRequest
from s3portal.server.http.values import BLANKS, list_of

# Generous: presigned URLs with session tokens are long, metadata comes in headers, and a refusal from here
# has none of the headers that let a browser's script read it.
HEAD_LIMIT_BYTES = 64 * 1024

_REQUEST_LINE = re.compile(rb"([A-Z]{1,20}) ([\x21-\x7e]+) HTTP/1\.([01])")
# Blanks behind the value are cut off later: a pattern that looks for their end takes a time that grows with
# the square of their number.
HEADER_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\x00\r\n]*)")
_ONCE = frozenset({"authorization", "content-length", "content-type", "host", "transfer-encoding"})


@dataclass(frozen=True)
class RequestHead:
    """A request line and headers. Names are lower case; values of a repeated header are joined by a comma."""

    method: str
    target: str
    minor_version: int
    headers: Mapping[str, str]

    @property
    def keep_alive(self) -> bool:
        options = {option.lower() for option in list_of(self.headers.get("connection"))}
        return "close" not in options and (self.minor_version == 1 or "keep-alive" in options)

    @property
    def expects_continue(self) -> bool:
        return self.minor_version == 1 and self.headers.get("expect", "").lower() == "100-continue"

    @property
    def body_length_bytes(self) -> int | None:
        """The length of the body in bytes, 0 without one; None for the chunked transfer coding.

        Raises MalformedRequest where length and transfer coding contradict each other (RFC 9112, 6.3: the
        way requests are smuggled).
        """
        coding, length = self.headers.get("transfer-encoding"), self.headers.get("content-length")
        if coding is not None:
            if coding.lower() != "chunked" or length is not None or self.minor_version == 0:
                raise MalformedRequest("The transfer coding of the request is not understood.")
            return None
        if length is None:
            return 0
        if not re.fullmatch(r"[0-9]{1,18}", length):
            raise MalformedRequest("The Content-Length of the request is not a number.")
        return int(length)


def read_head(stream: io.BufferedIOBase) -> RequestHead | None:
    """Reads one head; returns None when the connection ended instead.

    Raises MalformedRequest if it is not an HTTP/1 request, HeadTooLarge, and TimeoutError and OSError as the
    socket does.
    """
    left_bytes = HEAD_LIMIT_BYTES
    line = stream.readline(left_bytes)
    if line == b"\r\n":  # RFC 9112, 2.2: one empty line before a request is forgiven
        line = stream.readline(left_bytes)
    if not line:
        return None
    match = _REQUEST_LINE.fullmatch(_without_line_end(line))
    if match is None:
        raise MalformedRequest("The request line is malformed.")
    method, target, minor_version = match[1].decode(), match[2].decode(), int(match[3])
    headers: dict[str, str] = {}
    while True:
        left_bytes -= len(line)
        line = stream.readline(max(left_bytes, 1))
        text = _without_line_end(line)
        if not text:
            break
        header = HEADER_LINE.fullmatch(text)
        if header is None:
            raise MalformedRequest("A header of the request is malformed.")
        name, value = header[1].decode().lower(), header[2].decode("latin-1").rstrip(BLANKS)
        if name in headers:
            if name in _ONCE:
                raise MalformedRequest(f"The header {name} is given more than once.")
            value = f"{headers[name]},{value}"
        headers[name] = value
    if minor_version == 1 and "host" not in headers:
        raise MalformedRequest("The Host header is missing.")
    return RequestHead(method, target, minor_version, headers)


def _without_line_end(line: bytes) -> bytes:
    if line.endswith(b"\r\n"):
        return line[:-2]
    if not line.endswith(b"\n") and len(line) > 0:
        # The line was cut by the limit, or by the end of the connection.
        raise HeadTooLarge("The head of the request is too large, or it was cut off.")
    raise MalformedRequest("The lines of a request must end with CR LF.")
