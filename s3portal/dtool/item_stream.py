"""An item as a stream: read from S3 as far as it is read, without a file on the disk."""

import hashlib
import io
from collections.abc import Iterator

from s3portal.dtool.big_downloads import read_range
from s3portal.dtool.bucket_objects import BucketObjects
from s3portal.dtool.errors import ItemDamaged
from s3portal.dtool.item_reader import WantedItem
from s3portal.transfer import SeekableObject

_BUFFER_BYTES = 1024 * 1024


def open_stream(objects: BucketObjects, key: str, wanted: WantedItem) -> io.BufferedReader:
    """A file object for reading, which can seek. Reading raises DtoolS3Error.

    Reading it from the first byte to the last raises ItemDamaged if that is not what the manifest
    says.
    """
    return io.BufferedReader(_ItemStream(objects, key, wanted), _BUFFER_BYTES)


class _ItemStream(SeekableObject):
    """One request runs on as long as bytes are read in order; where it breaks off, another continues."""

    def __init__(self, objects: BucketObjects, key: str, wanted: WantedItem) -> None:
        head = objects.head(key)
        super().__init__(head.size_bytes)
        self._objects = objects
        self._key = key
        self._wanted = wanted
        self._etag = head.etag
        self._blocks: Iterator[bytes] = iter(())
        # Of what has been read so far without a gap from the first byte on.
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._hashed_bytes = 0
        self._rest = b""
        self._go_to(0)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        before, after = self.position, super().seek(offset, whence)
        if after != before:
            self._go_to(after)
        return after

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        if not self._rest:
            self._rest = next(self._blocks, b"")
        taken = self._rest[: len(buffer)]
        buffer[: len(taken)] = taken
        self._rest = self._rest[len(taken) :]
        if self.position == self._hashed_bytes:
            self._md5.update(taken)
            self._hashed_bytes += len(taken)
        self.position += len(taken)
        if not taken:
            self._check()
        return len(taken)

    def close(self) -> None:
        self._end_request()
        super().close()

    def _go_to(self, position: int) -> None:
        self._end_request()
        self.position, self._rest = position, b""
        self._blocks = read_range(self._objects, self._key, self._etag, position, self.size_bytes)

    def _end_request(self) -> None:
        # A generator that is closed closes the answer that it reads.
        if close := getattr(self._blocks, "close", None):
            close()

    def _check(self) -> None:
        wanted, found_md5 = self._wanted, self._md5.hexdigest()
        whole = self._hashed_bytes == self.size_bytes
        if self.size_bytes != wanted.size_bytes or (whole and wanted.md5 and found_md5 != wanted.md5):
            raise ItemDamaged(
                f"{wanted.relpath} is not what the dataset's manifest says: {self.size_bytes:,} bytes"
                f"{f' with MD5 {found_md5}' if whole else ''} came from s3://{self._objects.bucket}/{self._key},"
                f" and {wanted.size_bytes:,} bytes with MD5 {wanted.md5 or 'not noted'} are in the manifest."
                " Discard what was read, and read it again."
            )
