"""The SQLite database: connections to read and to write with. Its schema is in ``migrations``."""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from s3portal.server.storage.migrations import upgrade
from s3portal.server.storage.reading import Readers, Reading
from s3portal.server.wire.errors import S3Error

Result = TypeVar("Result")
log = logging.getLogger(__name__)


def _locked() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass
class _Job:
    """A change that waits for its commit."""

    change: Callable[[sqlite3.Connection], Any]
    frees_space: bool = False
    finished: bool = False
    #: Locked until it is finished, or its thread is the one to commit.
    gate: threading.Lock = field(default_factory=_locked)
    result: Any = None
    #: What the change itself raised.
    refused: Exception | None = None
    #: What its caller is told; only a commit that succeeded takes it away.
    error: Exception | None = field(default_factory=lambda: NotCommitted("the change was not committed"))


class NotCommitted(RuntimeError):
    """Something else than the database itself failed around a commit, so that the change may be lost."""


class Database:
    """Many readers at once, one writer. A write that returned is on the disk (WAL, synchronous=FULL).

    ``require_room`` raises where nothing may be added, because the disk is full; ``make_room`` gives a
    reserve back to the disk for what frees space, and says whether there was one. Processes that share the
    database take turns in writing by the file ``turns``: for SQLite's own lock they would sleep and try
    again.
    """

    def __init__(
        self,
        path: Path,
        *,
        require_room: Callable[[], None] = lambda: None,
        make_room: Callable[[], bool] = lambda: False,
        turns: Path | None = None,
    ) -> None:
        self._path = path
        self._require_room = require_room
        self._make_room = make_room
        self._readers = Readers(self._connect)
        self._write_lock = threading.Lock()
        self._queue_lock = threading.Lock()
        self._queue: list[_Job] = []
        self._has_leader = False
        self._riders: list[_Job] = []
        self._writer_is_broken = False
        self._turns = None if turns is None else os.open(turns, os.O_RDWR | os.O_CREAT, 0o600)
        self._writer = self._connect()
        try:
            upgrade(self._writer, path)
        except BaseException:
            self._writer.close()
            self._close_turns()
            raise

    def _connect(self) -> sqlite3.Connection:
        # Transactions are begun by hand, and a connection serves one thread at a time but not always the
        # same one.
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=30)
        connection.execute("PRAGMA page_size = 8192")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def read(self) -> AbstractContextManager[sqlite3.Connection]:
        """A connection to read with. Several statements on it may see different states. Never nested: only so
        many read at once."""
        return Reading(self._readers)

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with, on which all statements see the same state."""
        with self.read() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    def write(self, change: Callable[[sqlite3.Connection], Result], *, frees_space: bool = False) -> Result:
        """Makes a change in a transaction and returns what ``change`` returned, once it is on the disk.

        What ``change`` raises undoes it and comes back to the caller. Changes of several threads that wait
        at the same time share one commit: syncing the disk is what costs, and it costs the same for all.
        Raises InsufficientStorage when the disk is full; a change that ``frees_space`` gets the reserve then.
        """
        if not frees_space:
            self._require_room()
        job = _Job(change, frees_space)
        with self._queue_lock:
            self._queue.append(job)
            leads, self._has_leader = not self._has_leader, True
        if not leads:
            # Until another's commit had it, or it is its turn to commit for all who wait by then. Not by the
            # write lock: who is done would wait for it until the next commit is over.
            job.gate.acquire()
            leads = not job.finished
        if leads:
            self._lead()
        if job.error is not None:
            raise job.error
        result: Result = job.result
        return result

    def ride_along(self, change: Callable[[sqlite3.Connection], None]) -> None:
        """Makes a change that is not worth a commit of its own with the next one. It may get lost."""
        with self._queue_lock:
            self._riders.append(_Job(change))

    def _lead(self) -> None:
        """Commits for all who wait, and hands on to the first who has come since."""
        try:
            with self._write_lock:
                self._commit_queue()
        finally:
            with self._queue_lock:
                self._has_leader = bool(self._queue)
                if self._queue:
                    self._queue[0].gate.release()

    def _commit_queue(self) -> None:
        with self._queue_lock:
            jobs, self._queue = self._queue, []
            riders, self._riders = self._riders, []
        try:
            self._commit([*jobs, *riders])
            freeing = [job for job in jobs if job.frees_space and _finds_disk_full(job.error)]
            if freeing:
                if not self._make_room():
                    # The reserve went to an earlier one, whose log may be in the database by now.
                    self._truncate_log()
                self._commit(freeing)
        finally:
            for job in jobs:
                job.finished = True
                job.gate.release()

    def _commit(self, jobs: Sequence[_Job]) -> None:
        """Makes changes in one transaction. Their ``error`` says what became of each: where anything at all
        goes wrong around the commit, none is taken for committed.

        Raises only what is no Exception, as KeyboardInterrupt is not.
        """
        try:
            with self._turn():
                self._begin()
                for job in jobs:
                    self._run(job)
                self._writer.execute("COMMIT")
        except BaseException as problem:
            self._roll_back()
            if not isinstance(problem, Exception):
                raise
            for job in jobs:
                job.error = _error_of(problem)
        else:
            for job in jobs:
                job.error = job.refused

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Keeps the other processes from writing. What is not committed by its end is rolled back at once."""
        if self._turns is None:
            yield
            return
        fcntl.flock(self._turns, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._turns, fcntl.LOCK_UN)

    def _begin(self) -> None:
        if self._writer_is_broken:
            self._writer.close()
            self._writer = self._connect()
            self._writer_is_broken = False
        self._writer.execute("BEGIN IMMEDIATE")

    def _roll_back(self) -> None:
        try:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
        except sqlite3.Error as problem:
            # Closing a connection undoes what it has not committed.
            log.error("a transaction could not be rolled back: %s", problem)
            self._writer_is_broken = True

    def _run(self, job: _Job) -> None:
        """Makes one change; when it raises anything but a failure of the database, only it is undone."""
        job.refused = None
        self._writer.execute("SAVEPOINT one_change")
        try:
            job.result = job.change(self._writer)
        except sqlite3.Error:
            raise
        except Exception as refused:  # noqa: BLE001  (raised again in the thread that asked for the change)
            job.refused = refused
            self._writer.execute("ROLLBACK TO one_change")
        self._writer.execute("RELEASE one_change")

    def copy_to(self, target: sqlite3.Connection) -> None:
        """Copies everything that is committed into another database."""
        with self.read() as connection:
            connection.backup(target)

    def replace_by(self, source: sqlite3.Connection) -> None:
        """Puts what another database has in the place of everything. For tests: nothing else may run."""
        with self._write_lock, self._turn():
            source.backup(self._writer)

    def shrink(self) -> None:
        """Gives the space of the write-ahead log back to the disk, as far as it is in the database by now."""
        with self._write_lock:
            self._truncate_log()

    def _truncate_log(self) -> None:
        try:
            with self._turn():
                self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as problem:
            log.debug("the write-ahead log stays as it is: %s", problem)

    def close(self) -> None:
        with self._write_lock:
            self._readers.close()
            self._writer.close()
            self._close_turns()

    def _close_turns(self) -> None:
        if self._turns is not None:
            os.close(self._turns)


def _error_of(problem: Exception) -> Exception:
    is_full = isinstance(problem, sqlite3.OperationalError) and "full" in str(problem)
    return S3Error("InsufficientStorage") if is_full else problem


def _finds_disk_full(problem: Exception | None) -> bool:
    if isinstance(problem, S3Error):
        return problem.code == "InsufficientStorage"
    # Not only "full": the log's index cannot grow either, which SQLite calls an I/O error.
    return isinstance(problem, sqlite3.OperationalError) and ("full" in str(problem) or "I/O" in str(problem))
