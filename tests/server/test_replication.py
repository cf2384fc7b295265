"""Replication between two servers: what is sent, how it is kept, and what is said of it."""

from __future__ import annotations

from email.header import decode_header, make_header

import pytest
from replicating_servers import (
    HERE,
    THERE,
    client,
    connection_to,
    document_of,
    history_of,
    one_way,
    replicating_config,
    statuses,
)
from s3_callers import MIB

from s3portal.server.background.replication.comparing import ascii_metadata_of, difference
from s3portal.server.background.replication.managing import Replicator
from s3portal.server.replication.connections import NewConnection
from s3portal.server.storage.records import StoredObject
from s3portal.server.testing import RunningServer
from s3portal.server.wire.checksums import Checksum


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


@pytest.mark.parametrize(
    "key", ["../x", "./y", "a//b", "/c", "d+e %20", "ü/€", "f?g#h", " ", "i/", "~", "j" * 1024]
)
def test_any_key_arrives(pair, key):
    source, target = pair
    client(source).put_object(Bucket=HERE, Key=key, Body=key.encode())
    source.run_replication()
    assert client(target).get_object(Bucket=THERE, Key=key)["Body"].read() == key.encode()
    assert statuses(client(source), HERE, key) == "COMPLETED"


def test_an_object_without_bytes_arrives(pair):
    source, target = pair
    encoded = "=?UTF-8?B?WsO8cmljaA==?="
    client(source).put_object(Bucket=HERE, Key="empty", Body=b"", Metadata={"city": encoded})
    source.run_replication()
    found = client(target).head_object(Bucket=THERE, Key="empty")
    assert (found["ContentLength"], found["Metadata"]) == (0, {"city": encoded})
    assert statuses(client(source), HERE, "empty") == "COMPLETED"


def test_metadata_that_is_not_ascii_is_sent_as_s3_shows_it():
    raw = "Zürich".encode().decode("latin-1")
    found = StoredObject(
        bucket=HERE,
        key="k",
        body_id="b",
        size_bytes=1,
        etag="e",
        modified_at=0,
        headers={"x-amz-meta-city": raw},
        checksum=Checksum("CRC32", "AAAAAA=="),
        part_count=0,
    )
    sent = ascii_metadata_of(found)
    assert str(make_header(decode_header(sent["city"]))) == "Zürich"
    head = {"ContentLength": 1, "ETag": '"e"', "ContentType": ""}
    for shown in (sent["city"], raw, "Zürich"):
        assert difference(found, head | {"Metadata": {"city": shown}}) is None
    assert difference(found, head | {"Metadata": {"city": "Zug"}}) == "its metadata is different"
    assert "bytes" in difference(found, head | {"ContentLength": 2})
    assert "ETag" in difference(found, head | {"ETag": '"other"'})
    assert "CRC32" in difference(found, head | {"ChecksumCRC32": "BBBBBB=="})


def test_servers_may_replicate_between_their_own_buckets(tmp_path):
    with RunningServer(tmp_path, replicating_config(HERE, THERE)) as server:
        replicator = Replicator(server._server.storage, server._server.master_key)
        replicator.save_connection(NewConnection(**connection_to(server, "self")))
        s3 = client(server)
        s3.put_bucket_replication(Bucket=HERE, ReplicationConfiguration=document_of("arn:aws:s3:::there"))
        s3.put_object(Bucket=HERE, Key="k", Body=b"1")
        server.run_replication()
        assert history_of(s3, HERE) == history_of(s3, THERE)
        assert statuses(s3, THERE, "k") == "REPLICA"
