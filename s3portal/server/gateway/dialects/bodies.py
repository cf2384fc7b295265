"""Bodies that a dialect reads itself, to learn what a request asks for."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

BODY_LIMIT_BYTES = 64 * 1024


class ReadBody(io.RawIOBase):
    """A body that was read already, for who reads it again."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        return self._content.readinto(buffer)


def read_limited(body: io.RawIOBase) -> bytes | None:
    """Returns the whole body, None when it is longer than that of any call."""
    buffer = memoryview(bytearray(BODY_LIMIT_BYTES + 1))
    filled = 0
    while count := body.readinto(buffer[filled:]):
        filled += count
    return None if filled > BODY_LIMIT_BYTES else bytes(buffer[:filled])
