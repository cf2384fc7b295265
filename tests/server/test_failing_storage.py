"""A failure at any step between a body and its committed row: nothing is answered as stored that is not, and
no blob stays behind without a row.
"""

from __future__ import annotations

import errno
import sqlite3
import threading
from pathlib import Path

import pytest
from failing_steps import blobs_below, failing, outcome
from s3_callers import BUCKET, MIB, refusal_of, signed_send
from waiting import wait_until

from s3portal.server.access.payload import Payload
from s3portal.server.api.multipart import uploading as multipart
from s3portal.server.api.objects import writing
from s3portal.server.storage import blobs, objects
from s3portal.server.storage.database import Database, NotCommitted


def known_blobs(server):
    with server._server.storage.database.read() as connection:
        return sorted(
            blob for (blob,) in connection.execute("SELECT DISTINCT blob FROM parts WHERE blob NOT NULL")
        )


class Injected(Exception):
    """What a step fails with."""


# The steps in their order: whose function fails.
STEPS = {
    "the id of the body": (writing, "new_body_id"),
    "a name for the blob": (blobs.secrets, "token_hex"),
    "opening the file": (Path, "open"),
    "writing": (blobs, "_write_all"),
    "reading the body": (Payload, "readinto"),
    "comparing the digests": (Payload, "_compare"),
    "syncing the file": (blobs.os, "fsync"),
    "making the folder": (blobs.BlobStore, "_make_folder"),
    "renaming": (Path, "rename"),
    "syncing the folder": (blobs, "sync_folder"),
    "the digest": (Payload, "digest"),
    "the ETag": (Payload, "md5_hex"),
    "the time": (writing, "now_ms"),
    "the object's record": (writing, "StoredObject"),
    "the part's record": (writing, "Part"),
    "the part's record of an upload": (multipart, "Part"),
    "the statement": (objects, "encode_headers"),
    "the part's row": (objects, "insert_parts"),
    "the write": (Database, "write"),
    "the commit": (Database, "_commit"),
    "beginning the transaction": (Database, "_begin"),
}


FAILURES = [
    Injected("injected"),
    OSError(errno.EIO, "injected"),
    OSError(errno.ENOSPC, "injected"),
    MemoryError(),
    sqlite3.OperationalError("injected"),
    KeyError("injected"),
]


@pytest.mark.parametrize("step", STEPS)
def test_a_failure_at_any_step_is_an_error_and_leaves_no_blob(s3_server, s3, tmp_path, monkeypatch, step):
    upload_id = s3.create_multipart_upload(Bucket=BUCKET, Key="parts")["UploadId"]
    part = {"Bucket": BUCKET, "Key": "parts", "UploadId": upload_id}
    s3.upload_part(**part, PartNumber=1, Body=b"1" * MIB)
    s3.put_object(Bucket=BUCKET, Key="there", Body=b"0" * MIB)
    before = known_blobs(s3_server)
    for failure in FAILURES:
        with monkeypatch.context() as broken:
            failing(broken, *STEPS[step], failure)
            outcomes = [
                outcome(s3.put_object, Bucket=BUCKET, Key="there", Body=b"x" * MIB),
                outcome(s3.upload_part, **part, PartNumber=1, Body=b"2" * MIB),
                outcome(s3.copy_object, Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/there"),
            ]
        assert any(status != 200 for status in outcomes), "the step was not taken"
        s3_server.wait_until_idle()
        assert blobs_below(tmp_path / "s3") == known_blobs(s3_server)
    if all(status >= 500 for status in outcomes):
        assert known_blobs(s3_server) == before
    assert s3.get_object(Bucket=BUCKET, Key="there")["Body"].read()[:1] in b"0x"


def test_a_checksum_that_does_not_exist_is_refused_and_leaves_no_blob(s3_server, tmp_path):
    for name in ("x-amz-checksum-sha10", "x-amz-checksum-sha", "x-amz-meta-a", "etag"):
        status, _, answer = signed_send(
            s3_server,
            "PUT",
            f"/{BUCKET}/k",
            {
                "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
                "x-amz-decoded-content-length": "100000",
                "x-amz-trailer": name,
            },
            b"186a0\r\n" + b"x" * 100_000 + b"\r\n0\r\n" + name.encode() + b":AAAA\r\n\r\n",
        )
        assert (status, b"<Code>InvalidRequest</Code>" in answer) == (400, True)
    status, _, answer = signed_send(s3_server, "PUT", f"/{BUCKET}/k", {"x-amz-checksum-sha10": "AA=="}, b"x")
    assert (status, b"<Code>InvalidRequest</Code>" in answer) == (400, True)
    assert blobs_below(tmp_path / "s3") == []


class Breaking:
    """A connection that raises once, at the n-th statement, before or after it is carried out."""

    def __init__(self, real, at, failure, *, after):
        self._real, self._at, self._failure, self._after = real, at, failure, after
        self.statements = 0

    def execute(self, sql, *parameters):
        self.statements += 1
        if self.statements == self._at and not self._after:
            raise self._failure
        cursor = self._real.execute(sql, *parameters)
        if self.statements == self._at:
            raise self._failure
        return cursor

    def __getattr__(self, name):
        return getattr(self._real, name)


WRITERS = 5


# BEGIN, COMMIT, and of each writer SAVEPOINT, its own statement, RELEASE.
STATEMENTS = 2 + 3 * WRITERS


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "failure",
    [
        sqlite3.OperationalError("disk I/O error"),
        sqlite3.OperationalError("database or disk is full"),
        MemoryError(),
        RuntimeError("injected"),
        SystemError("injected"),
        KeyboardInterrupt(),
    ],
    ids=repr,
)
def test_no_writer_is_told_of_success_that_is_not_on_the_disk(tmp_path, failure, after):
    """Of writers that share a commit, whatever fails at whatever statement."""
    for at in range(1, STATEMENTS + 1):
        path = tmp_path / f"{at}.sqlite3"
        database = Database(path)
        told = share_a_commit(database, at, failure, after)
        assert len(told) == WRITERS
        with sqlite3.connect(path) as reopened:
            there = {name for (name,) in reopened.execute("SELECT name FROM buckets")}
        assert {name for name, success in told.items() if success} <= there
        # It goes on afterwards.
        assert database.write(insert("later")) == 1
        database.close()


def insert(name):
    statement = "INSERT INTO buckets (name, owner, created_at) VALUES (?, '', 0)"
    return lambda connection: connection.execute(statement, (name,)).rowcount


def share_a_commit(database, at, failure, after):
    """Lets the writers wait together; returns whether each was told of success."""
    told = {}

    def write(name):
        try:
            database.write(insert(name))
            told[name] = True
        except BaseException:  # noqa: BLE001  (KeyboardInterrupt is one of the failures)
            told[name] = False

    threads = [threading.Thread(target=write, args=(f"b{number}",)) for number in range(WRITERS)]
    with database._write_lock:
        for thread in threads:
            thread.start()
        wait_until(lambda: len(database._queue) == WRITERS, "all writers wait")
        real, database._writer = database._writer, Breaking(database._writer, at, failure, after=after)
    for thread in threads:
        thread.join()
    if isinstance(database._writer, Breaking):
        assert database._writer.statements >= at
        database._writer = real
    return told


def test_a_transaction_that_cannot_be_undone_is_left_behind_with_its_connection(tmp_path, monkeypatch):
    database = Database(tmp_path / "metadata.sqlite3")

    class Stuck(Breaking):
        def execute(self, sql, *parameters):
            if sql == "ROLLBACK":
                raise sqlite3.OperationalError("injected")
            return super().execute(sql, *parameters)

    database._writer = Stuck(database._writer, 3, sqlite3.OperationalError("injected"), after=True)
    with pytest.raises(sqlite3.OperationalError):
        database.write(insert("a"))
    assert database.write(insert("b")) == 1
    with database.read() as connection:
        assert [name for (name,) in connection.execute("SELECT name FROM buckets")] == ["b"]
    database.close()


def test_a_commit_that_only_seemed_to_fail_keeps_its_blob(s3_server, s3, tmp_path, monkeypatch):
    """What was committed keeps its bytes, although the caller was told of an error."""
    commit = Database._commit

    def commit_and_fail(self, jobs):
        commit(self, jobs)
        for job in jobs:
            job.error = NotCommitted("injected")

    monkeypatch.setattr(Database, "_commit", commit_and_fail)
    assert refusal_of(s3.put_object, Bucket=BUCKET, Key="k", Body=b"x" * MIB).status == 500
    monkeypatch.undo()
    assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"x" * MIB
