"""What an operation answers, before it becomes an HTTP response."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

XML_CONTENT_TYPE = "application/xml"


@dataclass(frozen=True)
class Reply:
    """``body`` is bytes, or an iterable that streams exactly ``Content-Length`` bytes and may have
    ``send_to`` and ``close`` (see ``http.connection.SocketBody``)."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Iterable[bytes] = b""


def xml_reply(body: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    return Reply(status, {"Content-Type": XML_CONTENT_TYPE} | (headers or {}), body)


NO_CONTENT = Reply(204)
