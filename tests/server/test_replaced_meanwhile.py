"""An object that is replaced in the moment between two looks at it: a reader gets the old or the new one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from s3_callers import BUCKET, code_of

from s3portal.server.api.objects import attributes, copy_source, object_body, reading

OBJECT = {"Bucket": BUCKET, "Key": "k"}
OLD, NEW = b"o" * 1000, b"n" * 200_000


@pytest.fixture
def replaced_before(s3, monkeypatch):
    """Lets what follows happen once, right before a function of the server is called."""

    def before(module, name, change=lambda: s3.put_object(**OBJECT, Body=NEW)):
        called, changes = getattr(module, name), [change]

        def then_call(*arguments):
            if changes:
                changes.pop()()
            return called(*arguments)

        monkeypatch.setattr(module, name, then_call)
        return changes

    s3.put_object(**OBJECT, Body=OLD)
    return before


def test_it_is_read(s3, replaced_before):
    changes = replaced_before(reading, "segments_between")
    answer = s3.get_object(**OBJECT)
    assert (answer["ContentLength"], answer["Body"].read()) == (len(NEW), NEW)
    assert not changes


def test_a_range_of_it_is_read(s3, replaced_before):
    replaced_before(reading, "segments_between")
    assert s3.get_object(**OBJECT, Range="bytes=-5")["Body"].read() == NEW[-5:]


def test_it_is_read_by_part_number(s3, replaced_before):
    replaced_before(reading, "find_part")
    assert s3.head_object(**OBJECT, PartNumber=1)["ContentLength"] == len(NEW)
    assert code_of(s3.get_object, **OBJECT, PartNumber=2) == "InvalidPartNumber"


def test_it_is_deleted(s3, replaced_before):
    replaced_before(reading, "segments_between", lambda: s3.delete_object(**OBJECT))
    assert code_of(s3.get_object, **OBJECT) == "NoSuchKey"


def test_it_is_copied(s3, replaced_before):
    replaced_before(copy_source, "segments_between")
    s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=OBJECT)
    assert s3.get_object(Bucket=BUCKET, Key="copy")["Body"].read() == NEW


def test_it_becomes_a_part(s3, replaced_before):
    replaced_before(copy_source, "segments_between")
    target = {"Bucket": BUCKET, "Key": "parts"}
    upload_id = s3.create_multipart_upload(**target)["UploadId"]
    part = s3.upload_part_copy(**target, UploadId=upload_id, PartNumber=1, CopySource=OBJECT)
    listed = [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]
    s3.complete_multipart_upload(**target, UploadId=upload_id, MultipartUpload={"Parts": listed})
    assert s3.get_object(**target)["Body"].read() == NEW


def test_its_parts_are_told(s3, replaced_before):
    target = {"Bucket": BUCKET, "Key": "k"}
    upload_id = s3.create_multipart_upload(**target)["UploadId"]
    etag = s3.upload_part(**target, UploadId=upload_id, PartNumber=1, Body=OLD)["ETag"]
    listed = [{"PartNumber": 1, "ETag": etag}]
    s3.complete_multipart_upload(**target, UploadId=upload_id, MultipartUpload={"Parts": listed})
    replaced_before(attributes, "list_parts")
    told = s3.get_object_attributes(**OBJECT, ObjectAttributes=["ObjectParts", "ObjectSize"])
    assert (told["ObjectSize"], "ObjectParts" in told) == (len(NEW), False)


def test_a_body_without_its_parts_is_an_error_and_no_end_of_looking(s3, replaced_before, monkeypatch):
    monkeypatch.setattr(object_body, "parts_between", lambda *arguments: [])
    assert code_of(s3.get_object, **OBJECT) == "InternalError"
    assert code_of(s3.copy_object, Bucket=BUCKET, Key="copy", CopySource=OBJECT) == "InternalError"


def test_a_part_without_its_content_is_an_error(s3, replaced_before, monkeypatch):
    found = object_body.parts_between

    def emptied(*arguments):
        return [replace(part, content=None) for part in found(*arguments)]

    monkeypatch.setattr(object_body, "parts_between", emptied)
    assert code_of(s3.get_object, **OBJECT) == "InternalError"
