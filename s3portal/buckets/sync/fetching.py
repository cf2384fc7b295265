"""The content of an object as it was listed, whole or by ranges, across answers that break off."""

import hashlib
import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import IO

from s3portal.buckets.direct import Streamed
from s3portal.buckets.sync.entries import Entry
from s3portal.buckets.sync.requests import BrokenAnswer, Requests

_TRIES = 5


def fetched(requests: Requests, key: str, entry: Entry) -> tuple[bytes, Mapping[str, str]]:
    """A small object's content, compared with its ETag where that is an MD5, and its headers."""
    problem: BrokenAnswer | None = None
    for tries in range(1, _TRIES + 1):
        try:
            with requests.get(key, entry.etag) as response:
                content = b"".join(bytes(block) for block in requests.blocks(response))
                headers = dict(response.headers)
        except BrokenAnswer as error:
            problem = error
        else:
            md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
            encrypted = headers.get("x-amz-server-side-encryption", "")
            is_md5 = len(entry.etag) == 32 and not encrypted.startswith("aws:kms")
            if len(content) == entry.size_bytes and (not is_md5 or md5 == entry.etag):
                return content, headers
            problem = BrokenAnswer("what arrived is not what was listed")
        _pause(tries)
    raise problem or BrokenAnswer("no answer")


def fetch_into(buffer: memoryview, requests: Requests, key: str, etag: str, first: int) -> None:
    """Fills a buffer with what the object has from byte ``first`` on."""

    def keep(response: Streamed, at: int) -> Iterator[int]:
        for block in requests.blocks(response):
            buffer[at - first : at - first + len(block)] = block
            at += len(block)
            yield len(block)

    _fetch(requests, key, etag, first, first + len(buffer) - 1, keep)


def fetch_range(requests: Requests, key: str, etag: str, first: int, last: int, file: IO[bytes]) -> float:
    """Puts bytes ``first`` to ``last`` where they belong in a file. Returns the seconds that it waited for
    them while they came, without those of writing, and of a store that asks for patience."""
    waited_s = 0.0

    def write(response: Streamed, at: int) -> Iterator[int]:
        nonlocal waited_s
        since = time.perf_counter()
        for piece in requests.pieces(response):
            waited_s += time.perf_counter() - since
            piece.write_to(file.fileno(), at)
            at += len(piece)
            yield len(piece)
            since = time.perf_counter()

    _fetch(requests, key, etag, first, last, write)
    return waited_s


def _fetch(
    requests: Requests,
    key: str,
    etag: str,
    first: int,
    last: int,
    keep: Callable[[Streamed, int], Iterator[int]],
) -> None:
    """``keep`` takes an answer that begins at an offset, and tells of each number of bytes that it has; a
    broken answer is read on."""
    fruitless = 0
    while first <= last:
        before = first
        try:
            with requests.get(key, etag, first, last) as response:
                if response.status != 206:
                    raise BrokenAnswer("the store does not answer with a part of the object")
                for count in keep(response, first):
                    first += count
        except BrokenAnswer:
            if fruitless >= _TRIES:
                raise
        fruitless = 0 if first > before else fruitless + 1
        if fruitless:
            _pause(fruitless)


def _pause(tries: int) -> None:
    # Full jitter, as everywhere (retry.py of the transfers).
    time.sleep(random.uniform(0, 0.3 * 2**tries))  # noqa: S311  (no secret depends on it)
