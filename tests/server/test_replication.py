"""Replication between two servers: what is sent, how it is kept, and what is said of it."""

from __future__ import annotations

import pytest
from replicating_servers import HERE, THERE, client, history_of, one_way, statuses
from s3_callers import MIB


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    with one_way(tmp_path_factory.mktemp("pair")) as servers:
        yield servers


def test_objects_arrive_with_versions_dates_metadata_and_tags(pair):
    source, target = pair
    here, there = client(source), client(target)
    for content in (b"first", b"second"):
        here.put_object(
            Bucket=HERE,
            Key="a/b c.txt",
            Body=content,
            ContentType="text/x-notes",
            CacheControl="no-cache",
            Metadata={"station": "42"},
            Tagging="colour=blue&size=1",
            ChecksumAlgorithm="SHA256",
        )
    source.run_replication()
    assert history_of(there, THERE) == history_of(here, HERE)
    assert len(history_of(there, THERE)["a/b c.txt"]) == 2
    named = {"Key": "a/b c.txt", "ChecksumMode": "ENABLED"}
    one, other = here.head_object(Bucket=HERE, **named), there.head_object(Bucket=THERE, **named)
    assert one["ChecksumSHA256"] == other["ChecksumSHA256"]
    assert other["CacheControl"] == "no-cache"
    assert (one["ReplicationStatus"], other["ReplicationStatus"]) == ("COMPLETED", "REPLICA")


def test_an_upload_in_parts_arrives_in_the_same_parts(pair):
    source, target = pair
    here, there = client(source), client(target)
    upload = here.create_multipart_upload(Bucket=HERE, Key="large", ChecksumAlgorithm="CRC32C")
    named = {"Bucket": HERE, "Key": "large", "UploadId": upload["UploadId"]}
    parts = []
    for number, content in enumerate((b"x" * 5 * MIB, b"y" * 6 * MIB, b"z"), start=1):
        sent = here.upload_part(**named, PartNumber=number, Body=content, ChecksumAlgorithm="CRC32C")
        parts.append({"PartNumber": number, "ETag": sent["ETag"], "ChecksumCRC32C": sent["ChecksumCRC32C"]})
    here.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
    source.run_replication()
    one = here.head_object(Bucket=HERE, Key="large", ChecksumMode="ENABLED")
    other = there.head_object(Bucket=THERE, Key="large", ChecksumMode="ENABLED")
    for name in ("ETag", "ContentLength", "ChecksumCRC32C", "ChecksumType", "VersionId", "LastModified"):
        assert one[name] == other[name]
    assert there.head_object(Bucket=THERE, Key="large", PartNumber=2)["ContentLength"] == 6 * MIB
    assert "Uploads" not in there.list_multipart_uploads(Bucket=THERE)


def test_deletions_tags_and_versions_that_go_follow(pair):
    source, target = pair
    here, there = client(source), client(target)
    first = here.put_object(Bucket=HERE, Key="d", Body=b"1")["VersionId"]
    here.put_object(Bucket=HERE, Key="d", Body=b"2")
    source.run_replication()
    here.put_object_tagging(Bucket=HERE, Key="d", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    here.delete_object(Bucket=HERE, Key="d", VersionId=first)
    here.delete_object(Bucket=HERE, Key="d")
    source.run_replication()
    found = history_of(there, THERE)["d"]
    assert found == history_of(here, HERE)["d"]
    assert [len(entry) for entry in found] == [4, 8]
    assert found[1][6] == (("a", "b"),)


def test_a_version_is_pending_until_it_has_arrived(pair):
    source, _ = pair
    here = client(source)
    here.put_object(Bucket=HERE, Key="p", Body=b"1")
    assert statuses(here, HERE, "p") == "PENDING"
    source.run_replication()
    assert statuses(here, HERE, "p") == "COMPLETED"
