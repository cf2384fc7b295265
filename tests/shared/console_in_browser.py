"""A console beside a server that holds a little of everything, for browsers to walk through."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from s3portal.console.serving import ConsoleFrontEnd
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer

BUCKET = "test-bucket"
#: One where ACLs count, with one for everybody.
ACL_BUCKET = "shared-levels"
#: The alias of a KMS key: its own id is made.
KEY_ALIAS = "alias/field-data"

_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
            "Action": "sts:AssumeRole",
        }
    ],
}
_READING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}],
}


def client_of(server: RunningServer, service: str = "s3") -> Any:
    """boto3 as the administrator."""
    admin = server.users["admin"]
    return boto3.client(
        service,
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=admin.access_key_id,
        aws_secret_access_key=admin.secret_access_key,
    )


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ConsoleFrontEnd, RunningServer]]:
    """The console and its server, with objects, versions, an unfinished upload, people, and a key."""
    root = tmp_path_factory.mktemp("console") / "s3"
    root.mkdir()
    front_end = ConsoleFrontEnd(root, "127.0.0.1", 0)
    with RunningServer(root, server_config(), front_end=front_end) as server:
        s3, iam, kms = client_of(server), client_of(server, "iam"), client_of(server, "kms")
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        for _ in range(2):
            s3.put_object(Bucket=BUCKET, Key="stations.csv", Body=b"gauge,level\nDresden,3.2\n")
        s3.put_object(Bucket=BUCKET, Key="2026/a.nc", Body=b"x")
        s3.create_multipart_upload(Bucket=BUCKET, Key="half")
        s3.create_bucket(Bucket=ACL_BUCKET, ObjectOwnership="ObjectWriter")
        s3.delete_public_access_block(Bucket=ACL_BUCKET)
        s3.put_bucket_acl(Bucket=ACL_BUCKET, ACL="public-read")
        s3.put_object(Bucket=ACL_BUCKET, Key="levels.csv", Body=b"gauge,level\n", ACL="public-read")
        iam.create_user(UserName="anna")
        iam.create_access_key(UserName="anna")
        iam.create_group(GroupName="hydrologists")
        iam.add_user_to_group(GroupName="hydrologists", UserName="anna")
        iam.create_role(RoleName="harvester", AssumeRolePolicyDocument=json.dumps(_TRUST))
        iam.create_policy(PolicyName="reading", PolicyDocument=json.dumps(_READING))
        key = kms.create_key(Description="Measurements")["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=KEY_ALIAS, TargetKeyId=key)
        yield front_end, server


def sign_in(page: Page, server: RunningServer, name: str = "admin") -> None:
    """Signs a user in, at the form."""
    user = server.users[name]
    page.goto("/ui/sign-in")
    page.get_by_label("Access key ID").fill(user.access_key_id)
    page.get_by_label("Secret access key").fill(user.secret_access_key)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/ui/buckets")


def serious_findings(page: Page) -> list[str]:
    """What axe finds serious or worse on a page, and whether it has one main heading."""
    found = [
        f"{each['id']}: {node['html'][:200]}"
        for each in Axe().run(page).response["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
    headings = page.get_by_role("heading", level=1).count()
    return found + ([] if headings == 1 else [f"{headings} main headings"])
