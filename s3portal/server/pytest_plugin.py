"""The pytest fixture ``s3_server``: a server with users, a role and a bucket, fresh for each test.

Registered as a plugin by the distribution, so any project that has s3portal[server] installed can use it.
"""

from __future__ import annotations

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
                    }
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
