"""Errors of a request before anything has looked at what it asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class HTTPError(Exception):
    """A request, or its body, that HTTP itself refuses; ``status`` is what RFC 9110 and RFC 6585 answer."""

    status = 400


class MalformedRequest(HTTPError):
    """It is not HTTP/1, or two readers could understand it differently."""


class HeadTooLarge(HTTPError):
    """The request line and the headers are longer than the limit."""

    status = 431


class IncompleteBody(HTTPError):
    """The connection ended before the body did."""


class StalledBody(HTTPError):
    """The body did not come in the time that it had."""

    status = 408


class TooManyConnections(HTTPError):
    """There is no room for one more connection."""

    status = 503


class ConnectionLost(Exception):
    """The caller's connection is gone: there is no one to answer."""


@dataclass(frozen=True)
class Refusal:
    """How an HTTPError is answered where no application is asked."""

    status: int
    content_type: str
    body: bytes


RefusalWriter = Callable[[HTTPError], Refusal]


def plain_refusal(error: HTTPError) -> Refusal:
    """Returns the error as a line of text."""
    return Refusal(error.status, "text/plain; charset=utf-8", f"{error}\n".encode())
