"""A copy shares the bytes of its source, and they last as long as one of them, or a reader, needs them."""

from __future__ import annotations

import pytest
from s3_callers import BUCKET, MIB, client_of

from s3portal.server.pytest_plugin import server_config
from s3portal.server.storage import objects
from s3portal.server.storage.storage import Storage
from s3portal.server.testing import RunningServer

CONTENT = b"0123456789abcdef" * (MIB // 16)


def blobs_below(root):
    return sorted(path.name for path in (root / "blobs").rglob("*") if path.is_file())


def content_of(s3, key):
    return s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()


def copy(s3, source, key, **options):
    return s3.copy_object(Bucket=BUCKET, Key=key, CopySource=f"{BUCKET}/{source}", **options)


@pytest.mark.parametrize("content", [b"", b"small", CONTENT], ids=["empty", "small", "large"])
def test_a_copy_is_the_same_object_and_has_no_blob_of_its_own(s3, tmp_path, content):
    put = s3.put_object(Bucket=BUCKET, Key="a", Body=content, Metadata={"m": "1"}, ContentType="text/x")
    before = blobs_below(tmp_path / "s3")
    copied = copy(s3, "a", "b")["CopyObjectResult"]
    assert (copied["ETag"], copied["ChecksumCRC32"]) == (put["ETag"], put["ChecksumCRC32"])
    heads = [s3.head_object(Bucket=BUCKET, Key=key, ChecksumMode="ENABLED") for key in "ab"]
    for head in heads:
        for name in ("ResponseMetadata", "LastModified"):
            del head[name]
    assert heads[0] == heads[1]
    assert blobs_below(tmp_path / "s3") == before
    s3.delete_object(Bucket=BUCKET, Key="a")
    assert content_of(s3, "b") == content
    assert blobs_below(tmp_path / "s3") == before
    s3.delete_object(Bucket=BUCKET, Key="b")
    assert blobs_below(tmp_path / "s3") == []


def test_a_copy_onto_itself_with_other_metadata_keeps_the_bytes(s3, tmp_path):
    s3.put_object(Bucket=BUCKET, Key="a", Body=CONTENT)
    before = blobs_below(tmp_path / "s3")
    copy(s3, "a", "a", MetadataDirective="REPLACE", Metadata={"new": "1"})
    assert content_of(s3, "a") == CONTENT
    assert s3.head_object(Bucket=BUCKET, Key="a")["Metadata"] == {"new": "1"}
    assert blobs_below(tmp_path / "s3") == before


def test_a_copy_with_another_checksum_is_read(s3, tmp_path):
    s3.put_object(Bucket=BUCKET, Key="a", Body=CONTENT)
    assert "ChecksumSHA256" in copy(s3, "a", "b", ChecksumAlgorithm="SHA256")["CopyObjectResult"]
    assert len(blobs_below(tmp_path / "s3")) == 2


def test_a_copy_of_parts_shares_them_and_keeps_their_etag(s3, tmp_path):
    target = {"Bucket": BUCKET, "Key": "parts"}
    upload_id = s3.create_multipart_upload(**target)["UploadId"]
    parts = [
        {
            "PartNumber": number,
            "ETag": s3.upload_part(**target, UploadId=upload_id, PartNumber=number, Body=b)["ETag"],
        }
        for number, b in ((1, CONTENT * 5), (2, b"end"))
    ]
    made = s3.complete_multipart_upload(**target, UploadId=upload_id, MultipartUpload={"Parts": parts})
    before = blobs_below(tmp_path / "s3")
    copied = copy(s3, "parts", "c")["CopyObjectResult"]
    assert copied["ETag"] == made["ETag"]
    assert blobs_below(tmp_path / "s3") == before
    s3.delete_object(**target)
    assert content_of(s3, "c") == CONTENT * 5 + b"end"
    assert s3.get_object(Bucket=BUCKET, Key="c", PartNumber=2)["Body"].read() == b"end"


def test_a_copy_whose_source_has_gone_meanwhile_is_read(s3_server, s3, monkeypatch):
    """The source is leased, so its bytes are there although nothing refers to them any more."""
    s3.put_object(Bucket=BUCKET, Key="a", Body=CONTENT)
    put_copy = objects.put_copy

    def replaced_before(storage, *rest):
        monkeypatch.undo()
        s3.put_object(Bucket=BUCKET, Key="a", Body=b"other")
        return put_copy(storage, *rest)

    monkeypatch.setattr(objects, "put_copy", replaced_before)
    copy(s3, "a", "b")
    assert (content_of(s3, "a"), content_of(s3, "b")) == (b"other", CONTENT)


def test_a_shared_blob_outlives_the_reader_of_an_object_that_is_gone(s3_server, s3, tmp_path):
    s3.put_object(Bucket=BUCKET, Key="a", Body=CONTENT)
    copy(s3, "a", "b")
    storage = s3_server._server.storage
    (blob,) = blobs_below(tmp_path / "s3")
    read = objects.lease(storage, BUCKET, "a")
    s3.delete_object(Bucket=BUCKET, Key="a")
    s3.delete_object(Bucket=BUCKET, Key="b")
    assert blobs_below(tmp_path / "s3") == [blob]
    storage.removal.run()
    assert blobs_below(tmp_path / "s3") == [blob]
    storage.leases.release(read.body_id)
    assert blobs_below(tmp_path / "s3") == []


def test_what_is_doomed_is_removed_at_the_next_start(tmp_path, monkeypatch):
    root = tmp_path / "s3"
    with RunningServer(root, server_config()) as server:
        s3 = client_of(server)
        s3.put_object(Bucket=BUCKET, Key="a", Body=CONTENT)
        copy(s3, "a", "b")
        # As if it had been killed right after each commit.
        monkeypatch.setattr(server._server.storage.removal, "attend", lambda doomed: None)
        s3.delete_object(Bucket=BUCKET, Key="a")
        s3.delete_object(Bucket=BUCKET, Key="b")
        assert len(blobs_below(root)) == 1
    (root / "lock").write_bytes(b"running\n")
    storage = Storage(root)
    assert blobs_below(root) == []
    storage.database.write(lambda connection: None)
    with storage.database.read() as connection:
        assert connection.execute("SELECT count(*) FROM doomed").fetchone() == (0,)
    storage.close()
