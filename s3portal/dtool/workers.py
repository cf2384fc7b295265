"""Threads that talk to S3 side by side, shared by everything that this process does with dtool.

They are daemons: at Ctrl-C nobody waits for requests that nobody needs any more. What must not be lost at the
end of a process waits for itself (``item_queue.py``).
"""

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

# With the threads for big files these are the connections that a store keeps open (transfer/store.py).
_THREADS = 24

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


def in_parallel(call: Callable[[Given], Result], given: Iterable[Given]) -> list[Result]:
    """The result for each of ``given``, in its order. The first error is raised, and the rest not begun."""
    workers = shared_workers()
    futures = [workers.submit(lambda one=one: call(one)) for one in given]  # type: ignore[misc]
    try:
        return [future.result() for future in futures]
    except BaseException:
        for future in futures:
            future.cancel()
        raise


_of_process: dict[int, Workers] = {}
_lock = threading.Lock()


def shared_workers() -> Workers:
    """The workers of this process. Threads do not survive a fork, so a child starts its own."""
    with _lock:
        if os.getpid() not in _of_process:
            _of_process[os.getpid()] = Workers(_THREADS)
        return _of_process[os.getpid()]
