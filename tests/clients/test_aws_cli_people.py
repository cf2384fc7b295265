"""aws-cli's iam, sts and kms: users, roles, sessions and keys as its users make them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from s3portal.server.testing import RunningServer

Aws = Callable[..., Any]


@pytest.fixture
def environment(environment: Mapping[str, str], server: RunningServer) -> dict[str, str]:
    services = {f"AWS_ENDPOINT_URL_{name}": server.endpoint for name in ("IAM", "STS", "KMS")}
    return {**environment, **services}


@pytest.fixture
def aws(run: Callable[..., str], commands: Path) -> Aws:
    """Runs a command, and returns what its JSON says; None where it says nothing."""

    def run_aws(*words: object, exit_code: int = 0) -> Any:
        said = run(commands / "aws", *words, exit_code=exit_code)
        return json.loads(said) if said.strip() else None

    return run_aws


@pytest.fixture
def become(environment: dict[str, str]) -> Callable[[Mapping[str, str]], None]:
    """The commands that follow use another key: an access key, or a session's credentials."""

    def use(key: Mapping[str, str]) -> None:
        environment["AWS_ACCESS_KEY_ID"] = key["AccessKeyId"]
        environment["AWS_SECRET_ACCESS_KEY"] = key["SecretAccessKey"]
        environment.pop("AWS_SESSION_TOKEN", None)
        if "SessionToken" in key:
            environment["AWS_SESSION_TOKEN"] = key["SessionToken"]

    return use


def _allowing(action: str, resource: str = "*") -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_user_of_a_group_may_what_its_policies_allow(aws: Aws, become, files) -> None:
    aws("s3api", "create-bucket", "--bucket", "people-reads")
    aws("s3api", "put-object", "--bucket", "people-reads", "--key", "k", "--body", files.small)
    user = aws("iam", "create-user", "--user-name", "reader", "--path", "/field/")["User"]
    assert user["Arn"].endswith(":user/field/reader")
    aws("iam", "create-group", "--group-name", "readers")
    aws("iam", "add-user-to-group", "--group-name", "readers", "--user-name", "reader")
    document = _allowing("s3:GetObject", "arn:aws:s3:::people-reads/*")
    made = aws("iam", "create-policy", "--policy-name", "reads", "--policy-document", document)["Policy"]
    aws("iam", "attach-group-policy", "--group-name", "readers", "--policy-arn", made["Arn"])
    simulated = aws(
        *("iam", "simulate-principal-policy", "--policy-source-arn", user["Arn"]),
        *("--action-names", "s3:GetObject", "s3:PutObject"),
        *("--resource-arns", "arn:aws:s3:::people-reads/k"),
    )
    decisions = [result["EvalDecision"] for result in simulated["EvaluationResults"]]
    assert decisions == ["allowed", "implicitDeny"]

    key = aws("iam", "create-access-key", "--user-name", "reader")["AccessKey"]
    become(key)
    assert aws("sts", "get-caller-identity")["Arn"] == user["Arn"]
    aws("s3api", "get-object", "--bucket", "people-reads", "--key", "k", "read.csv")
    aws(
        *("s3api", "put-object", "--bucket", "people-reads", "--key", "k", "--body", files.small),
        exit_code=255,
    )


def test_a_key_that_is_off_opens_nothing(aws: Aws, become, server: RunningServer) -> None:
    aws("iam", "create-user", "--user-name", "rotating")
    listing = _allowing("s3:ListAllMyBuckets")
    aws(
        *("iam", "put-user-policy", "--user-name", "rotating", "--policy-name", "lists"),
        *("--policy-document", listing),
    )
    key = aws("iam", "create-access-key", "--user-name", "rotating")["AccessKey"]
    named = ("--user-name", "rotating", "--access-key-id", key["AccessKeyId"])
    become(key)
    aws("s3api", "list-buckets")
    admin = server.users["admin"]
    become({"AccessKeyId": admin.access_key_id, "SecretAccessKey": admin.secret_access_key})
    assert (
        aws("iam", "get-access-key-last-used", "--access-key-id", key["AccessKeyId"])["UserName"]
        == "rotating"
    )
    aws("iam", "update-access-key", *named, "--status", "Inactive")
    become(key)
    aws("s3api", "list-buckets", exit_code=255)


def test_a_role_is_assumed_for_less_than_it_may(aws: Aws, become, files) -> None:
    aws("s3api", "create-bucket", "--bucket", "people-roles")
    own = aws("sts", "get-caller-identity")
    trust = {"Effect": "Allow", "Principal": {"AWS": own["Arn"]}, "Action": "sts:AssumeRole"}
    role = aws(
        *("iam", "create-role", "--role-name", "field", "--assume-role-policy-document"),
        json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )["Role"]
    aws(
        *("iam", "put-role-policy", "--role-name", "field", "--policy-name", "all"),
        *("--policy-document", _allowing("s3:*", "arn:aws:s3:::people-roles*")),
    )
    session = aws(
        *("sts", "assume-role", "--role-arn", role["Arn"], "--role-session-name", "field-7"),
        *("--policy", _allowing("s3:PutObject", "arn:aws:s3:::people-roles/in/*")),
    )
    become(session["Credentials"])
    assert aws("sts", "get-caller-identity")["Arn"].endswith(":assumed-role/field/field-7")
    put = ("s3api", "put-object", "--bucket", "people-roles", "--body", files.small, "--key")
    aws(*put, "in/k")
    aws(*put, "out/k", exit_code=255)


def test_a_key_of_the_key_management_encrypts_and_decrypts(aws: Aws, files) -> None:
    key = aws("kms", "create-key", "--description", "levels")["KeyMetadata"]
    aws("kms", "create-alias", "--alias-name", "alias/levels", "--target-key-id", key["KeyId"])
    secret = base64.b64encode(b"the level is 4 m").decode()
    # Version 1 of aws-cli takes bytes as they are, version 2 as base64, unless it is told.
    sealed = aws("kms", "encrypt", "--key-id", "alias/levels", "--plaintext", secret)["CiphertextBlob"]
    Path(files.folder.parent / "sealed").write_bytes(base64.b64decode(sealed))
    opened = aws("kms", "decrypt", "--ciphertext-blob", f"fileb://{files.folder.parent / 'sealed'}")
    assert secret in (opened["Plaintext"], base64.b64decode(opened["Plaintext"]).decode())

    aws("s3api", "create-bucket", "--bucket", "people-keys")
    stored = ("--bucket", "people-keys", "--key", "k")
    aws(
        *("s3api", "put-object", *stored, "--body", files.small),
        *("--server-side-encryption", "aws:kms", "--ssekms-key-id", "alias/levels"),
    )
    assert aws("s3api", "head-object", *stored)["ServerSideEncryption"] == "aws:kms"
    aws("kms", "disable-key", "--key-id", key["KeyId"])
    aws("s3api", "get-object", *stored, "read.csv", exit_code=255)
    aws("kms", "enable-key", "--key-id", key["KeyId"])
    aws("s3api", "get-object", *stored, "read.csv")
