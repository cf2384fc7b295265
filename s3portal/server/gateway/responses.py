"""Replies in WSGI's terms."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from s3portal.server.gateway.access_log import Entry
from s3portal.server.http.answer import Headers, status_line
from s3portal.server.wire.reply import Content, Reply

# Answers that have no body, and no length either (RFC 9110, 8.6).
_BODILESS = (204, 304)


class LoggedBody:
    """A download, which ends its log entry when it ends."""

    def __init__(self, content: Content, entry: Entry) -> None:
        self._content = content
        self._entry = entry

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._content)

    def send_to(self, sock: socket.socket) -> None:
        self._content.send_to(sock)

    def close(self) -> None:
        self._content.close()
        self._entry.end(self._content.bytes_sent)


def begin_answer(
    reply: Reply, body: bytes | Iterable[bytes], request_id: str, start_response: Callable[..., Any]
) -> Iterable[bytes]:
    """Gives the head of an answer to the WSGI server and returns its body."""
    headers: Headers = [
        *reply.headers.items(),
        ("x-amz-request-id", request_id),
        ("x-amz-id-2", request_id),
        ("Server", "s3portal"),
    ]
    if isinstance(body, bytes):
        if "Content-Length" not in reply.headers and reply.status not in _BODILESS:
            headers.append(("Content-Length", str(len(body))))
        body = [body]
    start_response(status_line(reply.status), headers)
    return body
