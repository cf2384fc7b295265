"""The ETag that S3 gives to what was uploaded in parts: the MD5 of the parts' MD5s, and their number.

Source: S3 User Guide, "Checking object integrity".
"""

import hashlib


class PartsEtag:
    """Computes the ETag of a file that is read in blocks of any size, for parts of ``part_size_bytes``."""

    def __init__(self, part_size_bytes: int) -> None:
        self._part_size_bytes = self._left = part_size_bytes
        self._part = hashlib.md5(usedforsecurity=False)
        self._whole = hashlib.md5(usedforsecurity=False)
        self._count = 0

    def update(self, block: bytes) -> None:
        """Takes the next bytes of the file."""
        view = memoryview(block)
        while view:
            taken = view[: self._left]
            self._part.update(taken)
            self._left -= len(taken)
            view = view[len(taken) :]
            if not self._left:
                self._end_part()

    def etag(self) -> str:
        """The ETag without its quotes. Nothing may follow it; an empty file has one part."""
        if self._left < self._part_size_bytes or not self._count:
            self._end_part()
        return f"{self._whole.hexdigest()}-{self._count}"

    def _end_part(self) -> None:
        self._whole.update(self._part.digest())
        self._count += 1
        self._part, self._left = hashlib.md5(usedforsecurity=False), self._part_size_bytes
