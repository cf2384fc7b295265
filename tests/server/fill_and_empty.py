"""Run on a small file system of its own: fills it through a server, and empties it again.

Given ``everything``, it tries all that can be written while the disk is full.
"""

from __future__ import annotations

import errno
import sys
from pathlib import Path

import urllib3
from botocore.exceptions import ClientError
from failing_steps import outcome
from kept_state import read_bucket
from s3_callers import BUCKET, client_of

from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer
from s3portal.server.upkeep.checking import check_folder


def fill_and_empty(root, size_bytes):
    """Fills the disk below ``root`` until the server refuses, then deletes everything through it."""
    with RunningServer(root / "s3", server_config()) as server:
        s3 = client_of(server, "admin")
        s3.create_bucket(Bucket="empty-bucket")
        target = {"Bucket": BUCKET, "Key": "parts"}
        target["UploadId"] = s3.create_multipart_upload(**target)["UploadId"]
        s3.upload_part(**target, PartNumber=1, Body=b"x" * size_bytes)
        count = 0
        while True:
            status = outcome(s3.put_object, Bucket=BUCKET, Key=f"{count}", Body=b"x" * size_bytes)
            if status != 200:
                break
            count += 1
        assert (status, count > 10) == (507, True), (status, count)
        take_what_is_left(root)
        assert outcome(s3.abort_multipart_upload, **target) == 204
        assert outcome(s3.delete_bucket, Bucket="empty-bucket") == 204
        several = {"Objects": [{"Key": f"{number}"} for number in range(0, count, 2)]}
        assert outcome(s3.delete_objects, Bucket=BUCKET, Delete=several) == 200
        for number in range(1, count, 2):
            assert outcome(s3.delete_object, Bucket=BUCKET, Key=f"{number}") == 204
        assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)
        (root / "other").unlink()
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"x" * size_bytes)


def take_what_is_left(root):
    """Fills the disk to its last byte, as somebody else would."""
    with (root / "other").open("wb", buffering=0) as other:
        try:
            while True:
                other.write(b"x" * 4096)
        except OSError as full:
            assert full.errno == errno.ENOSPC


def write_everything(root):
    """Fills the disk, and tries every operation that writes: each is refused with 507 or done, whole. What is
    there can be read, and what is deleted makes room."""
    with RunningServer(root / "s3", server_config()) as server:
        s3 = client_of(server, "admin")
        s3.create_bucket(Bucket="kept", ObjectLockEnabledForBucket=True, ObjectOwnership="ObjectWriter")
        versions = [
            s3.put_object(Bucket="kept", Key="k", Body=b"%d" % each * 40_000)["VersionId"] for each in (1, 2)
        ]
        s3.put_object(Bucket="kept", Key="tagged", Body=b"x", Tagging="a=b")
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"x" * 40_000)
        target = {"Bucket": BUCKET, "Key": "parts"}
        begun = {**target, "UploadId": s3.create_multipart_upload(**target)["UploadId"]}
        etag = s3.upload_part(**begun, PartNumber=1, Body=b"x" * 40_000)["ETag"]
        count = 0
        while outcome(s3.put_object, Bucket=BUCKET, Key=f"fill-{count}", Body=b"x" * 300_000) == 200:
            count += 1
        take_what_is_left(root)
        before = state_of(s3)
        listed = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
        source, tags = f"{BUCKET}/k", {"TagSet": [{"Key": "a", "Value": "c" * 200}]}
        rule = {"ID": "r" * 200, "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 9}}
        retention = {"Mode": "GOVERNANCE", "RetainUntilDate": "2050-01-01T00:00:00Z"}
        calls = [
            (s3.put_object, {"Bucket": BUCKET, "Key": "small", "Body": b"x"}),
            (s3.put_object, {"Bucket": BUCKET, "Key": "large", "Body": b"x" * 300_000}),
            (s3.put_object, {"Bucket": "kept", "Key": "k", "Body": b"3"}),
            (s3.copy_object, {"Bucket": BUCKET, "Key": "copy", "CopySource": source}),
            (s3.copy_object, {"Bucket": "kept", "Key": "k", "CopySource": source}),
            (s3.rename_object, {"Bucket": BUCKET, "Key": "renamed", "RenameSource": "k"}),
            (s3.create_multipart_upload, {"Bucket": BUCKET, "Key": "new"}),
            (s3.upload_part, {**begun, "PartNumber": 2, "Body": b"x" * 300_000}),
            (s3.upload_part_copy, {**begun, "PartNumber": 3, "CopySource": source}),
            (s3.complete_multipart_upload, {**begun, "MultipartUpload": listed}),
            (s3.put_object_tagging, {"Bucket": "kept", "Key": "k", "Tagging": tags}),
            (s3.delete_object_tagging, {"Bucket": "kept", "Key": "tagged"}),
            (s3.put_object_acl, {"Bucket": "kept", "Key": "k", "ACL": "public-read"}),
            (s3.put_object_retention, {"Bucket": "kept", "Key": "k", "Retention": retention}),
            (s3.put_object_legal_hold, {"Bucket": "kept", "Key": "k", "LegalHold": {"Status": "ON"}}),
            (s3.put_bucket_tagging, {"Bucket": BUCKET, "Tagging": tags}),
            (s3.put_bucket_acl, {"Bucket": "kept", "ACL": "public-read"}),
            (s3.put_bucket_versioning, {"Bucket": BUCKET, "VersioningConfiguration": {"Status": "Enabled"}}),
            (s3.put_bucket_lifecycle_configuration,
             {"Bucket": "kept", "LifecycleConfiguration": {"Rules": [rule]}}),
            (s3.create_bucket, {"Bucket": "new-bucket"}),
        ]  # fmt: skip
        for call, arguments in calls:
            refusal = refused_with(call, **arguments)
            assert refusal == (507, "InsufficientStorage"), (call.__name__, refusal)
        assert posted(s3) == 507
        # All is as it was, and can be read.
        assert state_of(s3) == before
        # What frees space is done.
        assert outcome(s3.delete_object, Bucket="kept", Key="k", VersionId=versions[0]) == 204
        assert outcome(s3.abort_multipart_upload, **begun) == 204
        for number in range(count):
            assert outcome(s3.delete_object, Bucket=BUCKET, Key=f"fill-{number}") == 204
        (root / "other").unlink()
        for call, arguments in calls:
            if arguments.get("UploadId") is None and call != s3.rename_object:
                assert outcome(call, **arguments) in (200, 204), call.__name__
        assert posted(s3) == 204
    report = check_folder(root / "s3", deep=True)
    assert report.findings == [], report.findings


def refused_with(call, **arguments):
    try:
        call(**arguments)
    except ClientError as refused:
        return refused.response["ResponseMetadata"]["HTTPStatusCode"], refused.response["Error"]["Code"]
    return None


def posted(s3):
    """Returns the status of a form that posts a file."""
    form = s3.generate_presigned_post(BUCKET, "posted")
    fields = [*form["fields"].items(), ("file", ("name", b"x" * 300_000, "application/octet-stream"))]
    body, content_type = urllib3.encode_multipart_formdata(fields)
    answer = urllib3.request("POST", form["url"], body=body, headers={"Content-Type": content_type})
    if answer.status >= 400:
        assert b"<Code>InsufficientStorage</Code>" in answer.data
    return answer.status


def state_of(s3):
    """Returns all that can be read of both buckets."""
    return [read_bucket(s3, bucket) for bucket in (BUCKET, "kept")], s3.list_buckets()["Buckets"]


if __name__ == "__main__":
    if sys.argv[2] == "everything":
        write_everything(Path(sys.argv[1]))
    else:
        fill_and_empty(Path(sys.argv[1]), int(sys.argv[2]))
