"""Sends a file's parts straight to the store, several at a time, in constant memory, each until it is there.

What is computed of a part while it is sent is compared with what the store answers; parts that were stored
another day are only read, for the checksum of the whole.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Protocol

import urllib3

from s3portal.client.ckan import PortalUpload, SignedPart
from s3portal.client.errors import SendingFailed
from s3portal.client.local_file import LocalFile
from s3portal.client.part_request import put_part
from s3portal.client.signing import Signer
from s3portal.transfer.checksums import MD5
from s3portal.transfer.part_digest import PartDigest, whole_checksum
from s3portal.transfer.retry import Failure, RetryPolicy, decide, is_expired

PARALLEL_PARTS = 4
# How long the main thread waits for a thread before it looks for Ctrl-C, which Windows needs.
_JOIN_S = 0.5
_DAMAGED = Failure(400, "BadDigest", "the part was damaged on its way")


class Report(Protocol):
    """Hears how it goes, from several threads but one at a time."""

    def loaded(self, size_bytes: int) -> None:
        """So many bytes of the file are at the store or on their way; never fewer than before."""
        ...

    def retrying(self, part_number: int, failure: Failure, delay_s: float) -> None:
        """A part failed and will be sent again."""
        ...


class _Stopped(Exception):
    """Another part failed, or somebody pressed Ctrl-C."""


class PartSender:
    """Sends the parts of one upload. ``stored`` are those that the store has from another day."""

    def __init__(
        self,
        upload: PortalUpload,
        file: LocalFile,
        *,
        pool: urllib3.PoolManager,
        open_signer: Callable[[Callable[[int], list[int]]], Signer],
        report: Report,
        stored: Iterable[int] = (),
        concurrency: int = PARALLEL_PARTS,
        policy: RetryPolicy | None = None,
    ) -> None:
        self._upload = upload
        self._plan = upload.plan
        self._file = file
        self._pool = pool
        self._report = report
        self._concurrency = concurrency
        self._policy = policy or RetryPolicy()
        self._signer = open_signer(self._upcoming)
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._failure: Exception | None = None
        self._digests: dict[int, int] = {}
        self._in_flight: dict[int, int] = {}
        self._loaded_bytes = 0
        there = set(stored)
        self._stored_bytes = sum(map(self._plan.length, there))
        everything = range(1, self._plan.part_count + 1)
        self._to_send = deque(number for number in everything if number not in there)
        self._to_read = deque(sorted(there) if upload.checksum_algorithm else ())

    def send_all(self) -> None:
        """Sends what is missing. Raises SendingFailed, PortalError, FileChanged or FileUnreadable; what was
        stored before stays."""
        jobs = [(self._to_send, self._send)] * min(self._concurrency, len(self._to_send))
        jobs += [(self._to_read, self._read)] if self._to_read else []
        # Daemons, so that Ctrl-C does not wait for a connection that is dead.
        threads = [threading.Thread(target=self._work, args=job, daemon=True) for job in jobs]
        self._tell_loaded()
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                while thread.is_alive():
                    thread.join(_JOIN_S)
        except BaseException:
            self._stopped.set()
            raise
        if self._failure:
            raise self._failure

    def put_back(self, part_numbers: Iterable[int]) -> None:
        """These parts are not at the store after all: `send_all` sends them once more."""
        for part_number in part_numbers:
            self._stored_bytes -= self._plan.length(part_number)
            self._to_send.append(part_number)

    def checksum(self) -> dict[str, str] | None:
        """What complete is given, once all parts are sent."""
        numbers = range(1, self._plan.part_count + 1) if self._upload.checksum_algorithm else ()
        values = [self._digests[number] for number in numbers]
        return whole_checksum(self._upload.checksum_algorithm, self._plan, values)

    def _work(self, part_numbers: deque[int], do: Callable[[int], None]) -> None:
        while not self._stopped.is_set():
            with self._lock:
                if not part_numbers:
                    return
                part_number = part_numbers.popleft()
            try:
                do(part_number)
            except Exception as error:  # noqa: BLE001  (raised again by send_all)
                self._fail(error)

    def _fail(self, error: Exception) -> None:
        with self._lock:
            # The first counts: what comes after it is its consequence.
            if not self._stopped.is_set():
                self._failure = error
            self._stopped.set()

    def _read(self, part_number: int) -> None:
        digest = PartDigest(self._upload.checksum_algorithm)
        for block in self._blocks(part_number):
            digest.update(block)
        self._digests[part_number] = digest.value

    def _send(self, part_number: int) -> None:
        tries = signings = 0
        part = self._signer.sign(part_number)
        while (failure := self._try_to_send(part)) is not None:
            decision = decide(
                failure, tries=tries + 1, signings=signings, policy=self._policy, random=random.random
            )
            if decision.action == "stop":
                raise SendingFailed(
                    failure.code or "no_connection",
                    f"Part {part_number} of {self._plan.part_count} could not be stored ({failure}).",
                )
            if decision.action == "sign":
                signings += 1
            else:
                tries += 1
                with self._lock:
                    self._report.retrying(part_number, failure, decision.delay_s)
                if self._stopped.wait(decision.delay_s):
                    raise _Stopped
            if is_expired(failure):
                part = self._signer.sign_again(part)
            elif part.has_expired:
                part = self._signer.sign(part_number)

    def _try_to_send(self, part: SignedPart) -> Failure | None:
        """None once the store has it."""
        number = part.part_number
        digest = PartDigest(self._upload.checksum_algorithm)
        goes_before = self._upload.checksum_algorithm == MD5
        if goes_before:
            for block in self._blocks(number):
                digest.update(block)

        def blocks() -> Iterator[bytes]:
            sent_bytes = 0
            for block in self._blocks(number):
                if not goes_before:
                    digest.update(block)
                yield block
                sent_bytes += len(block)
                self._is_under_way(number, sent_bytes)

        with_digest = replace(part, headers={**part.headers, **digest.headers})
        answered = put_part(self._pool, with_digest, blocks(), self._plan.length(number))
        if not isinstance(answered, Failure) and not digest.agrees_with(answered):
            answered = _DAMAGED
        if isinstance(answered, Failure):
            self._is_under_way(number, 0)
            return answered
        with self._lock:
            self._digests[number] = digest.value
            self._in_flight.pop(number, None)
            self._stored_bytes += self._plan.length(number)
        self._tell_loaded()
        return None

    def _blocks(self, part_number: int) -> Iterator[bytes]:
        for block in self._file.blocks(self._plan.offset(part_number), self._plan.length(part_number)):
            if self._stopped.is_set():
                raise _Stopped
            yield block

    def _upcoming(self, count: int) -> list[int]:
        with self._lock:
            return list(islice(self._to_send, count))

    def _is_under_way(self, part_number: int, sent_bytes: int) -> None:
        with self._lock:
            self._in_flight[part_number] = sent_bytes
        self._tell_loaded()

    def _tell_loaded(self) -> None:
        with self._lock:
            # A part that is sent again must not make a bar go back.
            self._loaded_bytes = max(self._loaded_bytes, self._stored_bytes + sum(self._in_flight.values()))
            self._report.loaded(self._loaded_bytes)
