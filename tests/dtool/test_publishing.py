"""Publishing: what anybody with the address reads, for a while or for good."""

import json

import boto3
import dtoolcore
import pytest
from botocore.exceptions import ClientError
from datasets import Bucket, contents_of, put_bytes

from s3portal.dtool import publishing
from s3portal.dtool.errors import PublishingRefused
from s3portal.dtool.settings import read_bucket_settings, store_of
from s3portal.dtool.signed_urls import SignedUrls

ITEMS = {"a.csv": b"a", "Überfluß.tar.gz": b"b"}


def make_dataset(uri, tmp_path):
    proto = dtoolcore.create_proto_dataset("rivers", uri, "description: rivers\n")
    for relpath, content in ITEMS.items():
        put_bytes(proto, tmp_path, relpath, content)
    proto.put_tag("water")
    proto.put_annotation("project.id", 7)
    proto.freeze()
    dataset = dtoolcore.DataSet.from_uri(proto.uri)
    dataset.put_overlay("is.csv", dict.fromkeys(dataset.identifiers, True))
    return dataset


def publish(dataset):
    return dtoolcore.DataSet.from_uri(dataset.uri)._storage_broker.http_enable()


def assert_readable_by_anybody(address, dataset, monkeypatch):
    """Reads everything by dtool's own HTTP broker, without any key."""
    with monkeypatch.context() as patch:
        patch.setenv("DTOOL_CACHE_DIRECTORY", f"{dataset.name}-by-anybody")
        assert contents_of(address) == ITEMS
    published = dtoolcore.DataSet.from_uri(address)
    assert published.admin_metadata == dataset.admin_metadata
    assert published.get_readme_content() == "description: rivers\n"
    assert published.list_tags() == ["water"]
    assert published.get_annotation("project.id") == 7
    assert published.get_overlay("is.csv") == dataset.get_overlay("is.csv")


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("prefix", ["", "u/olssont"])
def test_a_dataset_is_published_for_a_while(bucket, tmp_path, monkeypatch, prefix):
    monkeypatch.setenv(f"DTOOL_S3_DATASET_PREFIX_{bucket.name}", prefix)
    monkeypatch.setenv("DTOOL_S3_PUBLISH_EXPIRY", "600")
    dataset = make_dataset(bucket.uri, tmp_path)
    address = publish(dataset)
    assert "X-Amz-Expires=600" in address
    assert_readable_by_anybody(address, dataset, monkeypatch)


def test_links_signed_with_passing_keys_are_warned_about(bucket, tmp_path, monkeypatch, caplog):
    dataset = make_dataset(bucket.uri, tmp_path)
    for name in bucket.settings:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    publishing._warn_of_passing_keys(SignedUrls(store_of(read_bucket_settings("my-bucket"))), 600)
    assert "temporary credentials" in caplog.text
    assert dataset.name == "rivers"


def test_where_acls_are_refused_the_ways_out_are_said_and_nothing_is_published(bundled, tmp_path):
    dataset = make_dataset(bundled.uri, tmp_path)
    with pytest.raises(PublishingRefused) as refused:
        publish(dataset)
    assert "DTOOL_S3_PUBLISH_EXPIRY" in str(refused.value)
    assert f"arn:aws:s3:::test-bucket/{dataset.uuid}/*" in str(refused.value)
    assert f"{dataset.uuid}/http_manifest.json" not in bundled.list_keys(dataset.uuid)


@pytest.fixture
def aws_like(moto_endpoint, monkeypatch):
    """A bucket at moto's server, whose objects know ACLs."""
    bucket = Bucket("old-bucket", moto_endpoint, "anna", "secret")
    bucket.store.client().create_bucket(Bucket=bucket.name)
    for name, value in bucket.settings.items():
        monkeypatch.setenv(name, value)
    return bucket


def is_public(bucket, key):
    grants = bucket.store.client().get_object_acl(Bucket=bucket.name, Key=key)["Grants"]
    return any(grant["Grantee"].get("URI", "").endswith("/AllUsers") for grant in grants)


def test_where_acls_are_allowed_everything_is_public_for_good(aws_like, tmp_path, monkeypatch):
    dataset = make_dataset(aws_like.uri, tmp_path)
    address = publish(dataset)
    assert address == f"{aws_like.endpoint}/old-bucket/{dataset.uuid}"
    assert_readable_by_anybody(address, dataset, monkeypatch)
    public = {
        key.removeprefix(f"{dataset.uuid}/")
        for key in aws_like.list_keys(dataset.uuid)
        if is_public(aws_like, key)
    }
    assert public == {
        "README.yml",
        "manifest.json",
        "http_manifest.json",
        "overlays/is.csv.json",
        "annotations/project.id.json",
        *(f"data/{name}" for name in dataset.identifiers),
    }


def refuse_acls(bucket, monkeypatch, code, status):
    """A bucket of today's AWS: what moto does not refuse is refused here, as AWS words it."""
    client = store_of(read_bucket_settings(bucket.name)).client()
    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}

    def put_object_acl(**_):
        raise ClientError(answer, "PutObjectAcl")

    monkeypatch.setattr(client, "put_object_acl", put_object_acl)


@pytest.mark.parametrize(("code", "status"), [("AccessControlListNotSupported", 400), ("AccessDenied", 403)])
def test_a_bucket_whose_policy_lets_everyone_read_needs_no_acls(
    aws_like, tmp_path, monkeypatch, code, status
):
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::old-bucket/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    aws_like.store.client().put_bucket_policy(Bucket=aws_like.name, Policy=policy)
    dataset = make_dataset(aws_like.uri, tmp_path)
    refuse_acls(aws_like, monkeypatch, code, status)
    address = publish(dataset)
    assert_readable_by_anybody(address, dataset, monkeypatch)
    assert not is_public(aws_like, f"{dataset.uuid}/README.yml")


def test_urls_name_the_region_that_an_aws_bucket_is_in(monkeypatch):
    from moto import mock_aws

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "anna")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with mock_aws():
        boto3.client("s3", region_name="eu-west-2").create_bucket(
            Bucket="far-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"}
        )
        urls = SignedUrls.of(store_of(read_bucket_settings("far-bucket")))
        assert "%2Feu-west-2%2Fs3%2F" in urls.read("key", 60)
        assert urls.plain("a key") == "https://far-bucket.s3.eu-west-2.amazonaws.com/a%20key"
