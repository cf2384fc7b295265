"""The access log: a record for each request, as JSON lines in a file and, for tests, in memory.

Queries never get into it: they hold signatures and session tokens.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from s3portal.server.gateway.metrics import Metrics
from s3portal.server.http.values import whole_number
from s3portal.server.wire.s3_request import S3Request

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RequestRecord:
    """One request. ``status`` is 0 when the connection was dropped without an answer.

    ``in_flight`` is how many requests of the same operation were running when this one began, itself
    included: its maximum over a log is how many there ever were at once. ``denied`` is why the caller may
    not do this, where that was the answer: which statement of which policy.
    """

    operation: str
    method: str
    bucket: str | None
    key: str | None
    part_number: int | None
    status: int
    bytes_in: int
    bytes_out: int
    started_at: datetime
    ended_at: datetime
    in_flight: int
    request_id: str
    user: str | None
    denied: str | None = None


class AccessLog:
    """``requests`` has the records when ``keep`` is set; a long-running server only writes the file."""

    def __init__(self, path: Path | None = None, *, keep: bool = False) -> None:
        self._lock = threading.Lock()
        self._one_ended = threading.Condition(self._lock)
        self._file = path.open("ab", buffering=0) if path else None
        self._keep = keep
        self._running: Counter[str] = Counter()
        self.requests: list[RequestRecord] = []

    def begin(
        self, operation: str, request: S3Request, request_id: str, metrics: Metrics | None = None
    ) -> Entry:
        """Counts a request as running; once it is over, it is counted in the metrics."""
        with self._lock:
            self._running[operation] += 1
            in_flight = self._running[operation]
        return Entry(self, operation, request, request_id, in_flight, metrics)

    def wait_until_idle(self, timeout_s: float) -> None:
        """Waits until no request is running; raises TimeoutError."""
        with self._one_ended:
            if not self._one_ended.wait_for(lambda: not any(self._running.values()), timeout_s):
                raise TimeoutError(f"still running: {+self._running}")

    def close(self) -> None:
        if self._file:
            self._file.close()

    @property
    def is_kept(self) -> bool:
        """Whether anybody sees the records."""
        return self._keep or self._file is not None

    def _answered(self, record: RequestRecord) -> None:
        if self._keep:
            with self._lock:
                self.requests.append(record)

    def _ended(self, operation: str, announced: RequestRecord | None, record: RequestRecord | None) -> None:
        with self._lock:
            self._running[operation] -= 1
            self._one_ended.notify_all()
            if record is None:
                return
            for index in range(len(self.requests) - 1, -1, -1):
                if self.requests[index] is announced:
                    self.requests[index] = record
                    break
            if self._file:
                times = {name: getattr(record, name).isoformat(timespec="milliseconds") for name in _TIMES}
                line = json.dumps(asdict(record) | times, separators=(",", ":"))
                try:
                    self._file.write(line.encode() + b"\n")
                except OSError as problem:
                    # A full disk must not turn a good answer into an error.
                    log.error("a request could not be logged: %s", problem)


_TIMES = ("started_at", "ended_at")


class Entry:
    """A running request, until ``end`` makes it a record.

    A record appears before the last byte of the answer is sent: anyone who got an answer finds it in the log.
    For a streamed answer it is corrected when the stream has ended. Where nobody sees records, none is made.
    """

    def __init__(
        self,
        log: AccessLog,
        operation: str,
        request: S3Request,
        request_id: str,
        in_flight: int,
        metrics: Metrics | None,
    ) -> None:
        self._metrics = metrics
        self._began_at_s = time.perf_counter()
        self._answered: tuple[int, str | None, int, int] | None = None
        self._log = log
        self._operation = operation
        self._request = request
        self._request_id = request_id
        self._in_flight = in_flight
        self._started_at = datetime.now(timezone.utc) if log.is_kept else None
        self._record: RequestRecord | None = None

    def answer(
        self,
        *,
        status: int,
        user: str | None,
        bytes_in: int,
        bytes_out: int,
        denied: str | None = None,
        code: str | None = None,
    ) -> None:
        self._answered = (status, code, bytes_in, bytes_out)
        if self._started_at is None:
            return
        request = self._request
        self._record = RequestRecord(
            operation=self._operation,
            method=request.method,
            bucket=request.bucket,
            key=request.key,
            part_number=whole_number(request.parameter("partNumber")),
            status=status,
            bytes_in=bytes_in,
            bytes_out=bytes_out,
            started_at=self._started_at,
            ended_at=datetime.now(timezone.utc),
            in_flight=self._in_flight,
            request_id=self._request_id,
            user=user,
            denied=denied,
        )
        self._log._answered(self._record)

    def end(self, bytes_out: int | None = None) -> None:
        """Counts the request as over; ``bytes_out`` is what a stream really sent."""
        self._count(bytes_out)
        announced = self._record
        if announced is not None and bytes_out is not None:
            self._record = replace(announced, bytes_out=bytes_out, ended_at=datetime.now(timezone.utc))
        self._log._ended(self._operation, announced, self._record)

    def _count(self, bytes_out: int | None) -> None:
        if self._metrics is None or self._answered is None:
            return
        status, code, bytes_in, announced_bytes = self._answered
        self._answered = None
        sent_bytes = announced_bytes if bytes_out is None else bytes_out
        seconds = time.perf_counter() - self._began_at_s
        self._metrics.count(self._operation, status, code, bytes_in, sent_bytes, seconds)
