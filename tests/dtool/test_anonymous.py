"""Reading without a key what a bucket lets everybody read."""

import json

import dtoolcore
import pytest
from datasets import Bucket, contents_of, put_bytes

from s3portal.dtool.errors import BucketSettingsError, NotPermitted

ITEMS = {"a.csv": b"a", "big.bin": b"x" * 9 * 1024 * 1024}


@pytest.fixture
def owner(moto_endpoint):
    bucket = Bucket("open-data", moto_endpoint, "anna", "secret")
    bucket.store.client().create_bucket(Bucket=bucket.name)
    return bucket


@pytest.fixture
def let_everybody(owner):
    """Sets the bucket's policy: everybody may do this with these objects."""

    def let(*actions, keys="*"):
        statement = {
            "Effect": "Allow",
            "Principal": "*",
            # For HEAD moto asks for an action that S3 does not have.
            "Action": [*actions, "s3:HeadObject"],
            "Resource": ["arn:aws:s3:::open-data", f"arn:aws:s3:::open-data/{keys}"],
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        owner.store.client().put_bucket_policy(Bucket=owner.name, Policy=policy)

    return let


@pytest.fixture
def uri(owner, tmp_path, monkeypatch):
    """A dataset of the owner's. From here on nobody has a key."""
    with monkeypatch.context() as settings:
        for name, value in owner.settings.items():
            settings.setenv(name, value)
        proto = dtoolcore.create_proto_dataset("rivers", owner.uri, "description: rivers\n")
        for relpath, content in ITEMS.items():
            put_bytes(proto, tmp_path, relpath, content)
        proto.put_tag("water")
        proto.freeze()
    monkeypatch.setenv("DTOOL_S3_ENDPOINT_open-data", owner.endpoint)
    monkeypatch.setenv("DTOOL_S3_ANONYMOUS_open-data", "true")
    return proto.uri


def test_a_public_bucket_is_read_without_a_key(uri, let_everybody, dtool, tmp_path):
    let_everybody("s3:GetObject", "s3:ListBucket")
    listed = dtool("ls", "-q", "s3://open-data")
    assert listed.stdout.strip() == uri, listed.stderr
    (tmp_path / "down").mkdir()
    copy = dtool.ok("cp", "-q", uri, str(tmp_path / "down"))
    assert contents_of(copy) == ITEMS
    assert dtoolcore.DataSet.from_uri(copy).list_tags() == ["water"]
    assert dtool.ok("cat", uri, "a.csv") == "a"


def test_requests_are_not_signed(uri, let_everybody, monkeypatch):
    let_everybody("s3:GetObject", "s3:ListBucket")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    dataset = dtoolcore.DataSet.from_uri(uri)
    sent = []
    client = dataset._storage_broker.s3client
    client.meta.events.register("before-send.s3", lambda request, **_: sent.append(dict(request.headers)))
    dataset.get_readme_content()
    assert sent
    assert not any("Authorization" in headers for headers in sent)


def test_one_dataset_that_was_published_is_read_though_its_registration_is_not(uri, let_everybody):
    let_everybody("s3:GetObject", keys=f"{uri.rpartition('/')[2]}/*")
    assert contents_of(uri) == ITEMS


def test_what_not_everyone_may_read_is_said(uri):
    with pytest.raises(NotPermitted, match="does not allow everybody"):
        dtoolcore.DataSet.from_uri(uri)


def test_nothing_is_written_without_a_key(uri, let_everybody):
    let_everybody("s3:GetObject", "s3:ListBucket")
    dataset = dtoolcore.DataSet.from_uri(uri)
    with pytest.raises(NotPermitted, match="DTOOL_S3_ANONYMOUS_open-data"):
        dataset.put_tag("mine")
    with pytest.raises(NotPermitted, match="DTOOL_S3_ANONYMOUS_open-data"):
        dataset._storage_broker.http_enable()
    assert not dataset._storage_broker.supports_signing()


def test_the_setting_is_yes_or_no(monkeypatch):
    monkeypatch.setenv("DTOOL_S3_ANONYMOUS_open-data", "perhaps")
    with pytest.raises(BucketSettingsError, match="true or false"):
        dtoolcore.DataSet.from_uri("s3://open-data/c3f1")
