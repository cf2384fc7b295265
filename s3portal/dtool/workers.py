"""Threads that talk to S3 side by side, shared by everything that this process does with dtool.

They are daemons: at Ctrl-C nobody waits for requests that nobody needs any more. What must not be lost at the
end of a process waits for itself (``item_queue.py``).
"""

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from queue import SimpleQueue
from typing import TypeVar

# Together these are the connections that a store keeps open (transfer/store.py).
_THREADS = 24
BIG_FILE_THREADS = 8

Given = TypeVar("Given")
Result = TypeVar("Result")


class Workers:
    """Some threads and the calls that wait for them, in order."""

    def __init__(self, threads: int) -> None:
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        for number in range(threads):
            threading.Thread(target=self._work, name=f"dtool-s3-{number}", daemon=True).start()

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
        while True:
            self._calls.get()()


def in_parallel(
    call: Callable[[Given], Result], given: Iterable[Given], workers: Workers | None = None
) -> list[Result]:
    """The result for each of ``given``, in its order, by the shared workers unless others are given.

    The first error is raised when nothing runs any more, and the rest is not begun. Ctrl-C waits for nothing.
    """
    workers = workers or shared_workers()
    futures = [workers.submit(lambda one=one: call(one)) for one in given]  # type: ignore[misc]
    try:
        return [future.result() for future in futures]
    except BaseException as error:
        running = [future for future in futures if not future.cancel()]
        if isinstance(error, Exception):
            wait(running)
        raise


_of_process: dict[tuple[int, int], Workers] = {}
# A lock that a thread holds during a fork is held in the child for ever, so each process has one of its own.
_locks: dict[int, threading.Lock] = {}


def shared_workers() -> Workers:
    """The workers of this process for all that is small."""
    return _workers(_THREADS)


def big_file_workers() -> Workers:
    """The workers of this process for parts of big files. The shared ones may wait for them."""
    return _workers(BIG_FILE_THREADS)


def _workers(threads: int) -> Workers:
    """Threads do not survive a fork, so a child starts its own."""
    place = os.getpid(), threads
    with _locks.setdefault(os.getpid(), threading.Lock()):
        if place not in _of_process:
            _of_process[place] = Workers(threads)
        return _of_process[place]
