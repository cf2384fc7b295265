"""Sends a file's parts straight to the store, several at a time, in constant memory."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Protocol

import urllib3

from s3portal.client.ckan import PlannedUpload, SignedPart

PARALLEL_PARTS = 4
# Fetched a batch ahead of need; URLs live minutes, so not all at once.
SIGNED_AHEAD = 100
ATTEMPTS_PER_PART = 8
STALLED_AFTER_S = 60.0
_BACKOFF_BASE_S = 0.5
_BACKOFF_MAX_S = 30.0
_BLOCK_SIZE_BYTES = 1024 * 1024


class Signer(Protocol):
    """The one thing that the sender asks a portal for, whichever portal it is."""

    def sign_parts(self, upload_id: str, part_numbers: list[int]) -> list[SignedPart]:
        """Signs parts, at most 1,000 a call."""


class SendingFailed(Exception):
    """A part could not be stored; the message says which and why."""


def read_part(path: Path, offset: int, length: int) -> Iterator[bytes]:
    """A stretch of a file in blocks, which an HTTP client sends one after another.

    Raises SendingFailed where the file has become shorter: the store would wait for the rest.
    """
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        while length:
            block = file.read(min(_BLOCK_SIZE_BYTES, length))
            if not block:
                raise SendingFailed(f"{path.name} has become shorter while it was sent.")
            length -= len(block)
            yield block


class PartSender:
    """Sends the parts of one upload. `on_progress` hears of bytes sent, and (< 0) to be sent again."""

    def __init__(
        self,
        portal: Signer,
        upload: PlannedUpload,
        path: Path,
        on_progress: Callable[[int], None] = lambda byte_count: None,
    ) -> None:
        self._portal = portal
        self._upload = upload
        self._path = path
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._pool = urllib3.PoolManager(maxsize=PARALLEL_PARTS, block=False)

    def send_all(self, first_batch: list[SignedPart]) -> None:
        """Sends every part. Raises SendingFailed, or PortalError, and then has no part in flight."""
        with ThreadPoolExecutor(PARALLEL_PARTS, thread_name_prefix="part") as threads:
            in_flight: set[Future[None]] = set()
            try:
                for part in self._signed_parts(first_batch):
                    if len(in_flight) == PARALLEL_PARTS:
                        finished, in_flight = wait(in_flight, return_when=FIRST_COMPLETED)
                        for future in finished:
                            future.result()
                    in_flight.add(threads.submit(self._send, part))
                for future in in_flight:
                    future.result()
            except BaseException:
                self._stopped.set()
                raise

    def _signed_parts(self, first_batch: list[SignedPart]) -> Iterator[SignedPart]:
        yield from first_batch
        for start in range(len(first_batch) + 1, self._upload.part_count + 1, SIGNED_AHEAD):
            end = min(start + SIGNED_AHEAD, self._upload.part_count + 1)
            yield from self._portal.sign_parts(self._upload.id, list(range(start, end)))

    def _send(self, part: SignedPart) -> None:
        for attempt in range(1, ATTEMPTS_PER_PART + 1):
            if part.has_expired:
                part = self._signed_again(part)
            sent, problem = self._try_to_send(part)
            if problem is None:
                return
            self._report(-sent)
            if attempt == ATTEMPTS_PER_PART:
                break
            # Full jitter: many clients that failed together do not come back together.
            longest_s = min(_BACKOFF_MAX_S, _BACKOFF_BASE_S * 2 ** (attempt - 1))
            if self._stopped.wait(random.uniform(0, longest_s)):  # noqa: S311  (no secret)
                raise SendingFailed("Stopped.")
            if problem.startswith("403"):
                # The keys behind the URL may have run out before it did.
                part = self._signed_again(part)
        raise SendingFailed(
            f"Part {part.part_number} of {self._upload.part_count} failed {attempt} times, "
            f"at last with: {problem}"
        )

    def _signed_again(self, part: SignedPart) -> SignedPart:
        [fresh] = self._portal.sign_parts(self._upload.id, [part.part_number])
        return fresh

    def _try_to_send(self, part: SignedPart) -> tuple[int, str | None]:
        """The bytes that were sent of it, and what went wrong, None for nothing."""
        offset = (part.part_number - 1) * self._upload.part_size_bytes
        length = min(self._upload.part_size_bytes, self._upload.size_bytes - offset)
        sent = 0

        def blocks() -> Iterator[bytes]:
            nonlocal sent
            for block in read_part(self._path, offset, length):
                if self._stopped.is_set():
                    raise SendingFailed("Stopped.")
                yield block
                sent += len(block)
                self._report(len(block))

        try:
            response = self._pool.request(
                "PUT",
                part.url,
                body=blocks(),
                headers={**part.headers, "Content-Length": str(length)},
                retries=False,
                timeout=urllib3.Timeout(connect=10, read=STALLED_AFTER_S),
            )
        except urllib3.exceptions.HTTPError as error:
            return sent, str(error)
        if response.status == 200:
            return sent, None
        return sent, f"{response.status} {response.data[:500].decode('utf-8', errors='replace')}"

    def _report(self, byte_count: int) -> None:
        with self._lock:
            self._on_progress(byte_count)
