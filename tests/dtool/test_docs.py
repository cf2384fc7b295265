"""Every command of docs/dtool.md runs, in the order of the page.

What is not run here: pip, and going on with a copy, which test_interrupt.py does after an interruption.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from s3portal.server.testing import RunningServer

DOCS = Path(__file__).parents[2] / "docs" / "dtool.md"
TEXT = DOCS.read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


@pytest.fixture
def server(tmp_path):
    """A server with the documented key and bucket."""
    user = {
        "name": "olssont",
        "access_key_id": "olssont",
        "secret_access_key": "some-secret-token",
        "policy": {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]},
    }
    with RunningServer(tmp_path / "s3", {"users": [user], "buckets": [{"name": "my-bucket"}]}) as server:
        yield server


@pytest.fixture
def researcher(home, tmp_path, server):
    """A folder with the files that the page speaks of, and the documented settings."""
    (settings,) = [block for block in blocks("json") if "DTOOL_S3_SECRET_ACCESS_KEY" in block]
    config = home / ".config/dtool/dtool.json"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps({**json.loads(settings), "DTOOL_S3_ENDPOINT_my-bucket": server.endpoint}))
    gauges = tmp_path / "work" / "gauges"
    gauges.mkdir(parents=True)
    for name in ("koeln", "basel"):
        (gauges / f"{name}.csv").write_text("1,2\n")
    return tmp_path / "work"


def test_the_documented_commands_run(researcher):
    commands = [line[2:] for block in blocks("console") for line in block.splitlines()]
    assert len(commands) > 25
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(commands)],
        cwd=researcher,
        capture_output=True,
        text=True,
        timeout=600,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONWARNINGS": "ignore",
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All good :)" in done.stdout
    assert "Dataset accessible at" in done.stdout


def test_the_documented_server_starts(tmp_path):
    (script,) = [block for block in blocks("sh") if "s3portal server" in block]
    script = script.replace("~/s3-data", str(tmp_path / "s3-data")).replace("--port 9000", "--port 0")
    command = f"exec {Path(sys.executable).parent}/s3portal server"
    server = subprocess.Popen(
        ["bash", "-euc", script.replace("s3portal server", command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert "http://127.0.0.1:" in server.stdout.readline()
    finally:
        server.terminate()
        server.communicate(timeout=60)


def test_the_documented_python_runs(researcher, monkeypatch, dtool, on_disk):
    monkeypatch.chdir(researcher)
    uri = dtool.ok("cp", "-q", on_disk({"a.csv": b"a", "b.csv": b"b"}), "s3://my-bucket")
    (script,) = blocks("python")
    ran = {}
    exec(re.sub(r"s3://my-bucket/[0-9a-f-]+", uri, script), ran)
    assert ran["first_bytes"] in (b"a", b"b")


@pytest.mark.parametrize("block", blocks("json"))
def test_the_documented_json_is_json(block):
    assert json.loads(block)
