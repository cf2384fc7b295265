"""The SQLite database: its schema, and connections to read and to write with."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from s3portal.server.errors import S3Error

SCHEMA_VERSION = 1
# Keys are BLOBs: they sort by their bytes, as S3 lists them, and a prefix is a plain range of bytes.
# The tables are clustered by key (WITHOUT ROWID), so that a page of a listing is one walk along the tree.
SCHEMA = """
CREATE TABLE buckets (
    name TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL,
    cors TEXT
) WITHOUT ROWID;
CREATE TABLE objects (
    bucket TEXT NOT NULL,
    key BLOB NOT NULL,
    body_id TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    etag TEXT NOT NULL,
    modified_at INTEGER NOT NULL,
    headers TEXT NOT NULL,
    checksum_algorithm TEXT NOT NULL,
    checksum_value TEXT NOT NULL,
    checksum_type TEXT NOT NULL,
    part_count INTEGER NOT NULL,
    PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
CREATE TABLE parts (
    body_id TEXT NOT NULL,
    part_number INTEGER NOT NULL,
    blob TEXT,
    start INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    etag TEXT NOT NULL,
    checksum BLOB NOT NULL,
    modified_at INTEGER NOT NULL,
    content BLOB,
    PRIMARY KEY (body_id, part_number)
) WITHOUT ROWID;
CREATE TABLE uploads (
    bucket TEXT NOT NULL,
    key BLOB NOT NULL,
    upload_id TEXT NOT NULL UNIQUE,
    initiated_at INTEGER NOT NULL,
    headers TEXT NOT NULL,
    checksum_algorithm TEXT NOT NULL,
    checksum_type TEXT NOT NULL,
    checksum_asked INTEGER NOT NULL,
    initiator TEXT NOT NULL,
    PRIMARY KEY (bucket, key, initiated_at, upload_id)
) WITHOUT ROWID;
"""


Result = TypeVar("Result")


@dataclass
class _Job:
    """A change that waits for its commit."""

    change: Callable[[sqlite3.Connection], Any]
    finished: bool = False
    result: Any = None
    error: Exception | None = None


class OtherVersion(RuntimeError):
    """The database was written by another version of this server."""


class Database:
    """Many readers at once, one writer. A write that returned is on the disk (WAL, synchronous=FULL)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle_readers: list[sqlite3.Connection] = []
        self._write_lock = threading.Lock()
        self._queue_lock = threading.Lock()
        self._queue: list[_Job] = []
        self._writer = self._connect()
        version = self._writer.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            self._writer.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        elif version != SCHEMA_VERSION:
            self._writer.close()
            raise OtherVersion(
                f"{path} was written by another version of this server: its schema is {version}, "
                f"this one knows {SCHEMA_VERSION}"
            )

    def _connect(self) -> sqlite3.Connection:
        # Transactions are begun by hand, and a connection serves one thread at a time but not always the
        # same one.
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=30)
        connection.execute("PRAGMA page_size = 8192")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with. Several statements on it may see different states."""
        try:
            connection = self._idle_readers.pop()
        except IndexError:
            connection = self._connect()
        try:
            yield connection
        finally:
            self._idle_readers.append(connection)

    def write(self, change: Callable[[sqlite3.Connection], Result]) -> Result:
        """Makes a change in a transaction and returns what ``change`` returned, once it is on the disk.

        What ``change`` raises undoes it and comes back to the caller. Changes of several threads that wait
        at the same time share one commit: syncing the disk is what costs, and it costs the same for all.
        Raises InsufficientStorage when the disk is full.
        """
        job = _Job(change)
        with self._queue_lock:
            self._queue.append(job)
        with self._write_lock:
            # Whoever comes first commits for all who wait by then; the others find their job done.
            if not job.finished:
                self._commit_queue()
        if job.error is not None:
            raise job.error
        result: Result = job.result
        return result

    def _commit_queue(self) -> None:
        with self._queue_lock:
            jobs, self._queue = self._queue, []
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            for job in jobs:
                self._run(job)
            self._writer.execute("COMMIT")
        except sqlite3.Error as problem:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            for job in jobs:
                job.error = _error_of(problem)
        finally:
            for job in jobs:
                job.finished = True

    def _run(self, job: _Job) -> None:
        """Makes one change; when it raises anything but a failure of the database, only it is undone."""
        self._writer.execute("SAVEPOINT one_change")
        try:
            job.result = job.change(self._writer)
        except sqlite3.Error:
            raise
        except Exception as refused:  # noqa: BLE001  (raised again in the thread that asked for the change)
            job.error = refused
            self._writer.execute("ROLLBACK TO one_change")
        self._writer.execute("RELEASE one_change")

    def close(self) -> None:
        with self._write_lock:
            while self._idle_readers:
                self._idle_readers.pop().close()
            self._writer.close()


def _error_of(problem: sqlite3.Error) -> Exception:
    if isinstance(problem, sqlite3.OperationalError) and "full" in str(problem):
        return S3Error("InsufficientStorage")
    return problem
