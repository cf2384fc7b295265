"""The head of an answer, as the application hands it to the server."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache
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
        lines = [f"HTTP/1.1 {self.status}", *[f"{name}: {value}" for name, value in self.headers]]
        text = "\r\n".join(lines)
        if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1:
            raise ValueError(f"a line end in one of the headers {self.headers}")
        return f"{text}\r\n\r\n".encode("latin-1")


@lru_cache(maxsize=256)
def status_line(status: int) -> str:
    """Returns a status as WSGI writes it: 404 Not Found."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:  # a status in no registry
        return f"{status} Unknown"


def date_header() -> str:
    """Returns the value of the Date header now; a thousand answers in one second have the same."""
    return _date_of(int(time.time()))


@lru_cache(maxsize=8)
def _date_of(moment_s: int) -> str:
    return formatdate(moment_s, usegmt=True)


def _refuse_write(_chunk: bytes) -> None:
    raise RuntimeError("this server takes bodies as iterables, not by WSGI's old write()")
