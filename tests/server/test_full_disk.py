"""A disk that is full: deletions work, and nothing else is lost."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from failing_steps import failing
from s3_callers import BUCKET, MIB, code_of, refusal_of

from s3portal.server.storage import storage as storages
from s3portal.server.storage.database import Database
from s3portal.server.storage.storage import Storage
from s3portal.server.wire.errors import S3Error

FILL_AND_EMPTY = Path(__file__).with_name("fill_and_empty.py")


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

    @pytest.mark.parametrize("written", ["16000", "1000000", "everything"])
    def test_a_disk_that_is_really_full_can_be_emptied_by_its_server(self, tmp_path, written):
        """On a file system of 24 MiB that is filled by uploads to the last byte."""
        mounted = subprocess.run(
            ["unshare", "-rm", "sh", "-c", f"mount -t tmpfs -o size=1m tmpfs {tmp_path}"], check=False
        )
        if mounted.returncode:
            pytest.skip("nothing can be mounted here")
        script = f'mount -t tmpfs -o size=24m tmpfs {tmp_path} && exec "$@"'
        filled = subprocess.run(
            [
                "unshare",
                "-rm",
                "sh",
                "-c",
                script,
                "-",
                sys.executable,
                FILL_AND_EMPTY,
                tmp_path,
                written,
            ],
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
