"""Faults on demand: what networks and stores do to their callers, so that tests can wait for it.

``faults.add("UploadPart", status=503, every=5)`` and the like; also a list in the configuration file.
"""

from __future__ import annotations

import io
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from s3portal.server.errors import ConnectionLost
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


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and with which calls.

    ``status`` answers with an error of that HTTP status; ``delay_s`` waits first; ``drop`` resets the
    connection before anything is read or answered; ``cut_body_at`` resets it after that many bytes of the
    body, coming in or going out; ``corrupt`` changes the first byte of the body.
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

    def __post_init__(self) -> None:
        if self.operation not in OPERATION_NAMES:
            raise ValueError(
                f"{self.operation!r} is not an operation; there are {', '.join(sorted(OPERATION_NAMES))}"
            )
        if not (self.status or self.delay_s or self.drop or self.corrupt or self.cut_body_at is not None):
            raise ValueError("a fault needs one of status, delay_s, drop, cut_body_at, corrupt")


@dataclass
class _Counted:
    fault: Fault
    calls: int = 0


@dataclass
class Faults:
    """The faults of one server. Changed while it runs, from any thread."""

    _faults: list[_Counted] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
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
    ) -> Fault:
        """Adds a fault (see Fault); raises ValueError for an operation that does not exist."""
        fault = Fault(operation, status, delay_s, drop, cut_body_at, corrupt, every, first, probability)
        self.add_fault(fault)
        return fault

    def add_fault(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(_Counted(fault))

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def next_for(self, operation: str) -> Fault | None:
        """Counts a call and returns what shall go wrong with it: the first fault whose turn it is."""
        if not self._faults:
            return None
        chosen = None
        with self._lock:
            for counted in self._faults:
                if counted.fault.operation in (operation, ANY):
                    counted.calls += 1
                    if chosen is None and self._is_due(counted):
                        chosen = counted.fault
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
