"""The policy of a bucket: what is taken, what is refused with a reason, and which ones are public."""

from __future__ import annotations

import json

import pytest
from s3_callers import BUCKET, client_of, code_of, refusal_of, send

from s3portal.server.bucket_settings import policy

OBJECTS = f"arn:aws:s3:::{BUCKET}/*"
NOBODY = "arn:aws:iam::000000000000:user/portal"


def policy_of(principal="*", action="s3:GetObject", resource=OBJECTS, condition=None, effect="Allow", **more):
    statement = {"Effect": effect, "Principal": principal, "Action": action, "Resource": resource, **more}
    if condition is not None:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def admin(s3_server):
    return client_of(s3_server, "admin")


def test_a_policy_from_put_to_delete(s3_server, admin):
    assert code_of(admin.get_bucket_policy, Bucket=BUCKET) == "NoSuchBucketPolicy"
    assert code_of(admin.get_bucket_policy_status, Bucket=BUCKET) == "NoSuchBucketPolicy"
    admin.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    assert send(s3_server, "GET", f"/{BUCKET}/k")[0] == 403
    text = policy_of()
    admin.put_bucket_policy(Bucket=BUCKET, Policy=text)
    assert admin.get_bucket_policy(Bucket=BUCKET)["Policy"] == text
    assert admin.get_bucket_policy_status(Bucket=BUCKET)["PolicyStatus"] == {"IsPublic": True}
    assert send(s3_server, "GET", f"/{BUCKET}/k")[::2] == (200, b"x")
    admin.delete_bucket_policy(Bucket=BUCKET)
    assert code_of(admin.get_bucket_policy, Bucket=BUCKET) == "NoSuchBucketPolicy"
    assert send(s3_server, "GET", f"/{BUCKET}/k")[0] == 403


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "{",
        "{}",
        '{"Version": "2012-10-17", "Version": "2012-10-17", "Statement": []}',
        policy_of(resource="arn:aws:s3:::another-bucket/*"),
        policy_of(resource=[OBJECTS, "arn:aws:s3:::another-bucket"]),
        policy_of(action="s3:Nothing"),
        policy_of(action="s3:ListBucket"),
        policy_of(principal={"AWS": "nobody"}),
        policy_of(effect="Perhaps"),
        policy_of(condition={"StringMatches": {"s3:prefix": "a"}}),
        policy_of(Sid="x" * (20 * 1024)),
    ],
)
def test_what_is_no_policy_of_this_bucket(admin, text):
    refusal = refusal_of(admin.put_bucket_policy, Bucket=BUCKET, Policy=text)
    assert (refusal.status, refusal.code) == (400, "MalformedPolicy")
    assert refusal.error["Message"]
    assert code_of(admin.get_bucket_policy, Bucket=BUCKET) == "NoSuchBucketPolicy"


ACCOUNT = "000000000000"
NOT_THERE = [
    {"AWS": f"arn:aws:iam::{ACCOUNT}:user/nobody"},
    {"AWS": [NOBODY, f"arn:aws:iam::{ACCOUNT}:user/lab/portal"]},
    {"AWS": f"arn:aws:iam::{ACCOUNT}:role/nothing"},
    {"AWS": f"arn:aws:sts::{ACCOUNT}:assumed-role/nothing/session"},
    {"AWS": "arn:aws:iam::111122223333:user/portal"},
    {"CanonicalUser": "0" * 64},
]


@pytest.mark.parametrize("principal", NOT_THERE)
@pytest.mark.parametrize("element", ["Principal", "NotPrincipal"])
def test_those_whom_a_policy_names_exist(admin, principal, element):
    statement = {"Effect": "Deny", element: principal, "Action": "s3:GetObject", "Resource": OBJECTS}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    refusal = refusal_of(admin.put_bucket_policy, Bucket=BUCKET, Policy=text)
    assert (refusal.status, refusal.code) == (400, "MalformedPolicy")
    assert refusal.error["Message"].startswith("statement 1: Invalid principal in policy: ")
    assert code_of(admin.get_bucket_policy, Bucket=BUCKET) == "NoSuchBucketPolicy"


def test_users_and_roles_of_the_database_exist_until_they_are_deleted(s3_server, admin):
    iam = client_of(s3_server, "admin", service="iam")
    iam.create_user(UserName="anna", Path="/lab/")
    trust = {"Effect": "Allow", "Principal": {"AWS": NOBODY}, "Action": "sts:AssumeRole"}
    iam.create_role(
        RoleName="press", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": trust})
    )
    names = {
        "AWS": [
            f"arn:aws:iam::{ACCOUNT}:user/lab/anna",
            f"arn:aws:iam::{ACCOUNT}:role/press",
            # Sessions and federated users come and go; of accounts elsewhere nothing is known here.
            f"arn:aws:sts::{ACCOUNT}:assumed-role/press/not-begun",
            f"arn:aws:sts::{ACCOUNT}:federated-user/somebody",
            "111122223333",
            "arn:aws:iam::111122223333:root",
        ],
        "CanonicalUser": admin.list_buckets()["Owner"]["ID"],
    }
    text = policy_of(principal=names)
    admin.put_bucket_policy(Bucket=BUCKET, Policy=text)
    iam.delete_user(UserName="anna")
    # What is stored stays, with the unique id of who is gone; it cannot be put like this again.
    kept = json.loads(admin.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"][0]["Principal"]
    assert kept["AWS"][0].startswith("AIDA") and kept["AWS"][1:] == names["AWS"][1:]
    assert code_of(admin.put_bucket_policy, Bucket=BUCKET, Policy=text) == "MalformedPolicy"


def test_a_public_policy_where_those_are_blocked(admin):
    admin.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration={"BlockPublicPolicy": True})
    refusal = refusal_of(admin.put_bucket_policy, Bucket=BUCKET, Policy=policy_of())
    assert (refusal.status, refusal.code) == (403, "AccessDenied")
    admin.put_bucket_policy(Bucket=BUCKET, Policy=policy_of(principal={"AWS": NOBODY}))
    assert admin.get_bucket_policy_status(Bucket=BUCKET)["PolicyStatus"] == {"IsPublic": False}


PUBLIC = [
    policy_of(),
    policy_of(principal={"AWS": "*"}),
    policy_of(principal={"AWS": [NOBODY, "*"]}),
    policy_of(condition={"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}),
    policy_of(condition={"IpAddress": {"aws:SourceIp": ["192.0.2.0/24", "10.0.0.0/7"]}}),
    policy_of(condition={"IpAddress": {"aws:SourceIp": "::/0"}}),
    policy_of(condition={"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}),
    policy_of(condition={"StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/portal"}}),
    policy_of(condition={"StringEqualsIfExists": {"aws:SourceVpc": "vpc-91237329"}}),
    policy_of(condition={"StringNotEquals": {"aws:SourceVpc": "vpc-91237329"}}),
    policy_of(condition={"StringEquals": {"aws:Referer": "https://example.org/"}}),
    policy_of(condition={"Bool": {"aws:SecureTransport": "true"}}),
]
NOT_PUBLIC = [
    policy_of(effect="Deny"),
    policy_of(principal={"AWS": NOBODY}),
    policy_of(principal={"AWS": ["000000000000", NOBODY]}),
    policy_of(condition={"IpAddress": {"aws:SourceIp": ["192.0.2.0/24", "10.0.0.0/8"]}}),
    policy_of(condition={"StringEquals": {"aws:SourceVpc": "vpc-91237329"}}),
    policy_of(condition={"StringLike": {"aws:PrincipalArn": NOBODY}}),
    policy_of(
        condition={
            "StringEquals": {"aws:PrincipalAccount": "000000000000"},
            "Bool": {"aws:SecureTransport": "true"},
        }
    ),
]


@pytest.mark.parametrize("text", PUBLIC)
def test_policies_that_aws_calls_public(text):
    assert policy.is_public(text)


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_policies_that_name_who_may_come(text):
    assert not policy.is_public(text)


def test_the_public_statement_may_be_any(admin):
    closed, opened = (json.loads(text)["Statement"][0] for text in (NOT_PUBLIC[1], PUBLIC[0]))
    assert policy.is_public(json.dumps({"Statement": [closed, opened]}))
    assert policy.is_public(json.dumps({"Statement": opened}))
