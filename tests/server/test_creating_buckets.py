"""CreateBucket with all that it can say, and the list of buckets in pages."""

from __future__ import annotations

import boto3
import pytest
from s3_callers import BUCKET, client_of, code_of, refusal_of, send, signed_headers

from s3portal.server.pytest_plugin import server_config
from s3portal.server.storage import buckets
from s3portal.server.storage.storage import Storage
from s3portal.server.testing import RunningServer
from s3portal.server.wire.s3_request import valid_bucket_name


@pytest.fixture
def admin(s3_server):
    return client_of(s3_server, "admin")


@pytest.mark.parametrize("ending", ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"])
def test_endings_that_s3_keeps_for_itself(ending):
    assert not valid_bucket_name(f"rivers{ending}")
    assert valid_bucket_name(f"rivers{ending}s")


@pytest.mark.parametrize("constraint", ["EU_WEST", "eu west 1", "../x", "x" * 200])
def test_a_location_that_is_no_region(admin, constraint):
    there = {"LocationConstraint": constraint}
    refusal = refusal_of(admin.create_bucket, Bucket="rivers", CreateBucketConfiguration=there)
    assert (refusal.status, refusal.code) == (400, "InvalidLocationConstraint")
    assert code_of(admin.head_bucket, Bucket="rivers") == "404"


def test_a_server_of_any_region_keeps_the_location(admin):
    there = {"LocationConstraint": "eu-west-1"}
    admin.create_bucket(Bucket="rivers", CreateBucketConfiguration=there)
    assert admin.get_bucket_location(Bucket="rivers")["LocationConstraint"] == "eu-west-1"
    headers = admin.head_bucket(Bucket="rivers")["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amz-bucket-region"] == "eu-west-1"
    assert headers["x-amz-access-point-alias"] == "false"


def test_a_bucket_of_ones_own_again_and_of_somebody_else(tmp_path):
    config = server_config() | {"region": "eu-central-1", "accounts": [{"id": "111122223333"}]}
    config["users"].append(
        {**config["users"][0], "name": "other", "access_key_id": "other-key", "account": "111122223333"}
    )
    with RunningServer(tmp_path / "s3", config) as server:
        admin, other = (
            boto3.client(
                "s3",
                endpoint_url=server.endpoint,
                region_name="eu-central-1",
                aws_access_key_id=server.users[name].access_key_id,
                aws_secret_access_key=server.users[name].secret_access_key,
            )
            for name in ("admin", "other")
        )
        there = {"LocationConstraint": "eu-central-1"}
        again = refusal_of(admin.create_bucket, Bucket=BUCKET, CreateBucketConfiguration=there)
        assert (again.status, again.code) == (409, "BucketAlreadyOwnedByYou")
        taken = refusal_of(other.create_bucket, Bucket=BUCKET, CreateBucketConfiguration=there)
        assert (taken.status, taken.code) == (409, "BucketAlreadyExists")
        assert BUCKET not in [bucket["Name"] for bucket in other.list_buckets()["Buckets"]]


def test_in_us_east_1_a_bucket_again_puts_its_acl_back(admin):
    admin.create_bucket(Bucket="rivers", ObjectOwnership="ObjectWriter", ACL="public-read")
    assert len(admin.get_bucket_acl(Bucket="rivers")["Grants"]) == 2
    admin.create_bucket(Bucket="rivers", ObjectOwnership="ObjectWriter")
    assert len(admin.get_bucket_acl(Bucket="rivers")["Grants"]) == 1


def test_new_buckets_have_acls_disabled(admin):
    admin.create_bucket(Bucket="rivers")
    rules = admin.get_bucket_ownership_controls(Bucket="rivers")["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    rules = admin.get_bucket_ownership_controls(Bucket=BUCKET)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    refusal = refusal_of(admin.create_bucket, Bucket="lakes", ACL="public-read")
    assert (refusal.status, refusal.code) == (400, "InvalidBucketAclWithObjectOwnership")
    assert code_of(admin.create_bucket, Bucket="lakes", ObjectOwnership="Nobody") == "InvalidArgument"
    assert code_of(admin.head_bucket, Bucket="lakes") == "404"


def test_tags_at_creation(admin):
    tags = [{"Key": "project", "Value": "Flüsse"}, {"Key": "cost", "Value": ""}]
    admin.create_bucket(Bucket="rivers", CreateBucketConfiguration={"Tags": tags})
    assert admin.get_bucket_tagging(Bucket="rivers")["TagSet"] == tags


def test_object_lock_at_creation_turns_versioning_on(s3_server, admin, tmp_path):
    admin.create_bucket(Bucket="rivers", ObjectLockEnabledForBucket=True)
    s3_server.stop()
    storage = Storage(tmp_path / "s3")
    settings = buckets.find(storage, "rivers").settings
    storage.close()
    assert (settings["versioning"], settings["object-lock"]) == ("Enabled", "{}")


def test_a_directory_bucket_is_not_offered(s3_server):
    body = b"<CreateBucketConfiguration><Bucket><Type>Directory</Type></Bucket></CreateBucketConfiguration>"
    headers = signed_headers(s3_server, "PUT", s3_server.endpoint + "/rivers", body=body, user="admin")
    status, _, answer = send(s3_server, "PUT", "/rivers", headers, body)
    assert (status, b"<Code>NotImplemented</Code>" in answer) == (501, True)


def limited_server(tmp_path, *actions):
    config = server_config()
    statement = {"Effect": "Allow", "Action": ["s3:CreateBucket", *actions], "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    config["users"].append(
        {"name": "maker", "access_key_id": "maker-key", "secret_access_key": "maker-secret", "policy": policy}
    )
    return RunningServer(tmp_path / "s3", config)


@pytest.mark.parametrize(
    ("asked", "actions"),
    [
        (
            {"ACL": "public-read", "ObjectOwnership": "ObjectWriter"},
            ("s3:PutBucketAcl", "s3:PutBucketOwnershipControls"),
        ),
        ({"ObjectOwnership": "ObjectWriter"}, ("s3:PutBucketOwnershipControls",)),
        ({"CreateBucketConfiguration": {"Tags": [{"Key": "a", "Value": "b"}]}}, ("s3:TagResource",)),
        (
            {"ObjectLockEnabledForBucket": True},
            ("s3:PutBucketObjectLockConfiguration", "s3:PutBucketVersioning"),
        ),
    ],
)
def test_what_a_bucket_begins_with_needs_its_own_permission(tmp_path, asked, actions):
    with limited_server(tmp_path / "without", *actions[1:]) as server:
        maker = client_of(server, "maker")
        maker.create_bucket(Bucket="plain", ACL="private")
        assert code_of(maker.create_bucket, Bucket="rivers", **asked) == "AccessDenied"
    with limited_server(tmp_path / "with", *actions) as server:
        client_of(server, "maker").create_bucket(Bucket="rivers", **asked)


def test_the_list_in_pages(admin):
    names = [f"pages-{number:02d}" for number in range(7)]
    for name in names:
        admin.create_bucket(Bucket=name)
    pages = admin.get_paginator("list_buckets").paginate(Prefix="pages-", PaginationConfig={"PageSize": 3})
    found = [[bucket["Name"] for bucket in page["Buckets"]] for page in pages]
    assert found == [names[:3], names[3:6], names[6:]]
    page = admin.list_buckets(MaxBuckets=1, Prefix="pages-")
    assert page["Prefix"] == "pages-"
    assert page["Buckets"][0]["BucketRegion"] == "us-east-1"
    plain = admin.list_buckets()
    assert "ContinuationToken" not in plain
    assert "BucketRegion" not in plain["Buckets"][0]


def test_the_list_of_one_region(admin):
    admin.create_bucket(Bucket="rivers", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert [b["Name"] for b in admin.list_buckets(BucketRegion="eu-west-1")["Buckets"]] == ["rivers"]
    assert [b["Name"] for b in admin.list_buckets(BucketRegion="us-east-1")["Buckets"]] == [BUCKET]


@pytest.mark.parametrize(
    "query",
    [
        "max-buckets=0",
        "max-buckets=10001",
        "max-buckets=x",
        "continuation-token=%2A",
        "continuation-token=_w%3D%3D",
    ],
)
def test_a_page_that_makes_no_sense(s3_server, query):
    path = f"/?{query}"
    headers = signed_headers(s3_server, "GET", s3_server.endpoint + path, user="admin")
    status, _, body = send(s3_server, "GET", path, headers)
    assert (status, b"<Code>InvalidArgument</Code>" in body) == (400, True)
