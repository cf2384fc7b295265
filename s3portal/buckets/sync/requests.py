"""The requests of a sync: PutObject, CopyObject and GetObject, each over what was listed.

They are sent directly (direct/), since a sync of small files is nothing but requests. All that is rare goes
by boto3.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import quote

from s3portal.buckets.direct import Answer, Body, Direct, Piece, RequestFailed, Streamed
from s3portal.buckets.parallel import Throttle, pause
from s3portal.transfer import Store

__all__ = ["BrokenAnswer", "RequestFailed", "Requests"]

_NONE: Mapping[str, str] = {}
_Part = TypeVar("_Part")


class BrokenAnswer(Exception):
    """An answer that ended early: the request is worth another try."""


@dataclass
class Requests:
    """Sends requests about one bucket's objects, from many threads. Raises RequestFailed."""

    store: Store
    throttle: Throttle = field(default_factory=Throttle)
    sleep: Callable[[float], None] = pause
    #: What the store was seen to take along with copies and parts (taken_along.py).
    seen_to_take: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.direct = Direct(self.store, self.throttle, self.sleep)

    def put(self, key: str, body: bytes, headers: Mapping[str, str]) -> str:
        """PutObject; returns the ETag without quotes. ``headers`` have names in small letters."""
        try:
            return self.etag("PUT", key, body, headers)
        except RequestFailed as error:
            there = headers.get("if-match", "").strip('"')
            if error.failure.status != 412 or not there or not self._has(key, there):
                raise
            # Ceph RGW 16 compares the quotes, too, so that what S3's clients send never fits.
            return self.etag("PUT", key, body, {**headers, "if-match": there})

    def _has(self, key: str, etag: str) -> bool:
        try:
            return self.head(key, "").get("etag", "").strip('"') == etag
        except RequestFailed:
            return False

    def copy(
        self, key: str, source_bucket: str, source_key: str, source_etag: str, headers: Mapping[str, str]
    ) -> str:
        """CopyObject of exactly the object with this ETag; returns the copy's ETag."""
        return self.etag("PUT", key, b"", {**headers, **copying_from(source_bucket, source_key, source_etag)})

    def head(self, key: str, etag: str) -> Mapping[str, str]:
        """HeadObject of exactly this ETag: its headers, their names in small letters."""
        return self.send("HEAD", key, b"", {"if-match": f'"{etag}"'} if etag else {}).headers

    def send(
        self, method: str, key: str, body: Body, headers: Mapping[str, str], query: Mapping[str, str] = _NONE
    ) -> Answer:
        """Any request about a key, tried again as long as that may help."""
        return self.direct.ask(method, key, query, headers, body)

    def etag(
        self, method: str, key: str, body: Body, headers: Mapping[str, str], query: Mapping[str, str] = _NONE
    ) -> str:
        """Sends what is answered with an ETag, and returns it without quotes."""
        answer = self.send(method, key, body, headers, query)
        named = re.search(rb"<ETag>(?:&quot;|\")?([^<&\"]*)", answer.body)
        found = answer.headers.get("etag") or (named[1].decode() if named else "")
        return found.strip('"')

    @contextmanager
    def get(
        self, key: str, etag: str, first: int | None = None, last: int | None = None
    ) -> Iterator[Streamed]:
        """GetObject of exactly this ETag, or bytes ``first`` to ``last`` of it: an answer that is open."""
        headers = {"if-match": f'"{etag}"'} if etag else {}
        if first is not None:
            headers["range"] = f"bytes={first}-{last}"
        with self.direct.stream("GET", key, headers) as answer:
            yield answer

    def blocks(self, response: Streamed) -> Iterator[memoryview]:
        """The content of an answer, in blocks that are each valid until the next one. Raises BrokenAnswer
        where it ends early."""
        return _whole(response.blocks)

    def pieces(self, response: Streamed) -> Iterator[Piece]:
        """The same, for content that goes into a file."""
        return _whole(response.pieces)


def _whole(parts: Iterator[_Part]) -> Iterator[_Part]:
    try:
        yield from parts
    except OSError as error:
        raise BrokenAnswer(str(error)) from error


def copying_from(bucket: str, key: str, etag: str) -> dict[str, str]:
    """The headers that name what is copied: exactly the object with this ETag."""
    return {
        "x-amz-copy-source": quote(f"{bucket}/{key}", safe="/~"),
        "x-amz-copy-source-if-match": f'"{etag}"',
    }
