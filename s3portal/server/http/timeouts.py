"""The timeout of a connection's socket, set only where it changes: each setting is a system call."""

from __future__ import annotations

import os
import socket
import ssl
import struct


class SocketTimeout:
    """How long a socket waits. All that reads from the socket and writes to it sets its timeout here."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._seconds: float | None = None
        self._is_plain = not isinstance(sock, ssl.SSLSocket)
        self._kernel_waits_s: float | None = None

    def exactly(self, seconds: float) -> None:
        """Lets the socket wait this long; 0 for not at all."""
        if seconds != self._seconds:
            self._sock.settimeout(seconds)
            self._seconds = seconds

    def at_most(self, seconds: float) -> None:
        """Lets it wait no longer than this and, where that takes no setting, down to half as long."""
        if self._seconds is None or not seconds / 2 <= self._seconds <= seconds:
            self.exactly(seconds)

    def send(self, content: bytes, seconds: float) -> None:
        """Sends everything, waiting up to ``seconds`` in all for the caller to take it. Raises OSError."""
        sent_bytes = 0
        if self._is_plain and self._seconds is not None:
            # What is small has room in the socket's buffer, nearly always: without first asking whether.
            try:
                sent_bytes = os.writev(self._sock.fileno(), (content,))
            except BlockingIOError:
                sent_bytes = 0
        if sent_bytes < len(content):
            self.exactly(seconds)
            self._sock.sendall(memoryview(content)[sent_bytes:])

    def in_kernel(self, seconds: float) -> None:
        """Lets calls on a plain socket's descriptor wait in the kernel, up to ``seconds`` without progress;
        under TLS, sets the timeout."""
        if not self._is_plain:
            self.exactly(seconds)
            return
        if self._kernel_waits_s != seconds:
            waits = struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, waits)
            self._kernel_waits_s = seconds
        self._sock.settimeout(None)
        self._seconds = None
