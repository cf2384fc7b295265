"""Sends the parts of a file, several at a time, each until it is there.

How a part is sent is the caller's affair, and so is what a failure means: nothing here knows S3's requests,
their signatures or their errors. Memory is bounded by the parts that are under way, whatever the file's size.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from s3portal.transfer.part_digest import PartDigest, whole_checksum
from s3portal.transfer.part_plan import PartPlan
from s3portal.transfer.part_sources import Content, PartSource
from s3portal.transfer.upload import Checksum
from s3portal.transfer.workers import Workers

PARTS_AT_A_TIME = 4
# How long a thread waits before it looks whether it should stop. Windows needs that for Ctrl-C.
_LOOK_S = 0.5

Answer = TypeVar("Answer")

#: Decides about a try that failed: ``(part number, error, tries so far) -> seconds until the next one``, or
#: None where there is to be none, and the error is raised. May raise another error in its place.
Again = Callable[[int, Exception, int], float | None]


class SendingCancelled(Exception):
    """The caller cancelled the sending. Parts that were stored stay stored."""

    def __init__(self) -> None:
        super().__init__("sending was cancelled; what was stored stays")


@dataclass(frozen=True)
class StoredBefore:
    """Parts that the store has already, and the digests of those whose content was read."""

    numbers: Collection[int] = ()
    digests: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class SentParts(Generic[Answer]):
    """What came of it: how the file was cut, what ``send`` returned for each part that was sent now, in the
    order of the parts, and the digests of all parts where they were asked for."""

    plan: PartPlan
    answers: Mapping[int, Answer]
    digests: Mapping[int, int]
    algorithm: str | None = None

    def checksum(self) -> Checksum | None:
        """The checksum of the whole file, which the portal compares; None where none was asked for."""
        numbers = range(1, self.plan.part_count + 1) if self.algorithm else ()
        return whole_checksum(self.algorithm, self.plan, [self.digests[number] for number in numbers])


def never_again(number: int, error: Exception, tries: int) -> None:
    """No part is tried twice: what sends it has tried enough."""


class Part:
    """One try to send a part. Bytes that are read are digested, and count as under way."""

    def __init__(self, content: Content, progress: "_Progress", algorithm: str | None) -> None:
        self._content = content
        self._progress = progress
        self._is_digested = False
        self.number = content.number
        self.length_bytes = content.length_bytes
        #: Of what was read so far, by the algorithm that was asked for.
        self.digest = PartDigest(algorithm)
        #: What reading it raised. An HTTP library may take that for a trouble of the connection.
        self.unreadable: Exception | None = None

    def digest_first(self) -> None:
        """Reads all of the part for its digest, which has to be sent before it (Content-MD5)."""
        for block in self._read_blocks():
            self.digest.update(block)
        self._is_digested = True

    def blocks(self) -> Iterator[bytes]:
        """The part in blocks of at most 1 MiB; each counts as under way when the next one is asked for."""
        sent_bytes = 0
        for block in self._read_blocks():
            if not self._is_digested:
                self.digest.update(block)
            yield block
            sent_bytes += len(block)
            self._progress.is_under_way(self.number, sent_bytes)

    def read(self) -> bytes:
        """All of the part, in memory."""
        try:
            body = self._content.read()
        except Exception as error:
            self.unreadable = error
            raise
        self._progress.require_going()
        if not self._is_digested:
            self.digest.update(body)
        return body

    def _read_blocks(self) -> Iterator[bytes]:
        try:
            for block in self._content.blocks():
                self._progress.require_going()
                yield block
        except _Stopped:
            raise
        except Exception as error:
            self.unreadable = error
            raise


def send_parts(
    source: PartSource,
    send: Callable[[Part], Answer],
    *,
    stored: StoredBefore | None = None,
    algorithm: str | None = None,
    again: Again = never_again,
    on_progress: Callable[[int], None] | None = None,
    cancelled: threading.Event | None = None,
    at_a_time: int = PARTS_AT_A_TIME,
    workers: Workers | None = None,
) -> SentParts[Answer]:
    """Has ``send`` send every part that is not stored yet, at most ``at_a_time`` side by side.

    ``send`` is called in other threads, once for each try. ``algorithm`` (``CRC64NVME``, ``CRC32C``, ``MD5``
    …) has the content of all parts digested, stored ones included. ``on_progress`` hears how many bytes are
    stored or under way, and never fewer than before; it and ``again`` are called from several threads, but
    one at a time. The threads are ``workers``, which others may share, or some that end with the call.

    Raises the first error of ``send`` or of the source, once all running calls have ended; SendingCancelled
    after ``cancelled`` was set; and immediately what interrupts the caller, such as KeyboardInterrupt.
    """
    stored = stored or StoredBefore()
    sending = _Sending(source, send, stored, algorithm, again, _Progress(on_progress, cancelled))
    # One thread reads the parts that are stored already, beside those that send.
    of_this_call = at_a_time + (1 if source.reads_anywhere and sending.has_to_read else 0)
    with nullcontext(workers) if workers else Workers(of_this_call, "parts") as threads:
        sending.run(threads, at_a_time)
    return sending.sent()


class _Stopped(Exception):
    """Another part failed, or the caller wants no more."""


class _Progress:
    """What of the file is at the store or on its way, and whether to continue."""

    def __init__(self, tell: Callable[[int], None] | None, cancelled: threading.Event | None) -> None:
        self._tell = tell
        self._cancelled = cancelled
        self._stopped = threading.Event()
        self.lock = threading.Lock()
        self._stored_bytes = 0
        self._in_flight: dict[int, int] = {}
        self._loaded_bytes = -1

    @property
    def is_cancelled(self) -> bool:
        return self._cancelled is not None and self._cancelled.is_set()

    @property
    def is_stopped(self) -> bool:
        return self._stopped.is_set() or self.is_cancelled

    def stop(self) -> None:
        self._stopped.set()

    def require_going(self) -> None:
        if self.is_stopped:
            raise _Stopped

    def pause(self, delay_s: float) -> None:
        """Waits, in the thread that sends. Raises _Stopped as soon as the sending has ended."""
        while delay_s > 0 and not self.is_cancelled:
            if self._stopped.wait(min(delay_s, _LOOK_S)):
                break
            delay_s -= _LOOK_S
        self.require_going()

    def is_under_way(self, number: int, sent_bytes: int) -> None:
        with self.lock:
            self._in_flight[number] = sent_bytes
            self._say()

    def is_stored(self, length_bytes: int, number: int | None = None) -> None:
        with self.lock:
            if number is not None:
                self._in_flight.pop(number, None)
            self._stored_bytes += length_bytes
            self._say()

    def _say(self) -> None:
        # A part that is sent again must not make a bar go back.
        loaded_bytes = self._stored_bytes + sum(self._in_flight.values())
        if loaded_bytes > self._loaded_bytes and self._tell is not None:
            self._loaded_bytes = loaded_bytes
            self._tell(loaded_bytes)


class _Sending(Generic[Answer]):
    """One call of `send_parts`."""

    def __init__(
        self,
        source: PartSource,
        send: Callable[[Part], Answer],
        stored: StoredBefore,
        algorithm: str | None,
        again: Again,
        progress: _Progress,
    ) -> None:
        self._source = source
        self._send = send
        self._stored = frozenset(stored.numbers)
        self._algorithm = algorithm
        self._again = again
        self._progress = progress
        self._answers: dict[int, Answer] = {}
        self._digests = dict(stored.digests)
        self._failure: BaseException | None = None
        self._taking = threading.Lock()
        self._under_way: set[Future[None]] = set()

    @property
    def has_to_read(self) -> bool:
        """Whether there are stored parts whose content is to be digested."""
        return self._algorithm is not None and not self._stored <= self._digests.keys()

    def run(self, workers: Workers, at_a_time: int) -> None:
        """Returns when all parts are sent, or no call is running. Raises what interrupts this thread."""
        try:
            self._tell_stored()
            if self._source.reads_anywhere:
                self._let_take(workers, at_a_time)
            else:
                self._hand_out(self._source.contents(self._is_wanted), workers, at_a_time)
            self._wait_until_fewer_than(1)
        except BaseException as error:
            self._fail(error)
            if not isinstance(error, Exception):
                raise
        if self._progress.is_stopped:
            wait([future for future in self._under_way if not future.cancel()])

    def sent(self) -> SentParts[Answer]:
        """What came of it. Raises the first failure, or SendingCancelled."""
        if self._failure is not None:
            raise self._failure
        plan = self._source.plan
        if plan is None or self._progress.is_cancelled:
            raise SendingCancelled
        answers = {number: self._answers[number] for number in sorted(self._answers)}
        return SentParts(plan, answers, self._digests, self._algorithm)

    def _tell_stored(self) -> None:
        plan = self._source.plan
        self._progress.is_stored(sum(map(plan.length, self._stored)) if plan else 0)

    def _is_missing(self, number: int) -> bool:
        return number not in self._stored

    def _is_wanted(self, number: int) -> bool:
        return number not in self._stored or self._has_to_be_read(number)

    def _has_to_be_read(self, number: int) -> bool:
        return self._algorithm is not None and number in self._stored and number not in self._digests

    def _let_take(self, workers: Workers, at_a_time: int) -> None:
        """Has threads take part after part, and one of them those that are only read."""
        if self.has_to_read:
            to_read = self._source.contents(self._has_to_be_read)
            self._under_way.add(workers.submit(lambda: self._take(to_read)))
        to_send = self._source.contents(self._is_missing)
        takers = {workers.submit(lambda: self._take(to_send)) for _ in range(at_a_time)}
        self._under_way |= takers
        self._wait_for_one_of(takers)
        # There is nothing left to take. Where others share the threads, some may not have begun.
        self._under_way -= {taker for taker in takers if taker.cancel()}

    def _take(self, contents: Iterator[Content]) -> None:
        try:
            while not self._progress.is_stopped:
                with self._taking:
                    content = next(contents, None)
                if content is None:
                    return
                self._work(content)
        except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
            self._fail(error)

    def _hand_out(self, contents: Iterator[Content], workers: Workers, at_a_time: int) -> None:
        """Gives parts to threads, and asks for the next one only when there is room for it in memory."""
        while self._wait_until_fewer_than(at_a_time):
            content = next(contents, None)
            if content is None:
                return
            self._under_way.add(workers.submit(partial(self._work, content)))
            # The thread alone holds it.
            del content

    def _wait_for_one_of(self, futures: set[Future[None]]) -> None:
        while not (self._progress.is_stopped or any(future.done() for future in futures)):
            wait(futures, timeout=_LOOK_S, return_when=FIRST_COMPLETED)

    def _wait_until_fewer_than(self, most: int) -> bool:
        """False if there is nothing to wait for."""
        while len(self._under_way) >= most and not self._progress.is_stopped:
            _, self._under_way = wait(self._under_way, timeout=_LOOK_S, return_when=FIRST_COMPLETED)
        return not self._progress.is_stopped

    def _work(self, content: Content) -> None:
        try:
            if content.number in self._stored:
                self._read(content)
            else:
                self._deliver(content)
        except _Stopped:
            return
        except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        with self._progress.lock:
            # The first counts: what comes after it is its consequence.
            if self._failure is None and not self._progress.is_cancelled:
                self._failure = error
        self._progress.stop()

    def _read(self, content: Content) -> None:
        part = Part(content, self._progress, self._algorithm)
        part.digest_first()
        self._digests[content.number] = part.digest.value

    def _deliver(self, content: Content) -> None:
        tries = 0
        while True:
            self._progress.require_going()
            part = Part(content, self._progress, self._algorithm)
            try:
                answer = self._send(part)
                break
            except _Stopped:
                raise
            except Exception as error:
                if part.unreadable is not None:
                    raise part.unreadable from None
                tries += 1
                self._progress.is_under_way(content.number, 0)
                with self._progress.lock:
                    delay_s = self._again(content.number, error, tries)
                if delay_s is None:
                    raise
            self._progress.pause(delay_s)
        self._answers[content.number] = answer
        if self._algorithm:
            self._digests[content.number] = part.digest.value
        self._progress.is_stored(content.length_bytes, content.number)
