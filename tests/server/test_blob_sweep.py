"""Blobs without a row are removed, and no others."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

from failing_steps import blobs_below, failing
from s3_callers import BUCKET, MIB, client_of, code_of
from waiting import wait_until

from s3portal.server.pytest_plugin import server_config
from s3portal.server.storage.storage import Storage
from s3portal.server.testing import RunningServer


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
