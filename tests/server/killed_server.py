"""A server in a process of its own, to be killed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import boto3
from botocore.config import Config

from s3portal.server.pytest_plugin import server_config
from s3portal.server.storage import buckets, usage
from s3portal.server.storage.storage import Storage


class KilledServer:
    """The server as its own process, to be killed."""

    def __init__(self, folder: Path) -> None:
        self._config = folder / "config.json"
        self._config.write_text(json.dumps(server_config()))
        self.root = folder / "s3"

    def start(self):
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "s3portal.server", "--port", "0"),
                *("--root", str(self.root), "--config", str(self._config)),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        endpoint = self._process.stdout.readline().split()[2].rstrip(",")
        return boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="portal-key",
            aws_secret_access_key="portal-secret",
            config=Config(retries={"total_max_attempts": 1}, max_pool_connections=8, read_timeout=120),
        )

    def kill(self):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


def require_no_leftovers(root):
    """Only blobs that a row knows are in the folder of a server that was killed and started again, and what
    each bucket holds is what was counted. Returns the names of the blobs."""
    storage = Storage(root)
    for bucket in buckets.find_all(storage):
        assert usage.of_bucket(storage, bucket.name) == usage.recounted(storage, bucket.name)
    with storage.database.read() as connection:
        known = {blob for (blob,) in connection.execute("SELECT blob FROM parts WHERE blob IS NOT NULL")}
    storage.close()
    assert files_below(root) == known
    return known


def files_below(root):
    return {
        path.name for folder in ("blobs", "incoming") for path in (root / folder).rglob("*") if path.is_file()
    }
