"""A request's bytes as two readers of HTTP/1.1 understand them: ours and h11."""

from __future__ import annotations

import io
from dataclasses import dataclass

import h11

from s3portal.server.http.body import RequestBody
from s3portal.server.http.errors import HTTPError
from s3portal.server.http.head import read_head


@dataclass(frozen=True)
class Understood:
    """A request that was accepted. Header names are in lower case, values of a repeated one are joined."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def ours(sent: bytes) -> Understood | None:
    """Returns what our reader understands, None for what it refuses."""
    stream = io.BufferedReader(io.BytesIO(sent))
    try:
        head = read_head(stream)
        if head is None:
            return None
        body = RequestBody(stream, head.body_length_bytes, None).readall()
    except HTTPError:
        return None
    return Understood(head.method, head.target, _sorted(dict(head.headers)), body)


def theirs(sent: bytes) -> Understood | None:
    """Returns what h11 understands, None for what it refuses."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    connection.receive_data(sent)
    connection.receive_data(b"")
    request, body = None, b""
    try:
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            else:
                return None
    except h11.RemoteProtocolError:
        return None
    assert request is not None
    headers: dict[str, str] = {}
    for raw_name, raw_value in request.headers:
        name, value = raw_name.decode(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return Understood(request.method.decode(), request.target.decode(), _sorted(headers), body)


def _sorted(headers: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """Codings are compared without case (RFC 9112, section 7)."""
    if "transfer-encoding" in headers:
        headers["transfer-encoding"] = headers["transfer-encoding"].lower()
    return tuple(sorted(headers.items()))
