"""Files in parts, as the store gets them."""

import boto3
import pytest

from s3portal.dtool import big_files
from s3portal.dtool.big_files import send_file
from s3portal.dtool.errors import StoreFailed
from s3portal.dtool.settings import read_bucket_settings, store_of

MIB = 1024 * 1024


@pytest.fixture
def path(tmp_path):
    """A file of three parts."""
    path = tmp_path / "big.bin"
    path.write_bytes(bytes(range(256)) * (33 * MIB // 256))
    return str(path)


@pytest.fixture
def on_aws(monkeypatch):
    """A bucket on AWS, as moto plays it inside this process."""
    from moto import mock_aws

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "anna")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="my-bucket")
        yield store_of(read_bucket_settings("my-bucket"))


def test_on_aws_each_part_has_a_checksum_that_was_announced(on_aws, path):
    told = []
    for operation in ("CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"):
        on_aws.client().meta.events.register(
            f"provide-client-params.s3.{operation}", lambda params, **_: told.append(params)
        )
    send_file(on_aws, path, "key", {"handle": "x"})
    created, *parts, completed = told
    assert created["ChecksumAlgorithm"] == "CRC32"
    assert [part["ChecksumAlgorithm"] for part in parts] == ["CRC32"] * 3
    assert all(part["ChecksumCRC32"] for part in completed["MultipartUpload"]["Parts"])
    assert on_aws.client().head_object(Bucket="my-bucket", Key="key")["Metadata"] == {"handle": "x"}


def test_parts_too_large_for_the_memory_are_sent_from_the_disk(bucket, path, monkeypatch):
    monkeypatch.setattr(big_files, "_PART_BYTES", 5 * MIB)
    monkeypatch.setattr(big_files, "_IN_MEMORY_BYTES", 1 * MIB)
    send_file(bucket.store, path, "key", {})
    assert bucket.get("key") == bytes(range(256)) * (33 * MIB // 256)


def test_what_cannot_be_completed_is_not_left_behind(bundled, path, s3_server, impatient):
    s3_server.faults.add("CompleteMultipartUpload", status=500)
    with pytest.raises(StoreFailed):
        send_file(bundled.store, path, "key", {})
    assert bundled.unfinished_uploads() == []
