"""The HTTP server: accepts connections and gives each a thread.

A thread a connection, because browsers open connections ahead of need: with a pool, a few idle ones would
keep everybody else waiting.
"""

from __future__ import annotations

import errno
import logging
import socket
import threading
import time

from s3portal.server.http.connection import Connection, WSGIApplication

CONNECTIONS_LIMIT = 1000
ACCEPT_BACKLOG = 512
BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/xml\r\nConnection: close\r\n\r\n"
    b"<Error><Code>SlowDown</Code><Message>Too many connections.</Message></Error>"
)

log = logging.getLogger(__name__)


class HTTPServer:
    """A WSGI application on a TCP port.

    Listens as soon as it is made (raises OSError when the address is taken); ``port`` is the real one when
    0 was asked for. ``serve`` blocks until ``stop`` is called from another thread or a signal handler.
    """

    def __init__(self, application: WSGIApplication, host: str, port: int) -> None:
        self._application = application
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=ACCEPT_BACKLOG)
        self.host: str = host
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._connections: dict[Connection, threading.Thread] = {}
        self._stopping = False

    def serve(self) -> None:
        """Accepts connections until the server is stopped."""
        while not self._stopping:
            try:
                sock, _ = self._listener.accept()
            except OSError as problem:
                if self._stopping or problem.errno in (errno.EBADF, errno.EINVAL):
                    return
                # Out of file descriptors, or the caller is gone already: go on, but do not spin.
                log.warning("a connection could not be accepted: %s", problem)
                time.sleep(0.05)
                continue
            self._start(sock)

    def stop(self, grace_s: float = 5.0) -> None:
        """Stops accepting, lets running requests finish for ``grace_s`` seconds, then cuts them."""
        self._stopping = True
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError as closed:
            log.debug("the listener was closed already: %s", closed)
        self._listener.close()
        ends_at = time.monotonic() + grace_s
        for now in (False, True):
            with self._lock:
                running = dict(self._connections)
            for connection in running:
                connection.stop(now=now)
            for thread in running.values():
                if thread is not threading.current_thread():
                    thread.join(max(0.0, ends_at - time.monotonic()) if not now else grace_s)

    def _start(self, sock: socket.socket) -> None:
        if self._stopping:
            sock.close()
            return
        with self._lock:
            busy = len(self._connections) >= CONNECTIONS_LIMIT
        if busy:
            sock.settimeout(1)
            try:
                sock.sendall(BUSY)
            except OSError as gone:
                log.debug("a refused connection was gone already: %s", gone)
            sock.close()
            return
        connection = Connection(sock, self._application, (self.host, self.port))
        thread = threading.Thread(target=self._run, args=(connection,), name="s3-connection", daemon=True)
        with self._lock:
            # Inside the lock: a thread that is stopped is one that was started.
            thread.start()
            self._connections[connection] = thread

    def _run(self, connection: Connection) -> None:
        try:
            connection.serve()
        finally:
            with self._lock:
                self._connections.pop(connection, None)
