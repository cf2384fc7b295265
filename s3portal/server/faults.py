"""Faults on demand: what networks and stores do to their callers, so that tests can wait for it.

``faults.add("UploadPart", status=503, every=5)`` and the like; also a list in the configuration file.
``faults.hold("UploadPart", after=8)`` keeps what comes after the eighth waiting until it is released.
"""

from __future__ import annotations

import io
import random
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from s3portal.server.errors import ERRORS, ConnectionLost, S3Error
from s3portal.server.holds import Hold
from s3portal.server.routes import OPERATIONS

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

ANY = "*"
OPERATION_NAMES = {operation.name for operation in OPERATIONS} | {
    "AssumeRole",
    "GetCallerIdentity",
    "Preflight",
    ANY,
}


_CODES = {503: "SlowDown", 403: "AccessDenied", 404: "NoSuchKey", 400: "InvalidRequest"}


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and with which calls.

    ``status`` answers with an error of that HTTP status (200: an error inside a success), ``code`` with that
    error of S3, ``message`` in these words, ``retry_after_s`` with that header; ``delay_s`` waits first;
    ``drop`` resets the connection before anything is read or answered, ``lose_answer`` after all was done;
    ``cut_body_at`` resets it after that many bytes of the body, coming in or going out; ``corrupt`` changes
    the first byte of the body.
    ``unless_header``: only calls that come without this header, named in lower case.
    ``every`` n-th call, the ``first`` n calls, or each call with ``probability``; all calls without these.
    """

    operation: str
    status: int | None = None
    delay_s: float = 0.0
    drop: bool = False
    cut_body_at: int | None = None
    corrupt: bool = False
    every: int | None = None
    first: int | None = None
    probability: float | None = None
    code: str | None = None
    message: str | None = None
    retry_after_s: int | None = None
    lose_answer: bool = False
    unless_header: str | None = None

    def __post_init__(self) -> None:
        _require_operation(self.operation)
        if self.code is not None and self.code not in ERRORS:
            raise ValueError(f"{self.code!r} is not an S3 error code")
        cuts = self.drop or self.lose_answer or self.cut_body_at is not None
        if not (self.status or self.code or self.delay_s or self.corrupt or cuts):
            raise ValueError(
                "a fault needs one of status, code, delay_s, drop, lose_answer, cut_body_at, corrupt"
            )

    @property
    def error(self) -> S3Error | None:
        """What is answered instead of doing anything; None where something is done."""
        if not (self.status or self.code):
            return None
        code = self.code or _CODES.get(self.status or 0, "InternalError")
        headers = {"Retry-After": str(self.retry_after_s)} if self.retry_after_s is not None else {}
        return S3Error(code, self.message, status=self.status, headers=headers)


def _require_operation(name: str) -> None:
    if name not in OPERATION_NAMES:
        raise ValueError(f"{name!r} is not an operation; there are {', '.join(sorted(OPERATION_NAMES))}")


@dataclass
class _Counted:
    fault: Fault
    calls: int = 0


@dataclass
class Faults:
    """The faults of one server. Changed while it runs, from any thread."""

    _faults: list[_Counted] = field(default_factory=list)
    _holds: list[Hold] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _cleared: threading.Event = field(default_factory=threading.Event)
    # Seeded, so that a failing test fails again.
    _random: random.Random = field(default_factory=lambda: random.Random(2718))  # noqa: S311

    def add(
        self,
        operation: str,
        *,
        status: int | None = None,
        delay_s: float = 0.0,
        drop: bool = False,
        cut_body_at: int | None = None,
        corrupt: bool = False,
        every: int | None = None,
        first: int | None = None,
        probability: float | None = None,
        code: str | None = None,
        message: str | None = None,
        retry_after_s: int | None = None,
        lose_answer: bool = False,
        unless_header: str | None = None,
    ) -> Fault:
        """Adds a fault (see Fault); raises ValueError for an operation or a code that does not exist."""
        fault = Fault(
            operation,
            status=status,
            delay_s=delay_s,
            drop=drop,
            cut_body_at=cut_body_at,
            corrupt=corrupt,
            every=every,
            first=first,
            probability=probability,
            code=code,
            message=message,
            retry_after_s=retry_after_s,
            lose_answer=lose_answer,
            unless_header=unless_header,
        )
        self.add_fault(fault)
        return fault

    def add_fault(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(_Counted(fault))

    def hold(self, operation: str, *, after: int = 0) -> Hold:
        """Holds back the operation's calls, but the first ``after`` of them, until it is released; raises
        ValueError for an operation that does not exist. What is released then meets the faults of that time.
        """
        _require_operation(operation)
        hold = Hold(operation, after)
        with self._lock:
            self._holds.append(hold)
        return hold

    def clear(self) -> None:
        """Nothing goes wrong any more; what is delayed or held back goes on at once."""
        with self._lock:
            self._faults.clear()
            holds, self._holds = self._holds, []
            self._cleared.set()
            self._cleared = threading.Event()
        for hold in holds:
            hold.release()

    def wait_while_held(self, operation: str) -> None:
        """Returns when the call may pass. For the server, in the call's own thread."""
        with self._lock:
            holds = [hold for hold in self._holds if hold.operation in (operation, ANY)]
        for hold in holds:
            hold.admit()

    def next_for(self, operation: str, headers: Mapping[str, str]) -> Fault | None:
        """Counts a call with these headers and returns what shall go wrong with it, the first fault whose
        turn it is, after its delay.
        """
        if not self._faults:
            return None
        chosen = None
        with self._lock:
            for counted in self._faults:
                if counted.fault.operation in (operation, ANY) and counted.fault.unless_header not in headers:
                    counted.calls += 1
                    if chosen is None and self._is_due(counted):
                        chosen = counted.fault
            cleared = self._cleared
        if chosen and chosen.delay_s:
            cleared.wait(chosen.delay_s)
        return chosen

    def _is_due(self, counted: _Counted) -> bool:
        fault, calls = counted.fault, counted.calls
        return (
            (fault.every is None or calls % fault.every == 0)
            and (fault.first is None or calls <= fault.first)
            and (fault.probability is None or self._random.random() < fault.probability)
        )


class FaultyInput(io.RawIOBase):
    """A request body that is corrupted, or cut after some bytes."""

    def __init__(self, body: io.RawIOBase, fault: Fault) -> None:
        self._body = body
        self._fault = fault
        self._received_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        cut = self._fault.cut_body_at
        if cut is not None:
            if self._received_bytes >= cut:
                raise ConnectionLost("cut by a fault")
            view = view[: cut - self._received_bytes]
        count = self._body.readinto(view) or 0
        if self._fault.corrupt and count and not self._received_bytes:
            view[0] ^= 0xFF
        self._received_bytes += count
        return count


def corrupted(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yields the chunks with the first byte changed."""
    first = next(chunks, b"")
    if first:
        yield bytes((first[0] ^ 0xFF,)) + first[1:]
    yield from chunks
