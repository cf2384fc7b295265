"""What comes in on a socket, waited for with a patience that ends."""

from __future__ import annotations

import io
import socket
import ssl
import time
from typing import TYPE_CHECKING

from s3portal.server.http.timeouts import SocketTimeout

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class Patience:
    """How long a caller is waited for: ``seconds`` of waiting in all, and one more for every ``bytes_per_s``
    bytes that came (None: for none). The server's own work does not count.
    """

    def __init__(self, seconds: float, bytes_per_s: int | None = None) -> None:
        self._left_s = seconds
        self._second_per_byte = 1 / bytes_per_s if bytes_per_s else 0.0

    @property
    def left_s(self) -> float:
        return self._left_s

    def count(self, waited_s: float, received_bytes: int) -> None:
        self._left_s += received_bytes * self._second_per_byte - waited_s


class SocketInput(io.RawIOBase):
    """Reads from a socket; raises TimeoutError when ``patience`` is at its end, or nothing comes for
    ``stall_s`` seconds."""

    def __init__(self, sock: socket.socket, stall_s: float, timeout: SocketTimeout) -> None:
        super().__init__()
        self._sock = sock
        self._stall_s = stall_s
        self._timeout = timeout
        self.patience = Patience(stall_s)
        #: Whether to wait at all; otherwise reading gives None where nothing is there.
        self.waits = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        if not self.waits:
            self._timeout.exactly(0)
            try:
                return self._sock.recv_into(buffer)
            except (BlockingIOError, ssl.SSLWantReadError):
                return None
        patience, stall_s = self.patience, self._stall_s
        while True:
            wait_s = min(patience.left_s, stall_s)
            if wait_s <= 0:
                raise TimeoutError("the request took too long")
            self._timeout.at_most(wait_s)
            began_at = time.monotonic()
            try:
                count = self._sock.recv_into(buffer)
            except TimeoutError:
                # It may have waited for half of what it might: the rest comes now.
                waited_s = time.monotonic() - began_at
                patience.count(waited_s, 0)
                stall_s -= waited_s
                continue
            patience.count(time.monotonic() - began_at, count)
            return count
