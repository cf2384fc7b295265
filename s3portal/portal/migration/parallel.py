"""Work on many files at once: a few threads, a bounded queue, progress, and a clean stop."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Outcome(Generic[JobT, ResultT]):
    """What became of one job: a result, or the error that it raised."""

    job: JobT
    result: ResultT | None
    error: Exception | None


def work_through(
    jobs: Iterable[JobT], work: Callable[[JobT], ResultT], threads: int
) -> Iterator[Outcome[JobT, ResultT]]:
    """Does ``work`` on each job in a thread, and yields outcomes as they come.

    ``jobs`` is read in the caller's thread (it may use the database) and no further ahead than the threads
    need. Closing the iterator, as Ctrl-C does, waits for the files under way and starts no new ones.
    """
    with ThreadPoolExecutor(threads, thread_name_prefix="migration") as pool:
        under_way: dict[Future[ResultT], JobT] = {}
        try:
            for job in jobs:
                under_way[pool.submit(work, job)] = job
                if len(under_way) >= 2 * threads:
                    yield from _finished(under_way)
            while under_way:
                yield from _finished(under_way)
        finally:
            for future in under_way:
                future.cancel()


def _finished(under_way: dict[Future[ResultT], JobT]) -> Iterator[Outcome[JobT, ResultT]]:
    done, _ = wait(under_way, return_when=FIRST_COMPLETED)
    for future in done:
        job, error = under_way.pop(future), future.exception()
        if error is not None and not isinstance(error, Exception):
            raise error
        yield Outcome(job, None, error) if error else Outcome(job, future.result(), None)
