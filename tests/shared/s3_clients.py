"""boto3 clients of a server's users, for tests that are not the server's own."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

from s3portal.server.testing import RunningServer


def client_for(server: RunningServer, user: str, service: str = "s3") -> Any:
    """Returns a client of a configured user, which does not try again."""
    return boto3.client(
        service,
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=server.users[user].access_key_id,
        aws_secret_access_key=server.users[user].secret_access_key,
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )
