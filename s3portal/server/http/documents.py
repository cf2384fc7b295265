"""Fetching a small JSON document of another server: no redirects, and limits to its size and to the time."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_ANSWER_SHOWN_BYTES = 300


class DocumentError(OSError):
    """A document cannot be had; the message says what came instead."""


def fetch_document(
    url: str,
    form: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    limit_bytes: int,
    deadline_s: float,
) -> Any:
    """Returns the parsed JSON that a URL answers a GET with, or the POST of a ``form``.

    A redirect is an error: it could lead anywhere. ``deadline_s`` is for the whole answer: who sends a byte
    now and then is cut off, too. Raises DocumentError.
    """
    if not url.startswith(("https://", "http://")):
        raise DocumentError(f"{url} cannot be read: it must begin with https:// or http://")
    request = urllib.request.Request(  # noqa: S310  (of no other scheme: see above)
        url, form, {"Accept": "application/json", **(headers or {})}
    )
    try:
        status, content = _answer(request, limit_bytes, deadline_s)
    except (OSError, http.client.HTTPException) as problem:
        raise DocumentError(f"{url} cannot be read: {problem or type(problem).__name__}") from problem
    if status != 200:
        # OAuth's refusals say why in a few words; they are for the log.
        raise DocumentError(f"{url} answered {status}: {content[:_ANSWER_SHOWN_BYTES]!r}")
    if len(content) > limit_bytes:
        raise DocumentError(f"{url} answered with more than {limit_bytes} bytes")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as problem:
        raise DocumentError(f"{url} did not answer with JSON") from problem


def _answer(request: urllib.request.Request, limit_bytes: int, deadline_s: float) -> tuple[int, bytes]:
    """Returns the status and no more than a byte above the limit."""
    with _until(deadline_s) as note:
        try:
            with _opener(note).open(request, timeout=deadline_s) as answer:
                return answer.status, answer.read(limit_bytes + 1)
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read(limit_bytes + 1)


@contextmanager
def _until(deadline_s: float) -> Iterator[Callable[[socket.socket], None]]:
    """Yields what notes a connection, to cut it off at the deadline."""
    noted: list[socket.socket] = []
    is_late = threading.Event()

    def cut_off() -> None:
        is_late.set()
        for connection in noted:
            _shut(connection)

    def note(connection: socket.socket) -> None:
        noted.append(connection)
        if is_late.is_set():
            _shut(connection)

    timer = threading.Timer(deadline_s, cut_off)
    timer.daemon = True
    timer.start()
    try:
        yield note
    finally:
        timer.cancel()
        if is_late.is_set():
            # What was read until then is not the whole.
            raise TimeoutError(f"no whole answer within {deadline_s:g} s")


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It has ended by itself.
        return


def _opener(note: Callable[[socket.socket], None]) -> urllib.request.OpenerDirector:
    class Plain(http.client.HTTPConnection):
        def connect(self) -> None:
            super().connect()
            note(self.sock)

    class Secure(http.client.HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            note(self.sock)

    class PlainHandler(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> Any:
            return self.do_open(Plain, req)

    class SecureHandler(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> Any:
            return self.do_open(Secure, req, context=ssl.create_default_context())

    return urllib.request.build_opener(_NoRedirect, PlainHandler, SecureHandler)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *given: Any, **more: Any) -> None:
        return None
