"""Threads that do calls side by side.

They are daemons: Ctrl-C does not wait for requests that no one needs any longer.
"""

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from functools import partial
from queue import SimpleQueue
from types import TracebackType
from typing import TypeVar

Given = TypeVar("Given")
Result = TypeVar("Result")


#: How often a process is looked at, and when it has time for more threads: Python runs one at a time, and
#: whatever a busy process begins more only takes turns.
_LOOK_S = 0.05
_BUSY_SHARE = 0.8


class Workers:
    """Some threads and the calls that wait for them, in order. As a context they end with it, as soon as they
    are through with what they do.

    With ``at_first``, so many begin, and twice as many whenever calls wait while the process was busy for
    less than 0.8 of the time, up to ``threads``.
    """

    def __init__(self, threads: int, name: str = "s3portal", *, at_first: int | None = None) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._name = name
        self._begun = 0
        self._has_ended = threading.Event()
        self._lock = threading.Lock()
        self._begin_until(threads if at_first is None else min(at_first, threads))
        if self._begun < threads:
            self._start(f"{name}-more", partial(self._grow, threads))

    def _begin_until(self, count: int) -> None:
        with self._lock:
            # What begins after the end would not be told of it.
            while self._begun < count and not self._has_ended.is_set():
                self._start(f"{self._name}-{self._begun}", self._work)
                self._begun += 1

    def _start(self, name: str, target: Callable[[], None]) -> None:
        threading.Thread(target=target, name=name, daemon=True).start()

    def _grow(self, most: int) -> None:
        used_s, at_s = time.process_time(), time.monotonic()
        while self._begun < most and not self._has_ended.wait(_LOOK_S):
            used_before_s, before_s = used_s, at_s
            used_s, at_s = time.process_time(), time.monotonic()
            if not self._calls.empty() and used_s - used_before_s < _BUSY_SHARE * (at_s - before_s):
                try:
                    self._begin_until(min(2 * self._begun, most))
                except RuntimeError:
                    # The system gives no more threads; those that there are do it all.
                    return

    def __enter__(self) -> "Workers":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            self._has_ended.set()
            for _ in range(self._begun):
                self._calls.put(None)

    def begin(self, call: Callable[[], None]) -> None:
        """Calls in one of the threads; for calls that raise nothing, and tell what became of them."""
        self._calls.put(call)

    def submit(self, call: Callable[[], Result]) -> "Future[Result]":
        """Calls in one of the threads; the future has the result or what was raised."""
        future: Future[Result] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001 - it is raised again where the result is wanted
                future.set_exception(error)
            else:
                future.set_result(result)

        self._calls.put(run)
        return future

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
            # What it was about is not kept in memory until there is another one.
            del call


def in_parallel(call: Callable[[Given], Result], given: Iterable[Given], workers: Workers) -> list[Result]:
    """The result for each of ``given``, in its order.

    The first error is raised once all running calls have ended, and no others begin. Ctrl-C does not wait.
    """
    futures = [workers.submit(partial(call, one)) for one in given]
    try:
        return [future.result() for future in futures]
    except BaseException as error:
        running = [future for future in futures if not future.cancel()]
        if isinstance(error, Exception):
            wait(running)
        raise
