"""A server, and ``s3portal bucket`` as a shell calls it.

Where the environment names another store (tests/shared/foreign_store.py), the commands work there, on buckets
that are made for each test and removed after it; what needs the bundled server's log or faults is skipped.
"""

import contextlib
import inspect
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from bucket_commands import KEY, SECRET, TIME_S, Said
from click.testing import CliRunner
from foreign_store import is_foreign

from s3portal.cli import main
from s3portal.server.testing import RunningServer

EVERYTHING = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
NOT_MUCH = {"Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]}


@dataclass(frozen=True)
class OtherStore:
    """The store that the environment names."""

    endpoint: str

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        pytest.skip(f"needs `{name}` of the bundled server, and another store is tested")


@pytest.fixture(autouse=True)
def _bundled_server_where_it_is_needed(request: pytest.FixtureRequest) -> None:
    wanted = inspect.signature(request.function).parameters
    if is_foreign() and ("server" in wanted or "other_store" in wanted):
        pytest.skip("needs the bundled server, and another store is tested")


@contextlib.contextmanager
def with_files(endpoint: str) -> Iterator[None]:
    """Makes the bucket ``files``, and removes in the end every bucket that was not there before."""
    s3: Any = _of_administrator(boto3.resource, endpoint)
    before = {bucket.name for bucket in s3.buckets.all()}
    assert "files" not in before, f"{endpoint} has a bucket named files already, which tests would remove"
    s3.create_bucket(Bucket="files")
    try:
        yield
    finally:
        for bucket in s3.buckets.all():
            if bucket.name not in before:
                _remove(bucket)


def _remove(bucket: Any) -> None:
    for upload in bucket.multipart_uploads.all():
        upload.abort()
    for version in bucket.object_versions.all():
        try:
            version.delete(BypassGovernanceRetention=True)
        except ClientError:
            bucket.meta.client.put_object_legal_hold(
                Bucket=bucket.name, Key=version.object_key, VersionId=version.id, LegalHold={"Status": "OFF"}
            )
            version.delete(BypassGovernanceRetention=True)
    bucket.delete()


def _of_administrator(make: Callable[..., Any], endpoint: str) -> Any:
    region = os.environ.get("S3PORTAL_TEST_REGION", "us-east-1")
    keys = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET}
    return make("s3", endpoint_url=endpoint, region_name=region, **keys)


@pytest.fixture
def server(tmp_path: Path) -> Any:
    """A server with an administrator, a user who may only list, and the empty bucket ``files``."""
    if is_foreign():
        endpoint = os.environ["S3PORTAL_TEST_ENDPOINT"]
        with with_files(endpoint):
            yield OtherStore(endpoint)
        return
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
    return _of_administrator(boto3.client, server.endpoint)


@pytest.fixture
def our_buckets(client: Any) -> Callable[[], list[str]]:
    """Asks for the names of the buckets that the test has: another store may have more."""

    def names() -> list[str]:
        return [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]

    before = {*names()} - {"files"}
    return lambda: [name for name in names() if name not in before]


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
        yield boto3.client(
            "s3",
            endpoint_url=server.endpoint,
            aws_access_key_id="other-key",
            aws_secret_access_key="other-secret",
            region_name="us-east-1",
        )
