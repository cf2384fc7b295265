"""Several places in one run, and other stores than one's own."""

import os

import boto3
import pytest
from bucket_commands import keys

from s3portal.server.testing import RunningServer


@pytest.fixture
def other_store(tmp_path, monkeypatch):
    """Another server, with keys of its own in a profile."""
    config = {
        "users": [
            {
                "name": "other",
                "access_key_id": "other-key",
                "secret_access_key": "other-secret",
                "policy": {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]},
            }
        ],
        "buckets": [{"name": "elsewhere"}],
    }
    with RunningServer(tmp_path / "other", config) as server:
        (tmp_path / "aws-config").write_text(
            f"[profile other]\nendpoint_url = {server.endpoint}\nregion = us-east-1\n"
        )
        (tmp_path / "aws-credentials").write_text(
            "[other]\naws_access_key_id = other-key\naws_secret_access_key = other-secret\n"
        )
        yield boto3.client(
            "s3",
            endpoint_url=server.endpoint,
            aws_access_key_id="other-key",
            aws_secret_access_key="other-secret",
            region_name="us-east-1",
        )


def test_from_another_store_objects_go_through_memory_with_what_belongs_to_them(
    s3portal, client, other_store
):
    large = os.urandom(33 * 1024 * 1024)
    described = {"ContentType": "text/x", "CacheControl": "no-store", "Metadata": {"who": "me"}}
    other_store.put_object(Bucket="elsewhere", Key="small", Body=b"content", **described)
    other_store.put_object(Bucket="elsewhere", Key="large", Body=large, **described)
    said = s3portal("sync", "s3://elsewhere", "s3://files/p", "--source-profile", "other", "--verify")
    assert said.code == 0, said.err
    assert "Verified: 2 are the same, 0 differ." in said.out
    for key, content in (("p/small", b"content"), ("p/large", large)):
        found = client.get_object(Bucket="files", Key=key)
        assert found["Body"].read() == content
        assert {name: found[name] for name in described} == described


def test_several_mappings_in_one_run(s3portal, client, folder, tmp_path):
    mappings = tmp_path / "mappings"
    mappings.write_text(f"# old and new\n{folder}/a\ts3://files/images\n{folder}/a-b\ts3://files/labels\n")
    assert s3portal("sync", "--mappings", mappings).code == 0
    assert {key.split("/")[0] for key in keys(client)} == {"images", "labels"}
    mappings.write_text(f"{folder}/a s3://files/images\n")
    said = s3portal("sync", "--mappings", mappings)
    assert said.code == 2
    assert "entry 1: write a source, a tab, a target" in said.err


def test_a_bucket_of_the_same_name_at_another_store_is_another_place(s3portal, client, other_store):
    other_store.create_bucket(Bucket="files")
    other_store.put_object(Bucket="files", Key="a", Body=b"x")
    said = s3portal("sync", "s3://files", "s3://files", "--source-profile", "other")
    assert said.code == 0, said.err
    assert keys(client) == ["a"]
