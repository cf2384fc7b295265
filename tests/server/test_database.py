"""The database's writes: each is undone alone, many share one commit, and none returns before it is kept."""

from __future__ import annotations

import sqlite3
import threading

import pytest
from waiting import wait_until

from s3portal.server.storage.database import Database
from s3portal.server.storage.migrations import SCHEMA_VERSION, OtherVersion
from s3portal.server.storage.reading import FEW_READERS, READERS_LIMIT, Readers, Reading
from s3portal.server.wire.errors import S3Error

#: Takes a moment, without Python's lock.
COUNTING = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT max(i) FROM n"
)
INSERT = "INSERT INTO buckets (name, owner, created_at) VALUES (?, '', 0)"


@pytest.fixture
def database(tmp_path):
    database = Database(tmp_path / "metadata.sqlite3")
    yield database
    database.close()


def insert(name):
    return lambda connection: connection.execute(INSERT, (name,)).rowcount


def names(database):
    with database.read() as connection:
        return sorted(name for (name,) in connection.execute("SELECT name FROM buckets"))


def test_a_change_returns_its_result_and_is_there(database):
    assert database.write(insert("a")) == 1
    assert names(database) == ["a"]


def test_what_a_change_raises_undoes_it_and_comes_back(database):
    def refused(connection):
        insert("b")(connection)
        raise S3Error("NoSuchBucket")

    with pytest.raises(S3Error, match="NoSuchBucket"):
        database.write(refused)
    database.write(insert("c"))
    assert names(database) == ["c"]


def test_changes_that_wait_together_share_a_commit_and_fail_alone(database):
    commits = []
    database._writer.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
    entered, go_on = threading.Event(), threading.Event()
    outcomes = {}

    def hold(connection):
        entered.set()
        assert go_on.wait(60)

    def write(number):
        def change(connection):
            insert(f"b{number}")(connection)
            if number % 3 == 0:
                raise S3Error("NoSuchKey")
            return number

        try:
            outcomes[number] = database.write(change)
        except S3Error as refused:
            outcomes[number] = refused.code

    threads = [threading.Thread(target=database.write, args=(hold,))]
    threads[0].start()
    assert entered.wait(60)
    threads += [threading.Thread(target=write, args=(number,)) for number in range(9)]
    for thread in threads[1:]:
        thread.start()
    while len(database._queue) < 9:
        threading.Event().wait(0.001)
    go_on.set()
    for thread in threads:
        thread.join()

    assert outcomes == {number: "NoSuchKey" if number % 3 == 0 else number for number in range(9)}
    assert names(database) == [f"b{number}" for number in range(9) if number % 3]
    assert len(commits) == 2


def test_a_failing_database_fails_every_change_of_the_commit_and_recovers(database):
    with pytest.raises(sqlite3.IntegrityError):
        database.write(lambda connection: [insert("a")(connection) for _ in range(2)])
    assert names(database) == []
    database.write(insert("a"))
    assert names(database) == ["a"]


class OpenedReaders:
    """Counts what a pool opens and what is in use."""

    def __init__(self, patience_s):
        self.opened = 0
        self.closed = 0
        self.readers = Readers(self._connect, patience_s)

    def _connect(self):
        self.opened += 1
        return self

    def close(self):
        self.closed += 1


def test_many_short_reads_share_few_readers():
    """To open one takes longer than most reads."""
    opened = []

    def connect():
        opened.append(sqlite3.connect(":memory:", check_same_thread=False))
        return opened[-1]

    readers = Readers(connect, patience_s=60)
    threads = [threading.Thread(target=lambda: _borrow_often(readers)) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0 < len(opened) <= FEW_READERS
    readers.close()
    for connection in opened:
        with pytest.raises(sqlite3.ProgrammingError):
            connection.execute("SELECT 1")


def _borrow_often(readers):
    for _ in range(50):
        with Reading(readers) as connection:
            connection.execute(COUNTING).fetchone()


def test_long_reads_get_readers_of_their_own_which_are_closed_again():
    """What only takes a moment does not wait for them."""
    pool = OpenedReaders(patience_s=0.01)
    reading, most, enough, go_on = [], [], threading.Event(), threading.Event()

    def read():
        with Reading(pool.readers) as connection:
            reading.append(connection)
            most.append(len(reading))
            if len(reading) == READERS_LIMIT:
                enough.set()
            go_on.wait(60)
            reading.remove(connection)

    threads = [threading.Thread(target=read) for _ in range(READERS_LIMIT + 10)]
    for thread in threads:
        thread.start()
    assert enough.wait(60)
    go_on.set()
    for thread in threads:
        thread.join()
    assert max(most) == READERS_LIMIT
    assert pool.opened - pool.closed == FEW_READERS
    pool.readers.close()
    assert pool.closed == pool.opened


def test_beside_long_reads_one_more_reader_is_enough_for_many_short_ones():
    """It is not closed after each, so that nobody waits for long reads more than once."""
    pool = OpenedReaders(patience_s=0.01)
    held = [pool.readers.borrow() for _ in range(FEW_READERS)]
    for _ in range(20):
        with Reading(pool.readers):
            pass
    assert pool.opened == FEW_READERS + 1
    for connection in held:
        pool.readers.give_back(connection)
    assert pool.opened - pool.closed == FEW_READERS


def test_who_waits_gets_the_first_reader_that_is_given_back():
    pool = OpenedReaders(patience_s=60)
    held = [pool.readers.borrow() for _ in range(FEW_READERS)]
    got = threading.Event()

    def borrow():
        with Reading(pool.readers):
            got.set()

    thread = threading.Thread(target=borrow)
    thread.start()
    assert not got.wait(0.2)
    pool.readers.give_back(held.pop())
    assert got.wait(30)
    thread.join()
    assert pool.opened == FEW_READERS


def test_what_is_given_back_after_the_end_is_closed():
    pool = OpenedReaders(patience_s=60)
    late = pool.readers.borrow()
    pool.readers.close()
    pool.readers.give_back(late)
    assert pool.closed == pool.opened == 1


def test_a_reader_that_cannot_be_opened_takes_no_place():
    def connect():
        raise sqlite3.OperationalError("unable to open database file")

    readers = Readers(connect)
    for _ in range(READERS_LIMIT + 1):
        with pytest.raises(sqlite3.OperationalError):
            readers.borrow()


def test_a_newer_servers_database_is_left_alone(tmp_path):
    path = tmp_path / "metadata.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(OtherVersion, match=f"its schema is 99, this one knows {SCHEMA_VERSION}"):
        Database(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)


def test_a_change_that_rides_along_waits_for_a_commit_and_is_lost_with_it(database):
    def broken(connection):
        raise sqlite3.OperationalError("injected")

    database.ride_along(insert("a"))
    assert names(database) == []
    database.write(insert("b"))
    assert names(database) == ["a", "b"]
    database.ride_along(insert("c"))
    with pytest.raises(sqlite3.OperationalError):
        database.write(broken)
    database.write(insert("d"))
    assert names(database) == ["a", "b", "d"]


def test_who_is_done_does_not_wait_for_the_next_commit(database):
    """A change that a commit has is answered although the commit after it goes on."""
    entered, leave, answered = threading.Event(), threading.Event(), []

    def change(name, *, holds=False):
        def write(connection):
            connection.execute(INSERT, (name,))
            if holds:
                entered.set()
                leave.wait(60)

        database.write(write)
        answered.append(name)

    with database._write_lock:
        first = [threading.Thread(target=change, args=(name,)) for name in ("a", "b", "c")]
        for thread in first:
            thread.start()
        wait_until(lambda: len(database._queue) == 3, "three wait for one commit")
        # They are committed together, and this one by itself.
        held = threading.Thread(target=change, args=("held",), kwargs={"holds": True})
        real = database._commit

        def commit(jobs):
            database._commit = real
            held.start()
            wait_until(lambda: len(database._queue) == 1, "the next one waits")
            real(jobs)

        database._commit = commit
    assert entered.wait(60)
    wait_until(lambda: sorted(answered) == ["a", "b", "c"], "all of the first commit are answered")
    leave.set()
    for thread in (*first, held):
        thread.join()
    assert answered[-1] == "held"
