"""Buckets: made, listed, deleted; named by S3's rules; addressed by path or by host."""

from __future__ import annotations

import pytest
from s3_callers import BUCKET, MIB, client_of, code_of, refusal_of, send, signed_headers, signed_send

from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer
from s3portal.server.wire.s3_request import valid_bucket_name


@pytest.fixture
def admin(s3_server):
    return client_of(s3_server, "admin")


def test_a_bucket_from_creation_to_deletion(admin):
    admin.create_bucket(Bucket="new-bucket")
    assert [bucket["Name"] for bucket in admin.list_buckets()["Buckets"]] == ["new-bucket", BUCKET]
    admin.head_bucket(Bucket="new-bucket")
    admin.put_object(Bucket="new-bucket", Key="k", Body=b"x")
    refusal = refusal_of(admin.delete_bucket, Bucket="new-bucket")
    assert (refusal.status, refusal.code) == (409, "BucketNotEmpty")
    admin.delete_object(Bucket="new-bucket", Key="k")
    admin.delete_bucket(Bucket="new-bucket")
    assert refusal_of(admin.head_bucket, Bucket="new-bucket").status == 404


def test_creating_a_bucket_again_is_harmless(admin):
    admin.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    assert admin.create_bucket(Bucket=BUCKET)["ResponseMetadata"]["HTTPStatusCode"] == 200
    admin.head_object(Bucket=BUCKET, Key="k")


def test_deleting_a_bucket_takes_its_unfinished_uploads_along(admin, tmp_path):
    admin.create_bucket(Bucket="new-bucket")
    target = {"Bucket": "new-bucket", "Key": "k"}
    upload_id = admin.create_multipart_upload(**target)["UploadId"]
    admin.upload_part(**target, UploadId=upload_id, PartNumber=1, Body=b"x" * MIB)
    admin.delete_bucket(Bucket="new-bucket")
    assert [path for path in (tmp_path / "s3" / "blobs").rglob("*") if path.is_file()] == []
    assert code_of(admin.list_parts, **target, UploadId=upload_id) == "NoSuchBucket"


@pytest.mark.parametrize("name", ["abc", "a.b-c", "0" * 63, "my.bucket.example.org"])
def test_allowed_names(name):
    assert valid_bucket_name(name)


@pytest.mark.parametrize(
    "name",
    ["ab", "A-b", "a_b", "a..b", "-ab", "ab-", "a" * 64, "192.168.0.1", "xn--a", "abc-s3alias", "é--", "ui"],
)
def test_names_that_s3_refuses(s3_server, name):
    assert not valid_bucket_name(name)
    path = "/" + "".join(f"%{byte:02X}" for byte in name.encode())
    headers = signed_headers(s3_server, "PUT", s3_server.endpoint + path, user="admin")
    status, _, body = send(s3_server, "PUT", path, headers)
    assert (status, b"<Code>InvalidBucketName</Code>" in body) == (400, True)


@pytest.mark.parametrize("name", ["foo.-bar", "foo-.bar"])
def test_new_buckets_have_names_that_can_be_hosts(s3_server, name):
    admin = client_of(s3_server, "admin")
    assert code_of(admin.create_bucket, Bucket=name) == "InvalidBucketName"


def test_writing_into_a_bucket_that_is_not_there_stores_nothing(admin, tmp_path):
    for call, more in (
        (admin.put_object, {"Key": "k", "Body": b"x"}),
        (admin.create_multipart_upload, {"Key": "k"}),
        (admin.delete_object, {"Key": "k"}),
        (admin.get_object, {"Key": "k"}),
        (admin.delete_bucket, {}),
        (admin.list_multipart_uploads, {}),
    ):
        assert code_of(call, Bucket="no-such-bucket", **more) == "NoSuchBucket"
    assert [path for path in (tmp_path / "s3" / "blobs").rglob("*") if path.is_file()] == []


def test_location_and_versioning_as_clients_ask_for_them(s3):
    assert s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] is None
    assert "Status" not in s3.get_bucket_versioning(Bucket=BUCKET)


def test_a_location_other_than_the_servers_region(tmp_path):
    with RunningServer(tmp_path / "s3", server_config() | {"region": "eu-central-1"}) as server:
        headers = signed_send(server, "GET", f"/{BUCKET}")
        assert (headers[0], b"expecting 'eu-central-1'" in headers[2]) == (400, True)
        import boto3

        keys = server.users["admin"]
        admin = boto3.client(
            "s3",
            endpoint_url=server.endpoint,
            region_name="eu-central-1",
            aws_access_key_id=keys.access_key_id,
            aws_secret_access_key=keys.secret_access_key,
        )
        there = {"LocationConstraint": "eu-central-1"}
        admin.create_bucket(Bucket="new-bucket", CreateBucketConfiguration=there)
        assert admin.get_bucket_location(Bucket="new-bucket")["LocationConstraint"] == "eu-central-1"
        elsewhere = {"LocationConstraint": "us-west-2"}
        assert (
            code_of(admin.create_bucket, Bucket="other-bucket", CreateBucketConfiguration=elsewhere)
            == "IllegalLocationConstraintException"
        )


def test_virtual_hosted_style(tmp_path):
    with RunningServer(tmp_path / "s3", server_config() | {"base_domain": "s3.localhost"}) as server:
        url = f"http://{BUCKET}.s3.localhost:{server.port}/some/key"
        headers = signed_headers(server, "PUT", url, body=b"content")
        assert send(server, "PUT", "/some/key", headers, b"content")[0] == 200
        assert client_of(server).get_object(Bucket=BUCKET, Key="some/key")["Body"].read() == b"content"
        # Without the host, the same path names another bucket: the signature does not move along.
        assert send(server, "PUT", "/some/key", headers | {"Host": "other"}, b"content")[0] == 403


def test_users_reach_only_what_their_policy_allows(s3_server, admin):
    admin.create_bucket(Bucket="private-bucket")
    portal = client_of(s3_server, "portal")
    for call, more in (
        (portal.list_objects_v2, {}),
        (portal.put_object, {"Key": "k", "Body": b"x"}),
        (portal.delete_bucket, {}),
    ):
        assert code_of(call, Bucket="private-bucket", **more) == "AccessDenied"
    assert code_of(portal.list_buckets) == "AccessDenied"
