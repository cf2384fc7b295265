"""UploadPartCopy shares a blob where the range is one, and reads the bytes elsewhere."""

from __future__ import annotations

import base64
import hashlib

import pytest
from s3_callers import BUCKET, MIB, code_of

from s3portal.server.storage import uploads

SOURCE = bytes(range(256)) * (6 * MIB // 256)
TARGET = {"Bucket": BUCKET, "Key": "target"}


def blobs_below(root):
    return sorted(path.name for path in (root / "blobs").rglob("*") if path.is_file())


def sha256_of(content):
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


@pytest.fixture
def source(s3):
    s3.put_object(Bucket=BUCKET, Key="source", Body=SOURCE, ChecksumAlgorithm="SHA256")
    return f"{BUCKET}/source"


def copy_whole(s3, source, algorithm, **options):
    """Makes an object of one part that is a copy; returns CopyPartResult and the answer of Complete."""
    upload_id = s3.create_multipart_upload(**TARGET, ChecksumAlgorithm=algorithm)["UploadId"]
    target = {**TARGET, "UploadId": upload_id, "PartNumber": 1}
    part = s3.upload_part_copy(**target, CopySource=source, **options)["CopyPartResult"]
    name = f"Checksum{algorithm}"
    listed = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"], name: part[name]}]}
    return part, s3.complete_multipart_upload(**TARGET, UploadId=upload_id, MultipartUpload=listed)


@pytest.mark.parametrize("options", [{}, {"CopySourceRange": f"bytes=0-{len(SOURCE) - 1}"}])
@pytest.mark.parametrize("algorithm", ["SHA256", "SHA1", "CRC64NVME"])
def test_a_whole_object_is_shared_with_the_checksum_of_the_upload(s3, source, tmp_path, algorithm, options):
    before = blobs_below(tmp_path / "s3")
    part, _ = copy_whole(s3, source, algorithm, **options)
    assert part["ETag"] == f'"{hashlib.md5(SOURCE).hexdigest()}"'
    assert blobs_below(tmp_path / "s3") == before
    plain = s3.put_object(Bucket=BUCKET, Key="again", Body=SOURCE, ChecksumAlgorithm=algorithm)
    assert part[f"Checksum{algorithm}"] == plain[f"Checksum{algorithm}"]
    s3.delete_object(Bucket=BUCKET, Key="again")
    s3.delete_object(Bucket=BUCKET, Key="source")
    assert s3.get_object(**TARGET)["Body"].read() == SOURCE
    s3.delete_object(**TARGET)
    assert blobs_below(tmp_path / "s3") == []


def test_one_part_of_several_is_shared_too(s3, source, tmp_path):
    upload_id = s3.create_multipart_upload(**TARGET, ChecksumAlgorithm="SHA256")["UploadId"]
    parts = []
    for number, body in ((1, SOURCE), (2, b"y" * MIB)):
        sent = s3.upload_part(
            **TARGET, UploadId=upload_id, PartNumber=number, Body=body, ChecksumAlgorithm="SHA256"
        )
        parts.append({"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": sent["ChecksumSHA256"]})
    s3.complete_multipart_upload(**TARGET, UploadId=upload_id, MultipartUpload={"Parts": parts})
    s3.copy_object(Bucket=BUCKET, Key="parts", CopySource=f"{BUCKET}/target")
    before = blobs_below(tmp_path / "s3")
    second = f"bytes={len(SOURCE)}-{len(SOURCE) + MIB - 1}"
    part, _ = copy_whole(s3, f"{BUCKET}/parts", "SHA256", CopySourceRange=second)
    assert (part["ETag"], part["ChecksumSHA256"]) == (parts[1]["ETag"], parts[1]["ChecksumSHA256"])
    assert s3.get_object(**TARGET)["Body"].read() == b"y" * MIB
    assert blobs_below(tmp_path / "s3") == before


def test_another_range_is_read(s3, source, tmp_path):
    part, _ = copy_whole(s3, source, "SHA256", CopySourceRange=f"bytes=1-{len(SOURCE) - 1}")
    assert part["ChecksumSHA256"] == sha256_of(SOURCE[1:])
    assert s3.get_object(**TARGET)["Body"].read() == SOURCE[1:]
    assert len(blobs_below(tmp_path / "s3")) == 2


def test_a_source_that_goes_meanwhile_is_read(s3, source, tmp_path, monkeypatch):
    put_part = uploads.put_part

    def deleted_before(*arguments):
        monkeypatch.undo()
        s3.delete_object(Bucket=BUCKET, Key="source")
        return put_part(*arguments)

    monkeypatch.setattr(uploads, "put_part", deleted_before)
    part, _ = copy_whole(s3, source, "SHA256")
    assert part["ChecksumSHA256"] == sha256_of(SOURCE)
    assert s3.get_object(**TARGET)["Body"].read() == SOURCE
    assert len(blobs_below(tmp_path / "s3")) == 1


def test_conditions_of_the_source(s3, source):
    upload_id = s3.create_multipart_upload(**TARGET)["UploadId"]
    target = {**TARGET, "UploadId": upload_id, "PartNumber": 1, "CopySource": source}
    etag = s3.head_object(Bucket=BUCKET, Key="source")["ETag"]
    assert code_of(s3.upload_part_copy, **target, CopySourceIfMatch='"other"') == "PreconditionFailed"
    assert code_of(s3.upload_part_copy, **target, CopySourceIfNoneMatch=etag) == "PreconditionFailed"
    s3.upload_part_copy(**target, CopySourceIfMatch=etag)


@pytest.mark.parametrize("copy_range", ["0-5", "bytes=5-1", "bytes=0-", f"bytes=0-{len(SOURCE)}", "bytes=-1"])
def test_a_range_that_the_source_does_not_have(s3, source, copy_range):
    upload_id = s3.create_multipart_upload(**TARGET)["UploadId"]
    target = {**TARGET, "UploadId": upload_id, "PartNumber": 1, "CopySource": source}
    assert code_of(s3.upload_part_copy, **target, CopySourceRange=copy_range) == "InvalidArgument"
