"""Reading one object as a file: streamed, seekable, and read on from where it was when a connection
breaks.
"""

import io
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from botocore.response import StreamingBody
from urllib3.exceptions import HTTPError

from s3portal.transfer import SeekableObject, Store

#: A buffer of this size stands between the caller's small reads and the network.
BUFFER_BYTES = 1024 * 1024
#: Objects up to this size are fetched at once: images and documents, in which libraries seek back and forth.
SMALL_BYTES = 4 * 1024 * 1024

# Instead of a new request, a seek forward reads this much and throws it away.
_SKIP_BYTES = 256 * 1024
_ATTEMPTS = 5

_BROKEN = (
    HTTPError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
    ConnectionClosedError,
    ConnectionError,
)


def open_object(store: Store, key: str) -> io.BufferedIOBase:
    """The object's bytes as a file for reading. Memory does not grow with the object. Raises ClientError."""
    answer = store.client().get_object(Bucket=store.bucket, Key=key)
    if answer["ContentLength"] <= SMALL_BYTES:
        resuming = _Resuming(store, key, answer)
        return io.BytesIO(b"".join(iter(lambda: resuming.read(BUFFER_BYTES), b"")))
    return io.BufferedReader(_ObjectFile(store, key, answer), BUFFER_BYTES)


def stream_body(
    store: Store, key: str, answer: Any, first_byte: int = 0, chunk_bytes: int = 256 * 1024
) -> Iterator[bytes]:
    """The bytes of a GetObject answer that began at ``first_byte``, read on after a broken connection."""
    resuming = _Resuming(store, key, answer, first_byte)
    try:
        while chunk := resuming.read(chunk_bytes):
            yield chunk
    finally:
        resuming.close()


class _Resuming:
    """The body of one GetObject answer, which outlives its connection. Reading is strictly forward."""

    def __init__(self, store: Store, key: str, answer: Any, position: int = 0) -> None:
        self._get: Callable[..., Any] = store.client().get_object
        self._target = {"Bucket": store.bucket, "Key": key}
        # Reading continues only if the object is still the same.
        self._etag = answer["ETag"]
        self._body: StreamingBody = answer["Body"]
        self.position = position
        self._end = position + answer["ContentLength"]

    def read(self, size_bytes: int) -> bytes:
        """At least one byte and at most ``size_bytes``; ``b""`` at the end."""
        wanted = min(size_bytes, self._end - self.position)
        if wanted <= 0:
            return b""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                chunk = self._body.read(wanted)
                if chunk:
                    self.position += len(chunk)
                    return chunk
            except _BROKEN:
                if attempt == _ATTEMPTS:
                    raise
            self._body.close()
            self._body = self._get_from(self.position)
        raise OSError(f"{self._target['Key']}: the store sent {self.position} of {self._end} bytes")

    def close(self) -> None:
        self._body.close()

    def _get_from(self, position: int) -> StreamingBody:
        span = f"bytes={position}-{self._end - 1}"
        return self._get(**self._target, Range=span, IfMatch=self._etag)["Body"]


class _ObjectFile(SeekableObject):
    """An object as a raw file. A far seek costs a request when reading continues, and nothing before."""

    def __init__(self, store: Store, key: str, answer: Any) -> None:
        super().__init__(answer["ContentLength"])
        self._store = store
        self._key = key
        self._etag = answer["ETag"]
        self._resuming: _Resuming | None = _Resuming(store, key, answer)

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

    def _at_position(self) -> _Resuming:
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
        self._resuming = _Resuming(self._store, self._key, answer, self.position)
        return self._resuming
