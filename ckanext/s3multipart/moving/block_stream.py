"""Blocks that come one after the other, as a file that is read from its beginning to its end."""

from collections.abc import Iterator


class BlockStream:
    """The file. It can be read once."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._held = memoryview(b"")

    def read(self, size: int = -1, /) -> bytes:
        """Up to so many bytes of the next block; nothing at the end."""
        while not self._held:
            block = next(self._blocks, None)
            if block is None:
                return b""
            self._held = memoryview(block)
        taken = self._held if size < 0 else self._held[:size]
        self._held = self._held[len(taken) :]
        return bytes(taken)
