"""Threads that do calls side by side.

They are daemons: Ctrl-C does not wait for requests that no one needs any longer.
"""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from functools import partial
from queue import SimpleQueue
from types import TracebackType
from typing import TypeVar

Given = TypeVar("Given")
Result = TypeVar("Result")


class Workers:
    """Some threads and the calls that wait for them, in order. As a context they end with it, as soon as they
    are through with what they do."""

    def __init__(self, threads: int, name: str = "s3portal") -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = threads
        for number in range(threads):
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True).start()

    def __enter__(self) -> "Workers":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for _ in range(self._threads):
            self._calls.put(None)

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
