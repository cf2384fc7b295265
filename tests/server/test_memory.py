"""Memory stays the same however large the object is."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from s3_callers import BUCKET, MIB

from s3portal.server.pytest_plugin import server_config

SIZE = 256 * MIB


def memory_of(process, name):
    """Returns a line of the process's status in bytes: VmRSS is now, VmHWM was the most ever."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_large_object_in_and_out_costs_no_memory(tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps(server_config()))
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "s3portal.server", "--port", "0"),
            *("--root", str(tmp_path / "s3"), "--config", str(config)),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        endpoint = process.stdout.readline().split()[2].rstrip(",")
        s3 = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="portal-key",
            aws_secret_access_key="portal-secret",
            config=Config(signature_version="s3v4"),
        )
        s3.put_object(Bucket=BUCKET, Key="warm", Body=b"x" * MIB)
        before = memory_of(process, "VmRSS")
        target = {"Bucket": BUCKET, "Key": "large"}
        connection = http.client.HTTPConnection(urlsplit(endpoint).netloc)
        chunks = (b"x" * MIB for _ in range(SIZE // MIB))
        put = s3.generate_presigned_url("put_object", target).removeprefix(endpoint)
        connection.request("PUT", put, chunks, {"Content-Length": str(SIZE)})
        assert connection.getresponse().read() == b""
        connection.request("GET", s3.generate_presigned_url("get_object", target).removeprefix(endpoint))
        answer, received = connection.getresponse(), 0
        while chunk := answer.read(MIB):
            received += len(chunk)
        assert received == SIZE
        s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=target)
        # A refused upload is drained, not gathered.
        refused = s3.generate_presigned_url("put_object", target | {"IfNoneMatch": "*"})
        connection.request("PUT", refused.removeprefix(endpoint), b"x" * 60 * MIB, {"If-None-Match": "*"})
        assert connection.getresponse().status == 412
        assert memory_of(process, "VmHWM") - before < 24 * MIB
    finally:
        process.kill()
        process.communicate()
