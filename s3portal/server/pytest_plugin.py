"""Fixtures of the S3 server for pytest; docs/testing.md describes them.

``s3_server`` is fresh for each test. ``s3portal_server`` is one for the whole run, whose state is put back
after each test; ``s3_bucket`` and ``s3_client`` work with it.

Registered as a plugin by the distribution, so any project that has s3portal[server] installed can use it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from s3portal.server.testing import RunningServer

BUCKET = "test-bucket"
ROLE_ARN = "arn:aws:iam::000000000000:role/uploads"


def server_config() -> dict[str, Any]:
    """Returns the configuration of the fixture's server, in the form of the configuration file.

    ``admin`` may do everything, ``portal`` everything with the bucket and AssumeRole of ``uploads``, a role
    with all rights on the bucket's objects, which session policies narrow.
    """
    bucket_arns = [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]
    portal: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": "s3:*", "Resource": bucket_arns},
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ROLE_ARN},
    ]
    return {
        "users": [
            _user("admin", [{"Effect": "Allow", "Action": "*", "Resource": "*"}]),
            _user("portal", portal),
        ],
        "roles": [
            {
                "name": "uploads",
                "trusted": ["portal", "admin"],
                "max_session_s": 43200,
                "policy": _policy([{"Effect": "Allow", "Action": "s3:*", "Resource": bucket_arns}]),
            }
        ],
        "buckets": [
            {
                "name": BUCKET,
                "abort_uploads_after_days": 30,
                "cors": [
                    {
                        "AllowedOrigins": ["http://127.0.0.1:*"],
                        "AllowedMethods": ["GET", "HEAD", "PUT", "POST", "DELETE"],
                        "AllowedHeaders": ["*"],
                        "ExposeHeaders": ["ETag", "x-amz-checksum-crc64nvme", "x-amz-request-id"],
                        "MaxAgeSeconds": 3000,
                    },
                    {
                        "AllowedOrigins": ["*"],
                        "AllowedMethods": ["GET", "HEAD"],
                        "AllowedHeaders": ["Range", "If-Match", "If-None-Match"],
                        "ExposeHeaders": ["Accept-Ranges", "Content-Length", "Content-Range", "ETag"],
                        "MaxAgeSeconds": 3000,
                    },
                ],
            }
        ],
    }


def _user(name: str, statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": name,
        "access_key_id": f"{name}-key",
        "secret_access_key": f"{name}-secret",
        "policy": _policy(statements),
    }


def _policy(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}


@pytest.fixture
def s3_server(tmp_path: Path) -> Iterator[RunningServer]:
    # Imported here: the plugin is loaded in environments that have pytest but not the server's packages.
    from s3portal.server.testing import RunningServer

    with RunningServer(tmp_path / "s3", server_config()) as server:
        yield server


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declares the setting that names the server's configuration."""
    parser.addini(
        "s3portal_config", "the configuration of s3portal_server, JSON or YAML", type="string", default=""
    )


@pytest.fixture(scope="session")
def s3portal_session_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """The server of the whole run. Tests ask for ``s3portal_server``."""
    from s3portal.server.config import read_config_file
    from s3portal.server.testing import RunningServer

    name = request.config.getini("s3portal_config")
    config = read_config_file(request.config.rootpath / name) if name else server_config()
    with RunningServer(tmp_path_factory.mktemp("s3portal") / "s3", config) as server:
        yield server


@pytest.fixture
def s3portal_server(s3portal_session_server: RunningServer) -> Iterator[RunningServer]:
    """A server in the state of its configuration. After the test all is put back: what is stored, the clock,
    the faults, the log of requests."""
    server = s3portal_session_server
    snapshot = server.snapshot()
    try:
        yield server
    finally:
        server.faults.clear()
        server.restore(snapshot)
        snapshot.close()
        server.clock.reset()
        server.requests.clear()


@pytest.fixture
def s3_client(s3portal_server: RunningServer) -> Any:
    """A boto3 client of the server's first user."""
    boto3 = pytest.importorskip("boto3", reason="s3_client needs boto3")
    user = next(iter(s3portal_server.users.values()))
    return boto3.client(
        "s3",
        endpoint_url=s3portal_server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=user.access_key_id,
        aws_secret_access_key=user.secret_access_key,
        # boto3 would presign by version 2 for this region.
        config=pytest.importorskip("botocore.config").Config(signature_version="s3v4"),
    )


@pytest.fixture
def s3_bucket(s3_client: Any) -> str:
    """The name of an empty bucket that the test has for itself."""
    name = f"bucket-{secrets.token_hex(6)}"
    s3_client.create_bucket(Bucket=name)
    return name


@pytest.fixture
def s3_environment(s3portal_server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> RunningServer:
    """Points whatever reads AWS's environment variables at the server, as its first user."""
    user = next(iter(s3portal_server.users.values()))
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3portal_server.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", user.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", user.secret_access_key)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return s3portal_server
