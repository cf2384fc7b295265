"""Files in parts, as the store gets them."""

from pathlib import Path

import boto3
import pytest

from s3portal.dtool import big_files
from s3portal.dtool.big_files import send_file
from s3portal.dtool.errors import NotPermitted, StoreFailed
from s3portal.dtool.file_lock import try_lock
from s3portal.dtool.settings import read_bucket_settings, store_of
from s3portal.dtool.upload_journal import UploadJournals

MIB = 1024 * 1024
METADATA = {"handle": "x", "checksum": "the MD5"}


@pytest.fixture
def journals(tmp_path):
    return UploadJournals(tmp_path / "cache")


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


def test_on_aws_each_part_has_a_checksum_that_was_announced(on_aws, path, journals):
    told = []
    for operation in ("CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"):
        on_aws.client().meta.events.register(
            f"provide-client-params.s3.{operation}", lambda params, **_: told.append(params)
        )
    send_file(on_aws, path, "key", {"handle": "x", "checksum": "0"}, journals)
    created, *parts, completed = told
    assert created["ChecksumAlgorithm"] == "CRC32"
    assert [part["ChecksumAlgorithm"] for part in parts] == ["CRC32"] * 3
    assert all(part["ChecksumCRC32"] for part in completed["MultipartUpload"]["Parts"])
    assert on_aws.client().head_object(Bucket="my-bucket", Key="key")["Metadata"]["handle"] == "x"


def test_parts_too_large_for_the_memory_are_sent_from_the_disk(bucket, path, monkeypatch, journals):
    monkeypatch.setattr(big_files, "PART_BYTES", 5 * MIB)
    monkeypatch.setattr(big_files, "_IN_MEMORY_BYTES", 1 * MIB)
    send_file(bucket.store, path, "key", METADATA, journals)
    assert bucket.get("key") == bytes(range(256)) * (33 * MIB // 256)


def sent_parts(server):
    """The numbers of the parts that the server has stored."""
    parts = (request for request in server.requests if request.operation == "UploadPart")
    return [request.part_number for request in parts if request.status == 200]


def test_a_file_that_was_stopped_by_the_store_resumes_with_the_rest(
    bundled, path, s3_server, impatient, journals
):
    s3_server.faults.add("CompleteMultipartUpload", status=500)
    with pytest.raises(StoreFailed):
        send_file(bundled.store, path, "key", METADATA, journals)
    assert bundled.unfinished_uploads() == ["key"]
    s3_server.faults.clear()
    before = len(s3_server.requests)
    send_file(bundled.store, path, "key", METADATA, journals)
    assert [request.operation for request in s3_server.requests[before:]] == ["CompleteMultipartUpload"]
    assert bundled.get("key") == bytes(range(256)) * (33 * MIB // 256)
    assert bundled.unfinished_uploads() == []
    assert list(journals._folder.iterdir()) == []


def test_where_nothing_can_be_noted_nothing_is_left_behind(bundled, path, s3_server, impatient, tmp_path):
    (tmp_path / "a-file").touch()
    s3_server.faults.add("CompleteMultipartUpload", status=500)
    with pytest.raises(StoreFailed):
        send_file(bundled.store, path, "key", METADATA, UploadJournals(tmp_path / "a-file"))
    assert bundled.unfinished_uploads() == []


def test_what_the_store_refuses_is_not_left_behind(bundled, path, s3_server, journals):
    s3_server.faults.add("CompleteMultipartUpload", status=403)
    with pytest.raises(NotPermitted):
        send_file(bundled.store, path, "key", METADATA, journals)
    assert bundled.unfinished_uploads() == []


@pytest.fixture
def begun(bundled, path, s3_server, impatient, journals):
    """An upload of which all parts are stored."""
    s3_server.faults.add("CompleteMultipartUpload", status=500)
    with pytest.raises(StoreFailed):
        send_file(bundled.store, path, "key", METADATA, journals)
    s3_server.faults.clear()
    (upload,) = bundled.store.client().list_multipart_uploads(Bucket=bundled.name)["Uploads"]
    return upload["UploadId"]


def test_another_content_does_not_resume_it(begun, bundled, path, journals):
    Path(path).write_bytes(b"y" * 20 * MIB)
    send_file(bundled.store, path, "key", {**METADATA, "checksum": "another"}, journals)
    assert bundled.get("key") == b"y" * 20 * MIB
    assert bundled.unfinished_uploads() == []


def test_one_that_someone_aborted_starts_over(begun, bundled, path, journals):
    bundled.store.client().abort_multipart_upload(Bucket=bundled.name, Key="key", UploadId=begun)
    send_file(bundled.store, path, "key", METADATA, journals)
    assert len(bundled.get("key")) == 33 * MIB
    assert bundled.unfinished_uploads() == []


def test_what_another_process_works_on_is_left_to_it(begun, bundled, path, journals, s3_server):
    (name,) = journals._folder.iterdir()
    before = len(sent_parts(s3_server))
    with name.open("r+b") as file:
        assert try_lock(file)
        send_file(bundled.store, path, "key", METADATA, journals)
    assert len(sent_parts(s3_server)) - before == 3
    assert bundled.unfinished_uploads() == ["key"]


@pytest.mark.parametrize("rest", [b"", b'{"PartNumber": 3, "ET', b"\xff\xfe\n"])
def test_a_note_that_was_cut_off_costs_one_part(begun, bundled, path, journals, s3_server, rest):
    (name,) = journals._folder.iterdir()
    first, *parts = name.read_bytes().splitlines(keepends=True)
    name.write_bytes(first + b"".join(parts[:2]) + rest)
    before = len(sent_parts(s3_server))
    send_file(bundled.store, path, "key", METADATA, journals)
    assert len(sent_parts(s3_server)) - before == 1
    assert bundled.get("key") == bytes(range(256)) * (33 * MIB // 256)


def test_a_lost_answer_to_completing_is_no_failure(bundled, path, s3_server, impatient, journals):
    s3_server.faults.add("CompleteMultipartUpload", lose_answer=True, first=1)
    send_file(bundled.store, path, "key", METADATA, journals)
    assert len(bundled.get("key")) == 33 * MIB
    assert list(journals._folder.iterdir()) == []


def test_a_part_that_is_changed_on_its_way_is_sent_again(bundled, path, s3_server, journals):
    s3_server.faults.add("UploadPart", corrupt=True, first=2)
    send_file(bundled.store, path, "key", METADATA, journals)
    assert bundled.get("key") == bytes(range(256)) * (33 * MIB // 256)
    assert sorted(sent_parts(s3_server)) == [1, 2, 3]
