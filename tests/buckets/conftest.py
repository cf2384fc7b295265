"""A server, and ``s3portal bucket`` as a shell calls it."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bucket_commands import TIME_S, Said
from click.testing import CliRunner

from s3portal.cli import main
from s3portal.server.testing import RunningServer

KEY, SECRET = "admin-key", "admin-secret-of-tests"
EVERYTHING = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
NOT_MUCH = {"Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]}


@pytest.fixture
def server(tmp_path: Path) -> Any:
    """A server with an administrator, a user who may only list, and the empty bucket ``files``."""
    config = {
        "users": [
            {"name": "admin", "access_key_id": KEY, "secret_access_key": SECRET, "policy": EVERYTHING},
            {
                "name": "reader",
                "access_key_id": "reader-key",
                "secret_access_key": SECRET,
                "policy": NOT_MUCH,
            },
        ],
        "buckets": [{"name": "files"}],
    }
    with RunningServer(tmp_path / "s3", config) as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Any:
    """boto3's client of the administrator: the witness of what the commands did."""
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
    )


@pytest.fixture
def s3portal(server: RunningServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Said]:
    """Runs ``s3portal …`` with the administrator's keys in the environment, where nothing else is set up."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws-credentials"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def run(*arguments: object, typed: str | None = None) -> Said:
        result = CliRunner().invoke(main, [str(word) for word in arguments], input=typed)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Said(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def json_lines(s3portal: Callable[..., Said]) -> Callable[..., list[dict[str, Any]]]:
    """Runs a command with ``--json`` and reads its lines."""

    def run(*arguments: object) -> list[dict[str, Any]]:
        return [json.loads(line) for line in s3portal(*arguments, "--json").out.splitlines()]

    return run


@pytest.fixture
def folder(tmp_path):
    """Forty files in folders whose names sort differently as folders and as keys."""
    root = tmp_path / "source"
    for number in range(40):
        path = root / ("a-b" if number % 3 else "a") / f"{number:02}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d," % number * 100)
        os.utime(path, (TIME_S, TIME_S))
    (root / "a.txt").write_bytes(b"")
    (root / "ä ö+%&.txt").write_bytes(b"x")
    return root


@pytest.fixture
def other_store(tmp_path, monkeypatch):
    """Another server, with keys of its own in a profile."""
    config = {
        "users": [
            {
                "name": "other",
                "access_key_id": "other-key",
                "secret_access_key": "other-secret",
                "policy": {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]},
            }
        ],
        "buckets": [{"name": "elsewhere"}],
    }
    with RunningServer(tmp_path / "other", config) as server:
        (tmp_path / "aws-config").write_text(
            f"[profile other]\nendpoint_url = {server.endpoint}\nregion = us-east-1\n"
        )
        (tmp_path / "aws-credentials").write_text(
            "[other]\naws_access_key_id = other-key\naws_secret_access_key = other-secret\n"
        )
        import boto3

        yield boto3.client(
            "s3",
            endpoint_url=server.endpoint,
            aws_access_key_id="other-key",
            aws_secret_access_key="other-secret",
            region_name="us-east-1",
        )
