"""One HTTP/1.1 connection: reads requests, calls the WSGI application, writes its answers.

What a general WSGI server leaves open matters here, so it is decided here:
- the request target reaches the application untouched (``REQUEST_URI``), because signatures cover it;
- ``100 Continue`` is sent when the application first reads the body, not before;
- an answer given before the body was read is followed by draining it, so that the caller reads the answer
  and the next request on the connection starts where it should;
- files go out by sendfile; a fault may cut the connection at any byte.
"""

from __future__ import annotations

import io
import logging
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

from s3portal.server.http import tls
from s3portal.server.http.answer import Answer, date_header, status_line
from s3portal.server.http.body import RequestBody
from s3portal.server.http.errors import ConnectionLost, HTTPError, RefusalWriter
from s3portal.server.http.head import RequestHead, read_head
from s3portal.server.http.input import Patience, SocketInput
from s3portal.server.http.limits import ConnectionLimits
from s3portal.server.http.timeouts import SocketTimeout

Environ = dict[str, Any]
WSGIApplication = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

RECEIVE_BUFFER_BYTES = 64 * 1024
# An unread body up to this size is read and forgotten, so that the connection lives and the caller, who
# sends first and listens later (as browsers do), gets the answer.
# Only for callers whose signature is right.
DRAIN_LIMIT_BYTES = 64 * 1024 * 1024
# What anybody else is listened to before the connection is closed (RFC 9112, 9.6): as much of a part as is on
# its way, for as long as reading the answer takes. It tells a browser of a wrong key or region.
LINGER_LIMIT_BYTES = 8 * 1024 * 1024
LINGER_S = 2.0
CONNECTION_KEY = "s3portal.connection"
TLS_VERSION_KEY = "s3portal.tls_version"
# WSGI cannot tell a_b from a-b, and both are names of headers.
HEADERS_KEY = "s3portal.headers"

log = logging.getLogger(__name__)


class Connection:
    """A connection and what it is doing. ``serve`` runs in a thread of its own until it is over."""

    def __init__(
        self,
        sock: socket.socket,
        application: WSGIApplication,
        server_address: tuple[str, int],
        caller_address: str,
        limits: ConnectionLimits,
        refusal_of: RefusalWriter,
    ) -> None:
        self._sock = sock
        self._application = application
        self._server_address = server_address
        self._limits = limits
        self._refusal_of = refusal_of
        self._timeout = SocketTimeout(sock)
        self._input = SocketInput(sock, limits.stall_s, self._timeout)
        self._stream = io.BufferedReader(self._input, RECEIVE_BUFFER_BYTES)
        self._dropped = False
        self._closing = False
        self._request_is_proven = False
        self._tls_version: str | None = None
        self.caller_address = caller_address
        #: Whether a right signature was ever seen on it.
        self.proven = False
        #: Whether it was ended to make room for another one.
        self.yielded = False
        self.idle = True
        #: Since when it has been waiting for a request; of the monotonic clock.
        self.waits_since = time.monotonic()

    def serve(self) -> None:
        """Answers request after request. Never raises: what goes wrong ends the connection."""
        try:
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._tls_version = tls.begin(self._sock, self._limits.proof_s)
            while not self._closing and self._serve_one():
                pass
        except (ConnectionLost, HTTPError, OSError) as lost:
            log.debug("connection lost: %s", lost)
        except Exception:
            # A mistake of this server's: it ends one connection, and is told.
            log.exception("a connection failed")
        finally:
            if not self._dropped:
                tls.end(self._sock)
            self._stream.close()
            self._sock.close()

    def drop(self) -> None:
        """Resets the connection at once: the caller sees it break, whatever was on its way is lost."""
        self._dropped = True
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # SHUT_RD wakes a blocked reader; no FIN goes out, so that closing sends the reset.
        self._shutdown(socket.SHUT_RD)

    def stop(self, *, now: bool) -> None:
        """Ends the connection: when it is idle, after the answer it is giving, or ``now``."""
        self._closing = True
        if now or self.idle:
            self._shutdown(socket.SHUT_RDWR)

    def make_room(self) -> None:
        """Ends the connection, whatever it waits for, because another one needs its place."""
        self.yielded = True
        self.stop(now=True)

    def prove(self) -> None:
        """The application found the signature of the request right: its body is given the time it needs."""
        self.proven = self._request_is_proven = True
        self._input.patience = Patience(self._limits.stall_s, self._limits.least_bytes_per_s)

    def _shutdown(self, how: int) -> None:
        try:
            # Not that of a socket under TLS, which would go on without it, in the clear.
            socket.socket.shutdown(self._sock, how)
        except OSError as gone:
            log.debug("connection was gone already: %s", gone)

    def _serve_one(self) -> bool:
        """Answers one request; returns whether another may follow."""
        self.idle, self.waits_since = True, time.monotonic()
        self._request_is_proven = False
        self._input.patience = Patience(self._limits.idle_s)
        try:
            if not self._stream.peek(1):
                return False
            # From here to the proof: who sends byte by byte keeps a connection from others.
            self._input.patience = Patience(self._limits.proof_s)
            head = read_head(self._stream)
            if head is None:
                return False
            length_bytes = head.body_length_bytes
        except TimeoutError:
            return False
        except HTTPError as refused:
            self._write_refusal(refused)
            self._linger()
            return False
        self.idle = False
        body = RequestBody(self._stream, length_bytes, self._send_continue if head.expects_continue else None)
        keep_alive = head.keep_alive
        answer = Answer()
        chunks = self._application(self._environ(head, body), answer.start_response)
        try:
            if self._dropped or answer.status is None:
                return False
            keep_alive = keep_alive and not self._closing and self._can_drain(body)
            self._write_answer(head, answer, chunks, keep_alive)
        finally:
            close = getattr(chunks, "close", None)
            if close:
                close()
        if self._dropped:
            return False
        if not keep_alive:
            # Also for one who waited for 100 Continue: it may have lost patience and be sending.
            if not body.finished:
                self._linger()
            return False
        return body.drain(DRAIN_LIMIT_BYTES)

    def _environ(self, head: RequestHead, body: RequestBody) -> Environ:
        path, _, query = head.target.partition("?")
        host, port = self._server_address
        environ: Environ = {
            "REQUEST_METHOD": head.method,
            "REQUEST_URI": head.target,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1") if "%" in path else path,
            "QUERY_STRING": query,
            "SERVER_NAME": host,
            "SERVER_PORT": str(port),
            "SERVER_PROTOCOL": f"HTTP/1.{head.minor_version}",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http" if self._tls_version is None else "https",
            "wsgi.input": body,
            "wsgi.input_terminated": True,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "REMOTE_ADDR": self.caller_address,
            CONNECTION_KEY: self,
            TLS_VERSION_KEY: self._tls_version,
            HEADERS_KEY: head.headers,
        }
        for name, value in head.headers.items():
            environ_name = _environ_name(name)
            if environ_name:
                environ[environ_name] = value
        return environ

    def _write_answer(
        self, head: RequestHead, answer: Answer, chunks: Iterable[bytes], keep_alive: bool
    ) -> None:
        names = {name.lower() for name, _ in answer.headers}
        bodiless = head.method == "HEAD" or answer.status_code in (204, 304)
        chunked = not bodiless and "content-length" not in names and head.minor_version == 1
        if chunked:
            answer.headers.append(("Transfer-Encoding", "chunked"))
        if "date" not in names:
            answer.headers.append(("Date", date_header()))
        answer.headers.append(("Connection", "keep-alive" if keep_alive else "close"))
        # The head travels with the first bytes of the body, in one packet where they are few.
        pending = answer.encode_head()
        if not bodiless:
            # What a body has that can write itself to a socket faster than by its chunks.
            send_to: Callable[[socket.socket], None] | None = getattr(chunks, "send_to", None)
            if send_to is not None:
                self._send(pending)
                pending = b""
                self._timeout.in_kernel(self._limits.stall_s)
                send_to(self._sock)
            else:
                for chunk in filter(None, chunks):
                    piece = b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk
                    self._send(pending + piece)
                    pending = b""
            if chunked:
                pending += b"0\r\n\r\n"
        if pending:
            self._send(pending)

    def _send(self, content: bytes) -> None:
        self._timeout.send(content, self._limits.stall_s)

    def _write_refusal(self, error: HTTPError) -> None:
        """Answers a request whose head could not be understood: no application sees it."""
        refusal = self._refusal_of(error)
        answer = Answer()
        answer.start_response(
            status_line(refusal.status),
            [
                ("Content-Type", refusal.content_type),
                ("Content-Length", str(len(refusal.body))),
                ("Date", date_header()),
                ("Connection", "close"),
            ],
        )
        self._send(answer.encode_head() + refusal.body)

    def _linger(self) -> None:
        """Says that nothing more comes, then listens a while: closing with unread bytes would reset the
        connection and could take the answer from the caller (RFC 9112, 9.6)."""
        self._shutdown(socket.SHUT_WR)
        known = self._request_is_proven
        left_bytes = DRAIN_LIMIT_BYTES if known else LINGER_LIMIT_BYTES
        ends_at = time.monotonic() + (self._limits.stall_s if known else LINGER_S)
        buffer = bytearray(RECEIVE_BUFFER_BYTES)
        while left_bytes > 0 and (left_s := ends_at - time.monotonic()) > 0:
            self._timeout.exactly(left_s)
            count = self._sock.recv_into(buffer)
            if not count:
                return
            left_bytes -= count

    def _send_continue(self) -> None:
        # Not to one who has lost patience and sends already (RFC 9110, 10.1.1): it listens for an answer now.
        if self._has_bytes():
            return
        self._send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _has_bytes(self) -> bool:
        """Whether something more has come by now."""
        self._input.waits = False
        try:
            return bool(self._stream.peek(1))
        finally:
            self._input.waits = True

    def _can_drain(self, body: RequestBody) -> bool:
        """Whether what is left of a body is little enough, and on its way, to keep the connection."""
        if body.finished:
            return True
        if body.broken or body.awaits_continue or not self._request_is_proven:
            return False
        remaining_bytes = body.remaining_bytes
        return remaining_bytes is not None and remaining_bytes <= DRAIN_LIMIT_BYTES


@lru_cache(maxsize=1024)
def _environ_name(header: str) -> str:
    """Returns what WSGI calls a header; '' for one with an underscore, which would take the place of the one
    with a hyphen."""
    if "_" in header:
        return ""
    name = header.upper().replace("-", "_")
    return name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"
