"""Sending items side by side, while the caller that hands them over one by one continues.

Contents wait in memory, because the caller may delete its file as soon as it is told that the item was put.
What waits is bounded, so memory is, and so is what a Ctrl-C drops. Nothing that fails is lost sight of: it is
raised by the next ``send``, by ``finish``, and at the latest at the end of the process.
"""

import atexit
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager

import click
from botocore.exceptions import ClientError

from s3portal.dtool.answered import answered
from s3portal.dtool.errors import ItemsNotStored, TooManyOpenFiles
from s3portal.dtool.s3_errors import check_open_files
from s3portal.dtool.workers import shared_workers

_WAITING_BYTES = 64 * 1024 * 1024
_WAITING_ITEMS = 128
_NOT_SENT = "not sent, because others had failed"
_INTERRUPTED = "interrupted before it was sent"
_LEFT_TO_PARENT = "still being sent by the process that this one was forked from"


class ItemQueue:
    """The items of one dataset on their way. Used from one thread at a time."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[str, tuple[Future[None], int]] = {}
        self._failed: dict[str, str] = {}
        self._causes: dict[str, Exception] = {}
        self._trusted = False
        #: Errors that were raised to the caller already.
        self.reported: set[str] = set()
        #: Of the process that sends what waits.
        self.process_id = os.getpid()

    def send(self, name: str, size_bytes: int, store: Callable[[], None]) -> None:
        """Calls ``store`` soon, in another thread. Waits while too much is on its way.

        The first item is waited for: it shows whether the bucket can be written at all, and may be the only
        one (``dtool add item``). So is one that failed before and is put again. Raises ItemsNotStored.
        """
        self._forget_the_parents_threads()
        with self._dropping_when_interrupted():
            at_once = self._admit(name)
            self._wait(lambda: name not in self._waiting and self._has_room(size_bytes))
            _unfinished.add(self)
            with self._changed:
                future = shared_workers().submit(store)
                self._waiting[name] = future, size_bytes
            future.add_done_callback(lambda done: self._note(name, done))
            if at_once:
                self._wait(lambda: name not in self._waiting)
                self._raise_if(name in self._failed)

    def send_now(self, name: str, store: Callable[[], None]) -> None:
        """Calls ``store`` in this thread, beside the items on their way. Raises ItemsNotStored."""
        self._forget_the_parents_threads()
        with self._dropping_when_interrupted():
            self._admit(name)
            self._wait(lambda: name not in self._waiting)
            _unfinished.add(self)
            try:
                store()
            except Exception as error:  # noqa: BLE001 - whatever it is, this item is not stored
                self._fail(name, error)
            except BaseException:
                self._failed[name] = _INTERRUPTED
                raise
            self._raise_if(name in self._failed)

    def finish(self) -> None:
        """Waits until everything is stored. Raises ItemsNotStored, each time, until what failed was sent
        again.
        """
        self._forget_the_parents_threads()
        with self._dropping_when_interrupted():
            self._wait(lambda: not self._waiting)
        _unfinished.discard(self)
        self._raise_if(bool(self._failed))

    def _admit(self, name: str) -> bool:
        """Whether the item is to be waited for. Raises ItemsNotStored where others have failed already."""
        again = name in self._failed
        if self._failed and not again:
            self._failed[name] = _NOT_SENT
            self._raise_if(True)
        self._failed.pop(name, None)
        self._causes.pop(name, None)
        at_once = again or not self._trusted
        self._trusted = True
        return at_once

    def _has_room(self, size_bytes: int) -> bool:
        held_bytes = sum(size for _, size in self._waiting.values())
        return not self._waiting or (
            len(self._waiting) < _WAITING_ITEMS and held_bytes + size_bytes <= _WAITING_BYTES
        )

    def _wait(self, until: Callable[[], bool]) -> None:
        with self._changed:
            self._changed.wait_for(until)

    def _note(self, name: str, done: "Future[None]") -> None:
        try:
            done.result()
        except CancelledError:
            self._failed[name] = _INTERRUPTED
        except Exception as error:  # noqa: BLE001 - whatever it is, this item is not stored
            self._fail(name, error)
        with self._changed:
            self._waiting.pop(name, None)
            self._changed.notify_all()

    def _fail(self, name: str, error: Exception) -> None:
        self._failed[name] = _reason(error)
        self._causes[name] = error

    def _raise_if(self, failed: bool) -> None:
        if failed:
            self.reported.update(self._failed)
            cause = next((self._causes[name] for name in self._failed if name in self._causes), None)
            if isinstance(cause, ClientError):
                raise answered(ItemsNotStored, self._failed, cause) from cause
            raise ItemsNotStored(self._failed) from cause

    def _forget_the_parents_threads(self) -> None:
        """A forked child has the queue and not the threads: what was on its way then, it neither sends nor
        waits for, and it does not say that it was stored.
        """
        if self.process_id == os.getpid():
            return
        self.process_id = os.getpid()
        self._changed = threading.Condition()
        self._failed.update(dict.fromkeys(self._waiting, _LEFT_TO_PARENT))
        self._waiting = {}
        _unfinished.discard(self)

    @contextmanager
    def _dropping_when_interrupted(self) -> Iterator[None]:
        """After Ctrl-C nothing more is begun; the few requests under way end with the process."""
        try:
            yield
        except Exception:
            raise
        except BaseException:
            self.drop()
            raise

    def drop(self) -> None:
        """Begins nothing more. The end of the process does not wait for this queue."""
        self._forget_the_parents_threads()
        with self._changed:
            waiting = list(self._waiting.values())
        for future, _ in waiting:
            future.cancel()
        _unfinished.discard(self)


def _reason(error: Exception) -> str:
    try:
        check_open_files(error)
    except TooManyOpenFiles as explained:
        return str(explained)
    return str(error) or type(error).__name__


#: Queues with items that no one has waited for yet.
_unfinished: set[ItemQueue] = set()


def _unfinished_here() -> list[ItemQueue]:
    return [queue for queue in _unfinished if queue.process_id == os.getpid()]


def drop_what_waits() -> None:
    """After Ctrl-C, which may have met the process between two items: of all queues nothing more is begun."""
    for queue in _unfinished_here():
        queue.drop()


@atexit.register
def _finish_at_exit() -> None:
    """A script may end without freezing what it put, and its items are to be in the bucket anyway."""
    if getattr(sys, "last_type", None) is KeyboardInterrupt:
        drop_what_waits()
    failed = False
    for queue in _unfinished_here():
        reported = set(queue.reported)
        try:
            queue.finish()
        except ItemsNotStored as error:
            if not reported.issuperset(error.reasons):
                click.echo(f"Error: {error}", err=True)
                failed = True
        except KeyboardInterrupt:
            failed = True
    if failed:
        # An exception here would not change the exit status, and success must not be reported.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)
