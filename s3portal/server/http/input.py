"""What comes in on a socket, waited for with a patience that ends."""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING

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


class SocketInput(socket.SocketIO):
    """Reads from a socket; raises TimeoutError when ``patience`` is at its end, or nothing comes for
    ``stall_s`` seconds."""

    def __init__(self, sock: socket.socket, stall_s: float) -> None:
        super().__init__(sock, "r")
        self._timed = sock
        self._stall_s = stall_s
        self.patience = Patience(stall_s)
        #: Whether to wait at all; otherwise reading gives None where nothing is there.
        self.waits = True

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        patience = self.patience
        if not self.waits:
            self._timed.settimeout(0)
            try:
                return super().readinto(buffer)
            except ssl.SSLWantReadError:
                return None
        if patience.left_s <= 0:
            raise TimeoutError("the request took too long")
        self._timed.settimeout(min(patience.left_s, self._stall_s))
        began_at = time.monotonic()
        count = super().readinto(buffer)
        patience.count(time.monotonic() - began_at, count or 0)
        return count
