"""Workers of one portal, as uWSGI and gunicorn fork them: processes that share database, Redis and store, and
nothing else."""

import gc
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import sqlalchemy as sa
from callers import Caller
from ckan import model
from werkzeug.test import TestResponse


class Worker:
    """One process. The methods of its caller run there, on connections of its own."""

    def __init__(self, caller: Caller) -> None:
        context = multiprocessing.get_context("fork")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, caller), daemon=True)
        self._process.start()
        theirs.close()

    def do(self, method: str, *arguments: Any, **asked: Any) -> Any:
        """Calls a method of the caller; returns what that returned, or the status of a response."""
        self.begin(method, *arguments, **asked)
        return self.result()

    def begin(self, method: str, *arguments: Any, **asked: Any) -> None:
        """As `do`, without waiting."""
        self._ours.send((method, arguments, asked))

    def result(self) -> Any:
        """Of what was begun last."""
        succeeded, result = self._ours.recv()
        if not succeeded:
            raise AssertionError(result)
        return result

    @property
    def pid(self) -> int:
        return int(self._process.pid or 0)

    def end(self) -> None:
        # Those that were forked later hold this end of the pipe open too, so closing it tells nothing.
        self._ours.send(None)
        self._process.join()


def _work(theirs: Connection, caller: Caller) -> None:
    model.Session.remove()
    # Connections are no use to two processes: CKAN's, and those of the search beside it.
    for engine in [each for each in gc.get_objects() if isinstance(each, sa.engine.Engine)]:
        engine.dispose(close=False)
    while True:
        task = theirs.recv()
        if task is None:
            return
        method, arguments, asked = task
        try:
            result = getattr(caller, method)(*arguments, **asked)
            theirs.send((True, result.status_code if isinstance(result, TestResponse) else result))
        except Exception as error:  # noqa: BLE001  (told to the test)
            theirs.send((False, repr(error)))
        finally:
            model.Session.remove()


@contextmanager
def workers(number: int, caller: Caller) -> Iterator[list[Worker]]:
    """So many workers, each with the caller as it is now."""
    model.Session.remove()
    started = [Worker(caller) for _ in range(number)]
    try:
        yield started
    finally:
        for worker in started:
            worker.end()
