"""Sends a file's parts straight to the store, by URLs that someone signs.

The checksum computed while a part is sent is compared with the store's answer.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Protocol

import urllib3

from s3portal.client.errors import SendingFailed
from s3portal.client.local_file import LocalFile
from s3portal.client.part_request import put_part
from s3portal.client.portal_uploads import PortalUpload, SignedPart
from s3portal.client.signing import Signer
from s3portal.client.waits import RESUME, UNTRUSTED, Wait, may_pass, wait_before_next_try
from s3portal.transfer import (
    MD5,
    PARTS_AT_A_TIME,
    Content,
    Failure,
    Part,
    PartPlan,
    RetryPolicy,
    SentParts,
    StoredBefore,
    decide,
    is_expired,
    send_parts,
)

PARALLEL_PARTS = PARTS_AT_A_TIME
_DAMAGED = Failure(400, "BadDigest", "the part was damaged on its way")


class Report(Protocol):
    """Hears how it goes, from several threads but one at a time."""

    def loaded(self, size_bytes: int) -> None:
        """This many bytes of the file are at the store or on their way; never fewer than before."""
        ...

    def retrying(self, part_number: int, failure: Failure, wait: Wait) -> None:
        """A part failed and will be sent again."""
        ...


class _PartFailed(Exception):
    """One try failed."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


@dataclass
class _Attempts:
    """How often a part was tried, and where it goes the next time."""

    part: SignedPart
    began_at: float = 0.0
    tries: int = 0
    signings: int = 0
    has_to_be_signed_again: bool = False


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
        self._source = _LocalFileSource(file, upload.plan)
        self._pool = pool
        self._report = report
        self._concurrency = concurrency
        self._policy = policy or RetryPolicy()
        self._signer = open_signer(self._upcoming)
        self._attempts: dict[int, _Attempts] = {}
        self._lock = threading.Lock()
        self._loaded_bytes = -1
        self._digests: dict[int, int] = {}
        self._stored = set(stored)
        #: In order; parts that were begun are no longer in it.
        self._not_begun = self._missing()
        self._sent: SentParts[None] | None = None

    def send_all(self) -> None:
        """Sends what is missing. Raises SendingFailed, PortalError, FileChanged or FileUnreadable; what was
        stored before stays."""
        self._sent = send_parts(
            self._source,
            self._send,
            stored=StoredBefore(self._stored, self._digests),
            algorithm=self._upload.checksum_algorithm,
            again=self._again,
            on_progress=self._tell_loaded,
            at_a_time=self._concurrency,
        )
        self._stored = set(range(1, self._plan.part_count + 1))
        self._digests = dict(self._sent.digests)

    def put_back(self, part_numbers: Iterable[int]) -> None:
        """These parts are not at the store after all: `send_all` sends them once more."""
        self._stored.difference_update(part_numbers)
        self._attempts.clear()
        self._not_begun = self._missing()

    def checksum(self) -> dict[str, str] | None:
        """What complete is given, once all parts are sent."""
        checksum = self._sent.checksum() if self._sent else None
        return {"algorithm": checksum.algorithm, "value": checksum.value} if checksum else None

    def _send(self, part: Part) -> None:
        """One try. Raises _PartFailed, and what signing and reading raise."""
        addressed = self._addressed(part)
        self._attempts[part.number].began_at = time.monotonic()
        answered = put_part(self._pool, addressed, part.blocks(), part.length_bytes)
        if not isinstance(answered, Failure) and not part.digest.agrees_with(answered):
            answered = _DAMAGED
        if isinstance(answered, Failure):
            raise _PartFailed(answered)

    def _addressed(self, part: Part) -> SignedPart:
        """Where the part goes, with the digest where that goes before it."""
        attempts = self._attempts.get(part.number)
        if attempts is None:
            with self._lock:
                self._not_begun.pop(part.number, None)
            attempts = self._attempts[part.number] = _Attempts(self._signer.sign(part.number))
        elif attempts.has_to_be_signed_again:
            attempts.part = self._signer.sign_again(attempts.part)
            attempts.has_to_be_signed_again = False
        elif attempts.part.has_expired:
            attempts.part = self._signer.sign(part.number)
        if self._upload.checksum_algorithm == MD5:
            part.digest_first()
            return replace(attempts.part, headers={**attempts.part.headers, **part.digest.headers})
        return attempts.part

    def _again(self, part_number: int, error: Exception, _tries: int) -> float | None:
        if not isinstance(error, _PartFailed):
            return None
        attempts, failure = self._attempts[part_number], error.failure
        decision = decide(
            failure,
            tries=attempts.tries + 1,
            signings=attempts.signings,
            policy=self._policy,
            random=random.random,
        )
        if decision.action == "stop" or failure.code == UNTRUSTED:
            raise self._given_up(part_number, failure) from None
        attempts.has_to_be_signed_again = is_expired(failure)
        if decision.action == "sign":
            attempts.signings += 1
        else:
            attempts.tries += 1
            wait = wait_before_next_try(
                self._policy,
                failure,
                tries=attempts.tries,
                delay_s=decision.delay_s,
                took_s=time.monotonic() - attempts.began_at,
            )
            self._report.retrying(part_number, failure, wait)
        return decision.delay_s

    def _given_up(self, part_number: int, failure: Failure) -> SendingFailed:
        said = str(failure) if failure.status else failure.message
        sentence = f"Part {part_number} of {self._plan.part_count} could not be stored ({said})."
        if may_pass(failure) and failure.code != UNTRUSTED:
            sentence += f" {RESUME}"
        return SendingFailed(failure.code or "no_connection", sentence)

    def _missing(self) -> dict[int, None]:
        numbers = range(1, self._plan.part_count + 1)
        return dict.fromkeys(number for number in numbers if number not in self._stored)

    def _upcoming(self, count: int) -> list[int]:
        with self._lock:
            return list(islice(self._not_begun, count))

    def _tell_loaded(self, loaded_bytes: int) -> None:
        # A part that is put back must not make a bar go back.
        self._loaded_bytes = max(self._loaded_bytes, loaded_bytes)
        self._report.loaded(self._loaded_bytes)


@dataclass(frozen=True)
class _LocalFileSource:
    """The file, which is noticed when it changes."""

    file: LocalFile
    plan: PartPlan
    reads_anywhere: bool = field(default=True, init=False)

    def contents(self, wanted: Callable[[int], bool]) -> Iterator[Content]:
        for number in range(1, self.plan.part_count + 1):
            if wanted(number):
                yield _LocalContent(self.file, number, self.plan.offset(number), self.plan.length(number))


@dataclass(frozen=True)
class _LocalContent:
    file: LocalFile
    number: int
    offset_bytes: int
    length_bytes: int

    def blocks(self) -> Iterator[bytes]:
        return self.file.blocks(self.offset_bytes, self.length_bytes)

    def read(self) -> bytes:
        return b"".join(self.blocks())
