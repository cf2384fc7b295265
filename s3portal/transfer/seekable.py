"""A place in an object, for files that are read from the store."""

import io


class SeekableObject(io.RawIOBase):
    """A raw file for reading an object of ``size_bytes``. A subclass has ``readinto``, which reads from
    ``position`` and moves it; seeking itself sends no request."""

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Raises ValueError for a place before the first byte."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.size_bytes}[whence]
        if start + offset < 0:
            raise ValueError(f"{start + offset} is not a position in a file.")
        self.position = start + offset
        return self.position
