"""The HTTP server: accepts connections and gives each a thread.

A thread a connection, because browsers open connections ahead of need: with a pool, a few idle ones would
keep everybody else waiting. Where there are too many, those that have shown nothing make room.
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading
import time

from s3portal.server.http.answer import Answer, status_line
from s3portal.server.http.connection import Connection, WSGIApplication
from s3portal.server.http.errors import RefusalWriter, TooManyConnections, plain_refusal
from s3portal.server.http.limits import ConnectionLimits
from s3portal.server.http.tls import TLSContexts

ACCEPT_BACKLOG = 512
# A connection that waits, or has shown no right signature, makes room for a new one after this time.
YIELDS_AFTER_S = 1.0
BUSY_AT_ONCE = 32
BUSY_S = 1.0
BUSY_RETRY_AFTER_S = 1

log = logging.getLogger(__name__)


def listen_on(host: str, port: int) -> socket.socket:
    """Returns a socket that listens; raises OSError when the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=ACCEPT_BACKLOG)


class HTTPServer:
    """A WSGI application on a TCP port.

    Listens as soon as it is made (raises OSError when the address is taken); ``port`` is the real one when
    0 was asked for. ``serve`` blocks until ``stop`` is called from another thread or a signal handler.
    The application calls ``prove`` of its connection once it knows the caller; others get little time.
    ``refusal_of`` writes what is answered where no application is asked. ``listener`` is a socket that
    listens already, for processes that share one. With ``tls`` it speaks HTTPS only.
    """

    def __init__(
        self,
        application: WSGIApplication,
        host: str,
        port: int,
        limits: ConnectionLimits | None = None,
        refusal_of: RefusalWriter = plain_refusal,
        listener: socket.socket | None = None,
        tls: TLSContexts | None = None,
    ) -> None:
        self._tls = tls
        self._application = application
        self._limits = limits or ConnectionLimits()
        self._refusal_of = refusal_of
        self._busy = _busy_answer(refusal_of)
        self._listener = listener or listen_on(host, port)
        # Of several processes that wait for it one gets a connection, and the others must not wait in accept.
        self._listener.setblocking(False)
        self._woken, self._wakes = socket.socketpair()
        self._wakes.setblocking(False)
        self.host: str = host
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._connections: dict[Connection, threading.Thread] = {}
        self._being_refused = threading.Semaphore(BUSY_AT_ONCE)
        self._stopping = False

    def serve(self) -> None:
        """Accepts connections until the server is stopped."""
        try:
            with selectors.DefaultSelector() as waiting:
                for ready in (self._listener, self._woken):
                    waiting.register(ready, selectors.EVENT_READ)
                while not self._stopping:
                    waiting.select()
                    if not self._stopping:
                        self._accept()
        finally:
            for ended in (self._listener, self._woken, self._wakes):
                ended.close()

    @property
    def wakeup_descriptor(self) -> int:
        """For ``signal.set_wakeup_fd``: a signal then ends the waiting for connections, whichever thread got
        it, so that its handler runs."""
        return self._wakes.fileno()

    def _accept(self) -> None:
        try:
            sock, address = self._listener.accept()
        except BlockingIOError:
            # Another process was faster, or the caller has gone.
            return
        except OSError as problem:
            # Out of file descriptors, or the caller is gone already: go on, but do not spin.
            log.warning("a connection could not be accepted: %s", problem)
            time.sleep(0.05)
            return
        sock.setblocking(True)
        self._start(sock, str(address[0]))

    def stop(self, grace_s: float = 5.0) -> None:
        """Stops accepting, lets running requests finish for ``grace_s`` seconds, then cuts them."""
        self._stopping = True
        # Closed by ``serve``. Shutting it down would end accepting in processes that share it, too.
        try:
            self._wakes.send(b"x")
        except OSError as closed:
            log.debug("the listener was closed already: %s", closed)
        ends_at = time.monotonic() + grace_s
        for now in (False, True):
            with self._lock:
                running = dict(self._connections)
            for connection in running:
                connection.stop(now=now)
            for thread in running.values():
                if thread is not threading.current_thread():
                    thread.join(max(0.0, ends_at - time.monotonic()) if not now else grace_s)

    def _start(self, sock: socket.socket, address: str) -> None:
        if self._stopping:
            sock.close()
            return
        if not self._make_room(address):
            self._refuse(sock)
            return
        if self._tls is not None:
            sock = self._tls.wrap(sock)
        here = (self.host, self.port)
        connection = Connection(sock, self._application, here, address, self._limits, self._refusal_of)
        thread = threading.Thread(target=self._run, args=(connection,), name="http-connection", daemon=True)
        try:
            with self._lock:
                # Inside the lock: a thread that is stopped is one that was started.
                thread.start()
                self._connections[connection] = thread
        except RuntimeError as problem:
            log.warning("a connection got no thread: %s", problem)
            self._refuse(sock)

    def _make_room(self, address: str) -> bool:
        """Whether there is room for one more connection from an address, if need be in place of another."""
        limits = self._limits
        with self._lock:
            connections = [c for c in self._connections if not c.yielded]
        if len(connections) < min(limits.connections, limits.unproven_per_address):
            return True
        unproven = [c for c in connections if not c.proven]
        neighbours = [c for c in unproven if c.caller_address == address]
        if len(neighbours) >= limits.unproven_per_address:
            return _dismiss_oldest(neighbours)
        if len(connections) < limits.connections:
            return True
        return _dismiss_oldest(unproven) or _dismiss_oldest([c for c in connections if c.idle])

    def _refuse(self, sock: socket.socket) -> None:
        # Under TLS nobody could read it.
        if self._tls is not None or not self._being_refused.acquire(blocking=False):
            sock.close()
            return
        try:
            threading.Thread(target=self._say_busy, args=(sock,), name="http-busy", daemon=True).start()
        except RuntimeError:
            self._being_refused.release()
            sock.close()

    def _say_busy(self, sock: socket.socket) -> None:
        """Answers, then waits a moment for the caller to have read it: closing with bytes that nobody read
        would take the answer away (RFC 9112, 9.6)."""
        ends_at = time.monotonic() + BUSY_S
        try:
            sock.settimeout(BUSY_S)
            sock.sendall(self._busy)
            sock.shutdown(socket.SHUT_WR)
            while (left_s := ends_at - time.monotonic()) > 0:
                sock.settimeout(left_s)
                if not sock.recv(65536):
                    break
        except OSError as gone:
            log.debug("a refused connection was gone already: %s", gone)
        finally:
            sock.close()
            self._being_refused.release()

    def _run(self, connection: Connection) -> None:
        try:
            connection.serve()
        finally:
            with self._lock:
                self._connections.pop(connection, None)


def _busy_answer(refusal_of: RefusalWriter) -> bytes:
    """The whole answer to a connection that there is no room for, made once."""
    refusal = refusal_of(TooManyConnections("Too many connections."))
    answer = Answer()
    answer.start_response(
        status_line(refusal.status),
        [
            ("Content-Type", refusal.content_type),
            ("Connection", "close"),
            ("Retry-After", str(BUSY_RETRY_AFTER_S)),
        ],
    )
    return answer.encode_head() + refusal.body


def _dismiss_oldest(candidates: list[Connection]) -> bool:
    """Ends the connection that has waited longest, unless all have come just now."""
    oldest = min(candidates, key=lambda connection: connection.waits_since, default=None)
    if oldest is None or time.monotonic() - oldest.waits_since < YIELDS_AFTER_S:
        return False
    oldest.make_room()
    return True
