"""The threads that talk to S3 side by side, shared by everything that this process does with dtool.

What must not be lost at the end of a process waits for itself (``item_queue.py``).
"""

import os
import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

from s3portal.transfer import Workers
from s3portal.transfer import in_parallel as each_in_parallel

# Together these are the connections that a store keeps open (transfer/store.py).
_THREADS = 24
BIG_FILE_THREADS = 8

Given = TypeVar("Given")
Result = TypeVar("Result")

_of_process: dict[tuple[int, int], Workers] = {}
# A lock that a thread holds during a fork stays held in the child for ever, so each process has its own.
_locks: dict[int, threading.Lock] = {}


def in_parallel(
    call: Callable[[Given], Result], given: Iterable[Given], by: Workers | None = None
) -> list[Result]:
    """The result for each of ``given``, in its order, by the shared workers unless others are given.

    The first error is raised once all running calls have ended, and no others begin. Ctrl-C does not wait.
    """
    return each_in_parallel(call, given, by or shared_workers())


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
            _of_process[place] = Workers(threads, "dtool-s3")
        return _of_process[place]
