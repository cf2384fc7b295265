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
