"""Calls side by side over a stream of things, in constant memory; slower where the store asks for it."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import TypeVar

from s3portal.transfer import Workers

Given = TypeVar("Given")
Result = TypeVar("Result")

#: How many calls are in flight unless the user says otherwise.
CALLS_AT_A_TIME = 32
_LONGEST_PAUSE_S = 16.0


class Throttle:
    """A pause before each call, which doubles when the store says SlowDown and shrinks again afterwards. One
    for all threads."""

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._pause_s = 0.0
        self._lock = threading.Lock()
        self._sleep = sleep

    def wait(self) -> None:
        """Before a call."""
        if self._pause_s:
            self._sleep(self._pause_s)

    def slow_down(self) -> None:
        """The store asked for it."""
        with self._lock:
            self._pause_s = min(max(self._pause_s * 2, 0.1), _LONGEST_PAUSE_S)

    def went_well(self) -> None:
        """A call was answered."""
        with self._lock:
            self._pause_s = 0.0 if self._pause_s < 0.05 else self._pause_s * 0.9


def side_by_side(
    call: Callable[[Given], Result], given: Iterable[Given], at_a_time: int = CALLS_AT_A_TIME
) -> Iterator[Result]:
    """The results, in the order in which they come; at most twice ``at_a_time`` things are taken ahead.

    What a call raises is raised here, once the calls in flight have ended. Ctrl-C begins no other call.
    """
    with Workers(at_a_time, "s3portal-buckets") as workers:
        in_flight: set[Future[Result]] = set()
        done: deque[Future[Result]] = deque()
        try:
            for each in given:
                in_flight.add(workers.submit(lambda each=each: call(each)))  # type: ignore[misc]
                if len(in_flight) >= 2 * at_a_time:
                    done.extend(_some(in_flight))
                while done:
                    yield done.popleft().result()
            while in_flight:
                done.extend(_some(in_flight))
                while done:
                    yield done.popleft().result()
        except BaseException:
            running = [future for future in in_flight if not future.cancel()]
            wait(running)
            raise


def _some(in_flight: set[Future[Result]]) -> set[Future[Result]]:
    finished, _ = wait(in_flight, return_when=FIRST_COMPLETED)
    in_flight -= finished
    return finished
