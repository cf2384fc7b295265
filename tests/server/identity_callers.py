"""What the tests of IAM and STS share: users with keys, policies, clients."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from s3_callers import client_of

from s3portal.server.testing import RunningServer

ACCOUNT = "000000000000"


def iam_of(server: RunningServer, user: str = "admin") -> Any:
    return client_of(server, user, "iam")


def arn_of(kind: str, name: str, path: str = "/") -> str:
    return f"arn:aws:iam::{ACCOUNT}:{kind}{path}{name}"


def policy(*actions: str, resource: str | Sequence[str] = "*", effect: str = "Allow", **more: Any) -> str:
    """Returns a policy of one statement."""
    statement = {"Effect": effect, "Action": list(actions), "Resource": resource} | more
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def trust(*arns: str, action: str | Sequence[str] = "sts:AssumeRole", **more: Any) -> str:
    """Returns the policy of a role that trusts some."""
    statement = {"Effect": "Allow", "Principal": {"AWS": list(arns)}, "Action": action} | more
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def new_user(iam: Any, name: str, document: str | None = None, **more: Any) -> dict[str, str]:
    """Makes a user with a key, and a policy where it is given one; returns the key as boto3's arguments."""
    iam.create_user(UserName=name, **more)
    if document is not None:
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document)
    return new_key(iam, name)


def new_key(iam: Any, name: str) -> dict[str, str]:
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
