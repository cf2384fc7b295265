"""A line that damages what passes: a TCP proxy that flips a bit in what clients send, now and then."""

import socket
from contextlib import suppress
from threading import Lock, Thread

_BLOCK_BYTES = 64 * 1024
# Nothing but a body is as long.
_DAMAGED_BYTES = 16 * 1024


class CorruptingProxy:
    """Passes connections on to a port of this machine, with one bit flipped each time that ``every_bytes``
    more have passed, in the bodies. Requests without a large body pass as they are.
    """

    def __init__(self, port: int, every_bytes: int) -> None:
        self._port = port
        self._every_bytes = every_bytes
        self._counting = Lock()
        self._passed_bytes = 0
        self.flipped_bits = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        """Where the proxy listens."""
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        """Takes no more connections; those that are open end with their clients."""
        self._listener.close()

    def _accept(self) -> None:
        # Raised when the listener is closed.
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
                Thread(target=self._pass_on, args=(client, server, True), daemon=True).start()
                Thread(target=self._pass_on, args=(server, client, False), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, damages: bool) -> None:
        # Either end may hang up at any time, which ends the other, too.
        with suppress(OSError), target:
            while block := bytearray(source.recv(_BLOCK_BYTES)):
                # In bytes: how many come at once is a matter of who is faster just now.
                if damages and len(block) >= _DAMAGED_BYTES and self._is_due(len(block)):
                    # Behind whatever head the block may begin with.
                    block[-1] ^= 1
                target.sendall(block)
            target.shutdown(socket.SHUT_WR)

    def _is_due(self, size_bytes: int) -> bool:
        with self._counting:
            self._passed_bytes += size_bytes
            is_due = self._passed_bytes >= (self.flipped_bits + 1) * self._every_bytes
            self.flipped_bits += is_due
            return is_due
