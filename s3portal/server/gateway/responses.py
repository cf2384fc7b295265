"""Answers in WSGI's terms: a reply as a response, an error as S3's document; and the connection under it."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from typing import Any

from flask import Response

from s3portal.server.api.objects.object_body import ObjectBody
from s3portal.server.faults import Fault, corrupted
from s3portal.server.gateway.access_log import Entry
from s3portal.server.http.connection import CONNECTION_KEY
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import XML_CONTENT_TYPE, Reply
from s3portal.server.wire.xml_documents import document, field, fields, readable


class S3Response(Response):
    """An answer has the content type it was given, or none."""

    default_mimetype = None


class StreamedBody:
    """A download: ends its log entry when it ends, and breaks where a fault wants it."""

    def __init__(self, body: ObjectBody, entry: Entry, fault: Fault | None, environ: dict[str, Any]) -> None:
        self._body = body
        self._entry = entry
        self._corrupt = fault is not None and fault.corrupt
        self._cut_in = environ if fault and fault.cut_body_at is not None else None
        if fault and fault.cut_body_at is not None:
            body.cut(fault.cut_body_at)

    def __iter__(self) -> Iterator[bytes]:
        yield from corrupted(iter(self._body)) if self._corrupt else self._body
        self._cut()

    def send_to(self, sock: socket.socket) -> None:
        if self._corrupt:
            for chunk in self:
                sock.sendall(chunk)
            return
        self._body.send_to(sock)
        self._cut()

    def _cut(self) -> None:
        if self._cut_in is not None:
            drop(self._cut_in)

    def close(self) -> None:
        self._body.close()
        self._entry.end(self._body.bytes_sent)


def response_of(reply: Reply, request_id: str) -> Response:
    headers = reply.headers | {"x-amz-request-id": request_id, "x-amz-id-2": request_id, "Server": "s3portal"}
    body: Iterable[bytes] = [reply.body] if isinstance(reply.body, bytes) else reply.body
    return S3Response(body, status=reply.status, headers=headers, direct_passthrough=True)


def error_reply(error: S3Error, resource: str, request_id: str) -> Reply:
    if error.status == 304:
        return Reply(304, error.headers)
    body = document(
        "Error",
        fields(("Code", error.code), ("Message", readable(error.message))),
        fields(*((name, readable(str(value))) for name, value in error.facts.items())),
        field("Resource", readable(resource)),
        fields(("RequestId", request_id), ("HostId", request_id)),
        namespace="",
    )
    return Reply(error.status, {"Content-Type": XML_CONTENT_TYPE} | error.headers, body)


def drop(environ: dict[str, Any]) -> None:
    """Resets the connection, where the HTTP server lets us (ours does; others answer a bare 500)."""
    connection = environ.get(CONNECTION_KEY)
    if connection is not None:
        connection.drop()


def prove(environ: dict[str, Any]) -> None:
    """Tells the HTTP server, where it is ours, that the caller's signature is right."""
    connection = environ.get(CONNECTION_KEY)
    if connection is not None:
        connection.prove()
