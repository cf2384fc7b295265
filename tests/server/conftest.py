"""What the server's tests share: clients of each user, and the server's own words for errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config

from s3portal.server.testing import RunningServer

BUCKET = "test-bucket"
MIB = 1024 * 1024


def client_of(server: RunningServer, user: str = "portal", service: str = "s3", **keys: str) -> Any:
    """Returns a boto3 client that does not try again: a test wants the first answer."""
    return boto3.client(
        service,
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        config=Config(
            signature_version="s3v4" if service == "s3" else None,
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
        ),
        **(
            keys
            or {
                "aws_access_key_id": server.users[user].access_key_id,
                "aws_secret_access_key": server.users[user].secret_access_key,
            }
        ),
    )


@pytest.fixture
def s3(s3_server: RunningServer) -> Any:
    return client_of(s3_server)


@pytest.fixture
def client(s3_server: RunningServer) -> Callable[..., Any]:
    return lambda *args, **keys: client_of(s3_server, *args, **keys)
