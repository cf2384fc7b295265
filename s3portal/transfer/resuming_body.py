"""The content of an object, read forward, which outlives the connections that carry it."""

from collections.abc import Callable, Iterator
from typing import Protocol

from botocore.exceptions import ConnectionError, HTTPClientError, IncompleteReadError

from s3portal.transfer.store_failures import StoreUnavailable

#: So many connections in a row may break without a single byte.
FRUITLESS_TRIES = 4


def broken_off() -> tuple[type[Exception], ...]:
    """What reading an answer's body raises where it breaks off. botocore repeats requests, but not this."""
    # Whoever reads an answer has loaded urllib3; the command line starts without it.
    from urllib3.exceptions import HTTPError

    return ConnectionError, HTTPClientError, IncompleteReadError, HTTPError, OSError


class Body(Protocol):
    """What a GetObject answer carries."""

    def read(self, amt: int) -> bytes: ...

    def close(self) -> None: ...


class BrokenOff(OSError):
    """The store has sent less than it promised, several times in a row."""


class ResumingBody:
    """The bytes of one object from ``position`` to before ``end``. Where a connection breaks, ``open_from``
    is asked for the body from the byte that is wanted next, and has to see to it that the object is still
    the same (If-Match).

    ``body`` is one that is open at ``position`` already.
    """

    def __init__(
        self, open_from: Callable[[int], Body], position: int, end: int, body: Body | None = None
    ) -> None:
        self._open_from = open_from
        self._body = body
        self.position = position
        self.end = end

    def read(self, size_bytes: int) -> bytes:
        """At least one byte and at most ``size_bytes``; ``b""`` at the end.

        Raises BrokenOff, and what ``open_from`` raises; of that only StoreUnavailable is tried again.
        """
        wanted = min(size_bytes, self.end - self.position)
        if wanted <= 0:
            return b""
        cause: Exception | None = None
        tried_again: tuple[type[Exception], ...] = (*broken_off(), StoreUnavailable)
        for _ in range(FRUITLESS_TRIES):
            try:
                if chunk := self._opened().read(wanted):
                    self.position += len(chunk)
                    return chunk
            except tried_again as error:
                cause = error
            self.close()
        if isinstance(cause, StoreUnavailable):
            raise cause
        raise BrokenOff(f"the store sent {self.position} of {self.end} bytes: {cause}") from cause

    def blocks(self, size_bytes: int) -> Iterator[bytes]:
        """What is left, in blocks of at most ``size_bytes``; raises as ``read``. Closes at the end."""
        try:
            while block := self.read(size_bytes):
                yield block
        finally:
            self.close()

    def close(self) -> None:
        """Closes the connection; reading on opens another."""
        if self._body is not None:
            self._body.close()
            self._body = None

    def _opened(self) -> Body:
        if self._body is None:
            self._body = self._open_from(self.position)
        return self._body
