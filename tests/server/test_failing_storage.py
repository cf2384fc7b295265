"""A failure at any step between a body and its committed row: nothing is answered as stored that is not, and
no blob stays behind without a row."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from s3_callers import BUCKET, MIB, client_of, code_of, refusal_of, signed_send
from waiting import wait_until

from s3portal.server.access.payload import Payload
from s3portal.server.api.multipart import uploading as multipart
from s3portal.server.api.objects import writing
from s3portal.server.pytest_plugin import server_config
from s3portal.server.storage import blobs, objects
from s3portal.server.storage import storage as storages
from s3portal.server.storage.database import Database, NotCommitted
from s3portal.server.storage.storage import Storage
from s3portal.server.testing import RunningServer
from s3portal.server.wire.errors import S3Error


def blobs_below(root):
    return sorted(
        path.name for folder in ("blobs", "incoming") for path in (root / folder).rglob("*") if path.is_file()
    )


def known_blobs(server):
    with server._server.storage.database.read() as connection:
        return sorted(
            blob for (blob,) in connection.execute("SELECT DISTINCT blob FROM parts WHERE blob NOT NULL")
        )


class Injected(Exception):
    """What a step fails with."""


def failing(monkeypatch, owner, name, failure):
    """Lets a function fail from now on, every time."""

    def fail(*arguments, **named):
        raise failure

    monkeypatch.setattr(owner, name, fail)


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


def outcome(call, **arguments):
    try:
        return call(**arguments)["ResponseMetadata"]["HTTPStatusCode"]
    except Exception as refused:  # noqa: BLE001  (an answer that breaks off is no success either)
        return getattr(refused, "response", {}).get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


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


class TestSweep:
    def orphan(self, root):
        name = f"{'0' * 32}.1.00000000"
        folder = root / "blobs" / "00"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"left behind")
        return name

    def test_a_blob_without_a_row_goes_after_a_clean_stop_too(self, tmp_path):
        with RunningServer(tmp_path / "s3", server_config()) as server:
            client_of(server).put_object(Bucket=BUCKET, Key="k", Body=b"x" * MIB)
        name = self.orphan(tmp_path / "s3")
        with RunningServer(tmp_path / "s3", server_config()) as server:
            wait_until(lambda: name not in blobs_below(tmp_path / "s3"), "the blob is gone")
            assert client_of(server).get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"x" * MIB

    def test_what_is_not_committed_yet_and_what_is_read_stays(self, tmp_path):
        storage = Storage(tmp_path)
        storage.sweep.wait(60)
        name, body_id = self.orphan(tmp_path), "0" * 32
        storage.leases.acquire(name)
        storage.sweep.run()
        assert blobs_below(tmp_path) == [name]
        storage.leases.release(name)
        storage.leases.acquire(body_id)
        doom = "INSERT INTO doomed VALUES (?, ?, 0)"
        storage.database.write(lambda connection: connection.execute(doom, (name, body_id)))
        storage.sweep.run()
        assert blobs_below(tmp_path) == [name]
        storage.leases.release(body_id)
        storage.sweep.run()
        assert blobs_below(tmp_path) == []
        storage.close()

    def test_a_database_that_cannot_tell_removes_nothing(self, tmp_path, monkeypatch):
        storage = Storage(tmp_path)
        storage.sweep.wait(60)
        name = self.orphan(tmp_path)
        failing(monkeypatch, storage.database, "read", sqlite3.OperationalError("injected"))
        storage.sweep.run()
        assert blobs_below(tmp_path) == [name]
        monkeypatch.undo()
        storage.close()

    def test_a_file_that_cannot_be_removed_changes_no_answer(self, s3, monkeypatch):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"x" * MIB)
        failing(monkeypatch, Path, "unlink", OSError(errno.EACCES, "injected"))
        s3.delete_object(Bucket=BUCKET, Key="k")
        monkeypatch.undo()
        assert code_of(s3.get_object, Bucket=BUCKET, Key="k") == "NoSuchKey"


class TestFullDisk:
    def test_a_deletion_gets_the_reserve_and_nothing_new_is_stored_until_it_is_back(
        self, s3_server, s3, tmp_path, monkeypatch
    ):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"x" * MIB)
        reserve = tmp_path / "s3" / "reserve"
        commit = Database._commit

        def commit_on_a_full_disk(self, jobs):
            if reserve.exists():
                for job in jobs:
                    job.error = S3Error("InsufficientStorage")
            else:
                commit(self, jobs)

        full = OSError(errno.ENOSPC, "injected")
        monkeypatch.setattr(Database, "_commit", commit_on_a_full_disk)
        assert refusal_of(s3.put_object, Bucket=BUCKET, Key="new", Body=b"x").status == 507
        assert reserve.exists()
        failing(monkeypatch, os, "posix_fallocate", full)
        s3.delete_object(Bucket=BUCKET, Key="k")
        assert code_of(s3.get_object, Bucket=BUCKET, Key="k") == "NoSuchKey"
        assert not reserve.exists()
        for call in (s3.put_object, s3.create_multipart_upload):
            assert refusal_of(call, Bucket=BUCKET, Key="new").status == 507
        monkeypatch.undo()
        s3.put_object(Bucket=BUCKET, Key="new", Body=b"x")
        assert reserve.stat().st_size == storages.RESERVE_BYTES

    @pytest.mark.parametrize("size_bytes", [16_000, 1_000_000], ids=["small", "large"])
    def test_a_disk_that_is_really_full_can_be_emptied_by_its_server(self, tmp_path, size_bytes):
        """On a file system of 24 MiB that is filled by uploads to the last byte."""
        mounted = subprocess.run(
            ["unshare", "-rm", "sh", "-c", f"mount -t tmpfs -o size=1m tmpfs {tmp_path}"], check=False
        )
        if mounted.returncode:
            pytest.skip("nothing can be mounted here")
        script = f'mount -t tmpfs -o size=24m tmpfs {tmp_path} && exec "$@"'
        filled = subprocess.run(
            ["unshare", "-rm", "sh", "-c", script, "-", sys.executable, __file__, tmp_path, str(size_bytes)],
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sys.path))},
        )
        assert filled.returncode == 0, filled.stderr

    @pytest.mark.parametrize("supported", [True, False])
    def test_a_file_system_that_keeps_no_space_free_keeps_nobody_from_storing(
        self, tmp_path, monkeypatch, supported
    ):
        if supported:
            failing(monkeypatch, os, "posix_fallocate", OSError(errno.EOPNOTSUPP, "injected"))
        else:
            monkeypatch.delattr(os, "posix_fallocate")
        storage = Storage(tmp_path, reserve_bytes=3_000_000)
        storage.require_room()
        assert (tmp_path / "reserve").exists() is not supported
        storage.close()

    def test_a_reserve_of_nothing_keeps_nothing(self, tmp_path):
        storage = Storage(tmp_path, reserve_bytes=0)
        storage.require_room()
        storage.close()


def fill_and_empty(root, size_bytes):
    """Fills the disk below ``root`` until the server refuses, then deletes everything through it."""
    with RunningServer(root / "s3", server_config()) as server:
        s3 = client_of(server, "admin")
        s3.create_bucket(Bucket="empty-bucket")
        target = {"Bucket": BUCKET, "Key": "parts"}
        target["UploadId"] = s3.create_multipart_upload(**target)["UploadId"]
        s3.upload_part(**target, PartNumber=1, Body=b"x" * size_bytes)
        count = 0
        while True:
            status = outcome(s3.put_object, Bucket=BUCKET, Key=f"{count}", Body=b"x" * size_bytes)
            if status != 200:
                break
            count += 1
        assert (status, count > 10) == (507, True), (status, count)
        # Somebody else takes what is left.
        with (root / "other").open("wb", buffering=0) as other:
            try:
                while True:
                    other.write(b"x" * 4096)
            except OSError as full:
                assert full.errno == errno.ENOSPC
        assert outcome(s3.abort_multipart_upload, **target) == 204
        assert outcome(s3.delete_bucket, Bucket="empty-bucket") == 204
        several = {"Objects": [{"Key": f"{number}"} for number in range(0, count, 2)]}
        assert outcome(s3.delete_objects, Bucket=BUCKET, Delete=several) == 200
        for number in range(1, count, 2):
            assert outcome(s3.delete_object, Bucket=BUCKET, Key=f"{number}") == 204
        assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)
        (root / "other").unlink()
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"x" * size_bytes)


if __name__ == "__main__":
    fill_and_empty(Path(sys.argv[1]), int(sys.argv[2]))
