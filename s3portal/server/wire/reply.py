"""What an operation answers, before it becomes an HTTP response."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypeGuard

XML_CONTENT_TYPE = "application/xml"


class Content(Protocol):
    """A body that is sent while it is read, exactly ``Content-Length`` bytes of it."""

    @property
    def bytes_sent(self) -> int: ...

    def __iter__(self) -> Iterator[bytes]: ...

    def send_to(self, sock: socket.socket) -> None:
        """Sends everything, faster than by chunks where it can."""

    def take_if_small(self) -> bytes | None:
        """Returns the whole body and closes it, or None when it is not small."""

    def close(self) -> None:
        """Gives back what it holds. May be called twice."""


@dataclass(frozen=True)
class Reply:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Content = b""


def is_streamed(body: bytes | Content) -> TypeGuard[Content]:
    return not isinstance(body, bytes)


def xml_reply(body: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    return Reply(status, {"Content-Type": XML_CONTENT_TYPE} | (headers or {}), body)


NO_CONTENT = Reply(204)
