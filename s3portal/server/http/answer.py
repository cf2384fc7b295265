"""The head of an answer, as the application hands it to the server."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

Headers = list[tuple[str, str]]


class Answer:
    """What the application hands to ``start_response``."""

    def __init__(self) -> None:
        self.status: str | None = None
        self.headers: Headers = []

    @property
    def status_code(self) -> int:
        return int((self.status or "500")[:3])

    def start_response(self, status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], None]:
        self.status, self.headers = status, list(headers)
        return _refuse_write

    def encode_head(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status}"]
        for name, value in self.headers:
            if "\r" in value or "\n" in value:
                raise ValueError(f"a line end in the header {name}")
            lines.append(f"{name}: {value}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def status_line(status: int) -> str:
    """Returns a status as WSGI writes it: 404 Not Found."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:  # a status in no registry
        return f"{status} Unknown"


def _refuse_write(_chunk: bytes) -> None:
    raise RuntimeError("this server takes bodies as iterables, not by WSGI's old write()")
