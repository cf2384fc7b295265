"""The main job, from the outside: store, list, read, delete, by boto3 as it comes."""

from __future__ import annotations

import io
import os

from conftest import BUCKET, MIB


def test_what_was_put_is_listed_read_and_deleted(s3):
    s3.put_object(Bucket=BUCKET, Key="a/b c+é", Body=b"hello", Metadata={"portal": "x"})

    assert [o["Key"] for o in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["a/b c+é"]
    answer = s3.get_object(Bucket=BUCKET, Key="a/b c+é")
    assert (answer["Body"].read(), answer["Metadata"]) == (b"hello", {"portal": "x"})
    s3.delete_object(Bucket=BUCKET, Key="a/b c+é")
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)


def test_a_large_file_goes_up_in_parts_and_comes_back_equal(s3):
    content = os.urandom(20 * MIB + 7)

    s3.upload_fileobj(io.BytesIO(content), BUCKET, "large")

    assert s3.get_object(Bucket=BUCKET, Key="large")["Body"].read() == content
