"""Calls side by side over a stream of things, in constant memory; slower where the store asks for it."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from queue import Full, Queue, SimpleQueue
from typing import TypeVar

from s3portal.transfer import Workers

Given = TypeVar("Given")
Result = TypeVar("Result")

#: How many calls are in flight unless the user says otherwise.
CALLS_AT_A_TIME = 32
_CALLS_AT_FIRST = 4
_LONGEST_PAUSE_S = 16.0
#: How soon a thread notices that nobody wants what it fetched.
_LOOK_S = 0.5


def pause(seconds: float) -> None:
    """Waits."""
    time.sleep(seconds)


class Throttle:
    """A pause before each call, which doubles when the store says SlowDown and shrinks again afterwards. One
    for all threads."""

    def __init__(
        self, sleep: Callable[[float], None] = pause, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pause_s = 0.0
        self._slowed_at = -_LONGEST_PAUSE_S
        self._clock = clock
        self._lock = threading.Lock()
        self._sleep = sleep

    def wait(self) -> None:
        """Before a call."""
        if self._pause_s:
            self._sleep(self._pause_s)

    def slow_down(self) -> None:
        """The store asked for it. Calls that were in flight side by side are told so together, which counts
        once."""
        with self._lock:
            now = self._clock()
            if now - self._slowed_at < self._pause_s:
                return
            self._slowed_at = now
            self._pause_s = min(max(self._pause_s * 2, 0.1), _LONGEST_PAUSE_S)

    def went_well(self) -> None:
        """A call was answered."""
        with self._lock:
            self._pause_s = 0.0 if self._pause_s < 0.05 else self._pause_s * 0.9


def side_by_side(
    call: Callable[[Given], Result],
    given: Iterable[Given],
    at_a_time: int = CALLS_AT_A_TIME,
    on_stop: Callable[[], None] = lambda: None,
    at_first: int = _CALLS_AT_FIRST,
) -> Iterator[Result]:
    """The results, in the order in which they come; at most twice ``at_a_time`` things are taken ahead.

    What a call raises is raised here, once the calls in flight have ended. Ctrl-C begins no other call; then
    ``on_stop`` is called, which may tell long calls to end early.

    ``at_first`` calls begin, and become more while that leaves this process time to wait: where the
    store is near, more threads would only take turns.
    """
    # A queue joins the threads: Ctrl-C within ``concurrent.futures.wait`` leaves the locks of its futures
    # taken, and the calls in flight never end.
    finished: SimpleQueue[tuple[list[Result], BaseException | None]] = SimpleQueue()
    stopped = threading.Event()
    in_flight = 0

    def run(each: Given) -> None:
        try:
            results = [] if stopped.is_set() else [call(each)]
        except BaseException as error:  # noqa: BLE001 - it is raised again where the result is wanted
            finished.put(([], error))
        else:
            finished.put((results, None))

    def next_result() -> Result:
        nonlocal in_flight
        # First, so that Ctrl-C in between cannot make the end wait for one call too many.
        in_flight -= 1
        results, error = finished.get()
        if error is not None:
            raise error
        return results[0]

    with Workers(at_a_time, "s3portal-buckets", at_first=at_first) as workers:
        try:
            for each in given:
                workers.begin(partial(run, each))
                in_flight += 1
                if in_flight >= 2 * at_a_time:
                    yield next_result()
                while in_flight and not finished.empty():
                    yield next_result()
            while in_flight:
                yield next_result()
        except BaseException:
            stopped.set()
            on_stop()
            for _ in range(in_flight):
                finished.get()
            raise


def read_ahead(given: Iterator[Given], most: int = 2) -> Iterator[Given]:
    """What ``given`` gives, fetched by a thread while what came before is worked at; so many at most wait.
    What it raises is raised here, in its place."""
    waiting: Queue[tuple[list[Given], BaseException | None]] = Queue(most)
    is_wanted = threading.Event()
    is_wanted.set()

    def offer(things: list[Given], error: BaseException | None = None) -> bool:
        while is_wanted.is_set():
            try:
                waiting.put((things, error), timeout=_LOOK_S)
            except Full:
                continue
            return True
        return False

    def fetch() -> None:
        try:
            for each in given:
                if not offer([each]):
                    return
        except BaseException as error:  # noqa: BLE001 - it is raised again where the thing is wanted
            offer([], error)
        else:
            offer([])

    threading.Thread(target=fetch, name="s3portal-ahead", daemon=True).start()
    try:
        while True:
            things, error = waiting.get()
            if error is not None:
                raise error
            if not things:
                return
            yield things[0]
    finally:
        is_wanted.clear()
