"""Tags, lock and ACL in the storage: stored with an object, kept by a version, passed on by an upload."""

from __future__ import annotations

import pytest
from s3_callers import BUCKET, MIB

from s3portal.server.storage import objects, uploads, versions
from s3portal.server.storage.records import StoredObject, Upload
from s3portal.server.wire.checksums import Checksum

GIVEN = {
    "tags": '{"colour":"blue"}',
    "lock": '{"mode":"GOVERNANCE","until_ms":7,"legal_hold":true}',
    "acl": '{"grants":[]}',
}


def given_of(found):
    return {name: getattr(found, name) for name in GIVEN}


@pytest.fixture
def storage(s3_server):
    return s3_server._server.storage


def test_an_object_has_what_it_was_put_with(storage):
    checksum = Checksum("CRC32", "AAAAAA==")
    new = StoredObject(BUCKET, "k", "body", 0, "etag", 1, {}, checksum, 0, **GIVEN)
    objects.put(storage, new, [], lambda found: None)
    assert given_of(objects.find(storage, BUCKET, "k")) == GIVEN
    version = versions.find_version(storage, BUCKET, "k", "null")
    assert given_of(version) == given_of(version.found) == GIVEN


def test_an_object_has_nothing_that_it_was_not_put_with(storage, s3):
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    assert given_of(objects.find(storage, BUCKET, "k")) == dict.fromkeys(GIVEN)


def test_a_completed_upload_passes_on_what_it_was_begun_with(storage, s3):
    upload = Upload("0" * 32, BUCKET, "k", 1, {}, "CRC64NVME", "FULL_OBJECT", False, "admin", **GIVEN)
    uploads.create(storage, upload)
    assert uploads.find(storage, BUCKET, "k", upload.upload_id) == upload
    target = {"Bucket": BUCKET, "Key": "k", "UploadId": upload.upload_id}
    etag = s3.upload_part(**target, PartNumber=1, Body=b"x")["ETag"]
    s3.complete_multipart_upload(**target, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    assert given_of(objects.find(storage, BUCKET, "k")) == GIVEN


@pytest.mark.parametrize("size_bytes", [1, MIB])
@pytest.mark.parametrize("sums", [{}, {"ChecksumAlgorithm": "SHA256"}], ids=["shared", "read"])
def test_a_copy_has_the_tags_of_its_source_and_nothing_else(storage, s3, size_bytes, sums):
    s3.put_object(Bucket=BUCKET, Key="k", Body=bytes(size_bytes))
    values = tuple(GIVEN.values())
    storage.database.write(
        lambda connection: connection.execute("UPDATE objects SET tags = ?, lock = ?, acl = ?", values)
    )
    s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/k", **sums)
    expected = {"tags": GIVEN["tags"], "lock": None, "acl": None}
    assert given_of(objects.find(storage, BUCKET, "copy")) == expected
