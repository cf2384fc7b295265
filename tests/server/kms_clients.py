"""A server with keys, its clients, and callers with rights of their own."""

from __future__ import annotations

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from s3portal.server.testing import RunningServer

ACCOUNT = "000000000000"
OTHER_ACCOUNT = "111111111111"


def client_of(server, name, service="kms"):
    user = server.users[name]
    return boto3.client(
        service,
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=user.access_key_id,
        aws_secret_access_key=user.secret_access_key,
        config=Config(retries={"max_attempts": 1}, parameter_validation=False),
    )


def user(name, *statements, account=None):
    found = {
        "name": name,
        "access_key_id": f"{name}-key",
        "secret_access_key": f"{name}-secret",
        "policy": {"Version": "2012-10-17", "Statement": list(statements)},
    }
    return found | ({"account": account} if account else {})


def allow(action, resource="*"):
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def config():
    """``admin`` may do everything, ``keeper`` everything with keys, ``writer`` everything with S3 and nothing
    with keys, ``stranger`` everything in another account."""
    return {
        "accounts": [{"id": OTHER_ACCOUNT, "name": "other"}],
        "users": [
            user("admin", allow("*")),
            user("keeper", allow("kms:*")),
            user("writer", allow("s3:*")),
            user("stranger", allow("*"), account=OTHER_ACCOUNT),
        ],
        "buckets": [{"name": "test-bucket"}],
    }


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The folder of the module's server."""
    return tmp_path_factory.mktemp("kms") / "s3"


@pytest.fixture(scope="module")
def whole_server(root):
    with RunningServer(root, config()) as server:
        yield server


@pytest.fixture
def server(whole_server):
    """The module's server, as it was at first before each test."""
    snapshot = whole_server.snapshot()
    yield whole_server
    whole_server.restore(snapshot)
    snapshot.close()


def code_of(call, **arguments):
    """The status and the code that a call is refused with."""
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    error = refused.value.response
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]


def arn_of(name, account=ACCOUNT):
    return f"arn:aws:iam::{account}:user/{name}"
