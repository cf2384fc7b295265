"""A server in processes of its own, to be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import boto3
from botocore.config import Config
from bucket_marks import TARGET

from s3portal.server.pytest_plugin import server_config
from s3portal.server.storage import buckets, usage
from s3portal.server.storage.storage import Storage


class KilledServer:
    """The server as its own process, or several, to be killed.

    ``script`` is run in place of ``python -m s3portal.server``; it lies beside this file.
    """

    def __init__(self, folder: Path, *, workers: int = 1, script: str | None = None) -> None:
        # Nothing is sent to the target: no test's bucket tells it anything.
        target = {"name": TARGET, "url": "http://127.0.0.1:9/"}
        self._config = folder / "config.json"
        self._config.write_text(json.dumps({**server_config(), "notification_targets": [target]}))
        self.root = folder / "s3"
        program = [str(Path(__file__).with_name(script))] if script else ["-m", "s3portal.server"]
        self._command = [
            *(sys.executable, *program, "--port", "0", "--workers", str(workers)),
            *("--root", str(self.root), "--config", str(self._config)),
        ]

    def start(self, user="portal"):
        """Returns a client of a user, once the server answers."""
        self._begin()
        endpoint = self._process.stdout.readline().split()[2].rstrip(",")
        return boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id=f"{user}-key",
            aws_secret_access_key=f"{user}-secret",
            config=Config(
                retries={"total_max_attempts": 1},
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                max_pool_connections=8,
                read_timeout=120,
            ),
        )

    def _begin(self):
        # A group of its own, to be killed as one.
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, text=True, start_new_session=True
        )

    def kill_while_starting(self, after_s):
        """Starts a server that does not get far."""
        self._begin()
        try:
            self._process.wait(after_s)
        except subprocess.TimeoutExpired:
            self.kill()
        else:
            raise AssertionError("the server ended by itself")

    def kill(self, victim="all"):
        """Kills ``all`` processes, the ``supervisor`` alone, whose workers then end, or one ``worker``.

        What is dead already may be killed again."""
        if self._process.returncode is not None:
            return
        if victim == "worker":
            os.kill(min(self._workers()), signal.SIGKILL)
            return
        if victim == "all":
            os.killpg(self._process.pid, signal.SIGKILL)
        else:
            self._process.kill()
        self._process.wait()
        # Its end comes when the last worker has ended.
        self._process.stdout.read()
        self._process.stdout.close()

    def kill_under(self, writers, once):
        """Starts threads that write until the server is gone, and kills it ``once`` an event is set."""
        for writer in writers:
            writer.start()
        assert once.wait(timeout=300)
        self.kill()
        for writer in writers:
            writer.join()

    def _workers(self):
        pid = self._process.pid
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def require_no_leftovers(root):
    """Only blobs that a row knows are in the folder of a server that was killed and started again, and what
    each bucket holds is what was counted. Returns the names of the blobs."""
    storage = Storage(root)
    for bucket in buckets.find_all(storage):
        assert usage.of_bucket(storage, bucket.name) == usage.recounted(storage, bucket.name)
    with storage.database.snapshot() as connection:
        counted, right = usage.users_in(connection), usage.recounted_users_in(connection)
    assert _something(counted) == _something(right)
    with storage.database.read() as connection:
        known = {blob for (blob,) in connection.execute("SELECT blob FROM parts WHERE blob IS NOT NULL")}
    storage.close()
    assert files_below(root) == known
    return known


def _something(counted):
    return {writer: found for writer, found in counted.items() if found != usage.NOTHING}


def files_below(root):
    return {
        path.name for folder in ("blobs", "incoming") for path in (root / folder).rglob("*") if path.is_file()
    }
