"""Reading one object as a file: streamed, seekable, and read on from where it was when a connection
breaks.
"""

import io
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from s3portal.transfer import Body, ResumingBody, SeekableObject, Store

#: A buffer of this size stands between the caller's small reads and the network.
BUFFER_BYTES = 1024 * 1024
#: Objects up to this size are fetched at once: images and documents, in which libraries seek back and forth.
SMALL_BYTES = 4 * 1024 * 1024

# Instead of a new request, a seek forward reads this much and throws it away.
_SKIP_BYTES = 256 * 1024


def open_object(store: Store, key: str) -> io.BufferedIOBase:
    """The object's bytes as a file for reading. Memory does not grow with the object. Raises ClientError."""
    answer = store.client().get_object(Bucket=store.bucket, Key=key)
    if answer["ContentLength"] <= SMALL_BYTES:
        return io.BytesIO(b"".join(_resuming(store, key, answer).blocks(BUFFER_BYTES)))
    return io.BufferedReader(_ObjectFile(store, key, answer), BUFFER_BYTES)


def stream_body(
    store: Store, key: str, answer: Any, first_byte: int = 0, chunk_bytes: int = 256 * 1024
) -> Iterator[bytes]:
    """The bytes of a GetObject answer that began at ``first_byte``, read on after a broken connection."""
    yield from _resuming(store, key, answer, first_byte).blocks(chunk_bytes)


def _resuming(store: Store, key: str, answer: Any, position: int = 0) -> ResumingBody:
    """The body of a GetObject answer that began at ``position``. Reading continues only if the object is
    still the same."""
    end = position + answer["ContentLength"]

    def open_from(start: int) -> Body:
        span = f"bytes={start}-{end - 1}"
        return store.client().get_object(Bucket=store.bucket, Key=key, Range=span, IfMatch=answer["ETag"])[
            "Body"
        ]

    return ResumingBody(open_from, position, end, answer["Body"])


class _ObjectFile(SeekableObject):
    """An object as a raw file. A far seek costs a request when reading continues, and nothing before."""

    def __init__(self, store: Store, key: str, answer: Any) -> None:
        super().__init__(answer["ContentLength"])
        self._store = store
        self._key = key
        self._etag = answer["ETag"]
        self._resuming: ResumingBody | None = _resuming(store, key, answer)

    def readinto(self, buffer) -> int:
        if self.position >= self.size_bytes:
            return 0
        chunk = self._at_position().read(len(buffer))
        buffer[: len(chunk)] = chunk
        self.position += len(chunk)
        return len(chunk)

    def close(self) -> None:
        if self._resuming is not None:
            self._resuming.close()
        super().close()

    def _at_position(self) -> ResumingBody:
        resuming = self._resuming
        if resuming is not None and 0 <= self.position - resuming.position <= _SKIP_BYTES:
            while resuming.position < self.position:
                resuming.read(self.position - resuming.position)
            return resuming
        if resuming is not None:
            resuming.close()
        try:
            answer = self._store.client().get_object(
                Bucket=self._store.bucket, Key=self._key, Range=f"bytes={self.position}-", IfMatch=self._etag
            )
        except ClientError as error:
            raise OSError(f"{self._key}: {error}") from error
        self._resuming = _resuming(self._store, self._key, answer, self.position)
        return self._resuming
