"""Faults on demand: what networks and stores do to their callers, so that tests can wait for it.

``faults.add("UploadPart", status=503, every=5)`` and the like; also a list in the configuration file.
``faults.hold("UploadPart", after=8)`` keeps what comes after the eighth waiting until it is released.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from s3portal.server.gateway.exchange import Exchange
from s3portal.server.testing.fault import ANY, Fault, require_operation
from s3portal.server.testing.faulty import answer_with_fault
from s3portal.server.testing.holds import Hold
from s3portal.server.wire.reply import Reply


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
        require_operation(operation)
        hold = Hold(operation, after)
        with self._lock:
            self._holds.append(hold)
        return hold

    def clear(self) -> None:
        """Removes all faults; calls that are delayed or held back continue immediately."""
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

    def answer(self, exchange: Exchange, answer: Callable[[Exchange], Reply]) -> Reply:
        """Stands around the gateway: see ``gateway.pipeline.Around``."""
        self.wait_while_held(exchange.operation_name)
        fault = self.next_for(exchange.operation_name, exchange.request.headers)
        return answer(exchange) if fault is None else answer_with_fault(fault, exchange, answer)

    def close(self) -> None:
        """Releases calls that are held back, since no one could once the server has stopped."""
        self.clear()

    def _is_due(self, counted: _Counted) -> bool:
        fault, calls = counted.fault, counted.calls
        return (
            (fault.every is None or calls % fault.every == 0)
            and (fault.first is None or calls <= fault.first)
            and (fault.probability is None or self._random.random() < fault.probability)
        )
