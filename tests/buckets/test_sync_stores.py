"""Several places in one run, and other stores than one's own."""

import gzip
import os

from bucket_commands import keys


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


def test_what_says_of_itself_that_it_is_gzip_arrives_as_it_is_stored(s3portal, client, tmp_path):
    stored = {"a": gzip.compress(b"content"), "b": b"no gzip at all", "large": os.urandom(17 * 1024 * 1024)}
    for key, content in stored.items():
        client.put_object(Bucket="files", Key=key, Body=content, ContentEncoding="gzip")
    said = s3portal("sync", "s3://files", tmp_path / "down")
    assert said.code == 0, said.err
    assert {key: (tmp_path / "down" / key).read_bytes() for key in stored} == stored
