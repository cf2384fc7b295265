"""A piece of a file onto a socket, without the bytes passing through this process where that can be."""

from __future__ import annotations

import io
import os
import socket
import ssl
from collections.abc import Iterator

CHUNK_BYTES = 256 * 1024
# More than Linux takes in one call.
_AT_ONCE_BYTES = 1 << 31


def send_file(sock: socket.socket, file: io.FileIO, offset: int, length_bytes: int) -> Iterator[int]:
    """Sends ``length_bytes`` from ``offset``, or less where the file ends early; yields how many bytes went
    out each time. Raises OSError.

    A plain socket without a timeout waits in the kernel, as long as its SO_SNDTIMEO says.
    """
    left_bytes = length_bytes
    if isinstance(sock, ssl.SSLSocket) or sock.gettimeout() is not None or not hasattr(os, "sendfile"):
        file.seek(offset)
        while left_bytes and (chunk := file.read(min(CHUNK_BYTES, left_bytes))):
            sock.sendall(chunk)
            left_bytes -= len(chunk)
            yield len(chunk)
        return
    while left_bytes:
        at_once_bytes = min(left_bytes, _AT_ONCE_BYTES)
        count = os.sendfile(sock.fileno(), file.fileno(), offset + length_bytes - left_bytes, at_once_bytes)
        if not count:
            return
        left_bytes -= count
        yield count
