"""Bodies that a dialect reads itself, to learn what a request asks for."""

from __future__ import annotations

import io

BODY_LIMIT_BYTES = 64 * 1024


def read_limited(body: io.RawIOBase) -> bytes | None:
    """Returns the whole body, None when it is longer than that of any call."""
    buffer = memoryview(bytearray(BODY_LIMIT_BYTES + 1))
    filled = 0
    while count := body.readinto(buffer[filled:]):
        filled += count
    return None if filled > BODY_LIMIT_BYTES else bytes(buffer[:filled])
