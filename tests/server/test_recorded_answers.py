"""Answers that S3 was seen to give where its API pages leave room: codes, conditions, times."""

from __future__ import annotations

import re

import pytest
from s3_callers import BUCKET, client_of, refusal_of, signed_send


@pytest.fixture
def admin(s3_server):
    return client_of(s3_server, "admin")


def told(answer):
    """The status, the code and the facts of a refusal."""
    status, _, body = answer
    facts = dict(re.findall(r"<(\w+)>([^<]*)</\1>", body.decode()))
    return status, facts.pop("Code", None), facts


class TestConditions:
    @pytest.mark.parametrize(
        "name", ["If-Match", "If-None-Match", "If-Unmodified-Since", "If-Modified-Since"]
    )
    def test_of_a_copys_source_are_named_so(self, s3_server, admin, name):
        etag = admin.put_object(Bucket=BUCKET, Key="k", Body=b"x")["ETag"]
        modified = admin.head_object(Bucket=BUCKET, Key="k")["ResponseMetadata"]["HTTPHeaders"][
            "last-modified"
        ]
        failing = {
            "If-Match": '"other"',
            "If-None-Match": etag,
            "If-Unmodified-Since": "Mon, 01 Jan 2001 00:00:00 GMT",
            "If-Modified-Since": modified,
        }
        source = {"x-amz-copy-source": f"{BUCKET}/k", f"x-amz-copy-source-{name}": failing[name]}
        status, code, facts = told(signed_send(s3_server, "PUT", f"/{BUCKET}/copy", source))
        assert (status, code, facts["Condition"]) == (412, "PreconditionFailed", f"x-amz-copy-source-{name}")

    @pytest.mark.parametrize(
        ("headers", "names"),
        [
            ({"If-None-Match": '"etag"'}, "If-None-Match"),
            ({"If-None-Match": "*", "If-Match": '"etag"'}, "If-Match,If-None-Match"),
            ({"If-None-Match": '"etag"', "If-Match": "*"}, "If-Match,If-None-Match"),
        ],
    )
    @pytest.mark.parametrize("copies", [False, True])
    def test_of_writes_that_s3_does_not_know(self, s3_server, s3, headers, names, copies):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"old")
        source = {"x-amz-copy-source": f"{BUCKET}/k"} if copies else {}
        body = b"" if copies else b"new"
        status, code, facts = told(
            signed_send(s3_server, "PUT", f"/{BUCKET}/to", {**headers, **source}, body)
        )
        assert (status, code, facts["Header"]) == (501, "NotImplemented", names)
        assert facts["additionalMessage"]
        assert [each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["k"]

    def test_of_a_deletion_that_would_be_ignored(self, s3_server, s3):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"kept")
        answer = told(signed_send(s3_server, "DELETE", f"/{BUCKET}/k", {"If-None-Match": "*"}))
        assert answer[:2] == (501, "NotImplemented")
        assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"kept"


class TestReading:
    def test_only_some_headers_of_an_answer_can_be_chosen(self, s3_server, s3):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")
        status, code, facts = told(signed_send(s3_server, "GET", f"/{BUCKET}/k?response-etag=y"))
        assert (status, code) == (400, "InvalidArgument")
        assert facts["ArgumentName"] == "response-etag"
        assert facts["Message"].startswith("response-etag is not in the set of overridable response headers")
        assert signed_send(s3_server, "HEAD", f"/{BUCKET}/k?response-etag=y")[0] == 400
        answer = signed_send(s3_server, "GET", f"/{BUCKET}/k?response-content-type=text%2Fplain")
        assert (answer[0], answer[1]["content-type"]) == (200, "text/plain")

    @pytest.mark.parametrize(
        ("asked", "covers_all"),
        [("bytes=0-9", True), ("bytes=0-100", True), ("bytes=-15", True), ("bytes=0-8", False)],
    )
    def test_a_range_of_everything_has_the_checksum(self, s3, asked, covers_all):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"0123456789", ChecksumAlgorithm="CRC32")
        got = s3.get_object(Bucket=BUCKET, Key="k", Range=asked, ChecksumMode="ENABLED")
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert ("ChecksumCRC32" in got) is covers_all
        got["Body"].read()

    def test_attributes_must_be_named(self, s3_server, s3):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")
        for headers in ({}, {"x-amz-object-attributes": ""}):
            answer = told(signed_send(s3_server, "GET", f"/{BUCKET}/k?attributes", headers))
            assert answer[:2] == (400, "InvalidRequest")
        unknown = {"x-amz-object-attributes": "ETag,Colour"}
        assert told(signed_send(s3_server, "GET", f"/{BUCKET}/k?attributes", unknown))[1] == "InvalidArgument"


class TestListing:
    def test_times_are_those_of_the_header_last_modified(self, s3_server, admin):
        """Whole seconds, in every document: who compares a listing with a HEAD finds nothing changed."""
        bucket = "kept-versions"
        admin.create_bucket(Bucket=bucket)
        versioned = {"Status": "Enabled"}
        admin.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=versioned)
        admin.put_object(Bucket=bucket, Key="k", Body=b"x")
        admin.delete_object(Bucket=bucket, Key="gone")
        upload = admin.create_multipart_upload(Bucket=bucket, Key="u")["UploadId"]
        admin.upload_part(Bucket=bucket, Key="u", UploadId=upload, PartNumber=1, Body=b"x")
        copied = {"x-amz-copy-source": f"{bucket}/k"}
        for method, path, headers in (
            ("GET", "/", {}),
            ("GET", f"/{bucket}", {}),
            ("GET", f"/{bucket}?list-type=2", {}),
            ("GET", f"/{bucket}?versions", {}),
            ("GET", f"/{bucket}?uploads", {}),
            ("GET", f"/{bucket}/u?uploadId={upload}", {}),
            ("PUT", f"/{bucket}/copy", copied),
            ("PUT", f"/{bucket}/u?uploadId={upload}&partNumber=2", copied),
        ):
            body = signed_send(s3_server, method, path, headers, user="admin")[2].decode()
            times = re.findall(r"<(?:LastModified|Initiated|CreationDate)>([^<]*)<", body)
            assert times, path
            assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z", each) for each in times), path
        [listed] = admin.list_objects_v2(Bucket=bucket, Prefix="k")["Contents"]
        assert listed["LastModified"] == admin.head_object(Bucket=bucket, Key="k")["LastModified"]

    def test_a_marker_that_is_no_upload_id(self, s3_server, s3):
        upload = s3.create_multipart_upload(Bucket=BUCKET, Key="u")["UploadId"]
        wrong = f"/{BUCKET}?uploads&key-marker=u&upload-id-marker=abc"
        assert told(signed_send(s3_server, "GET", wrong))[:2] == (400, "InvalidArgument")
        # Without a key it says nothing; an upload that is gone meanwhile still is a place to go on from.
        assert signed_send(s3_server, "GET", f"/{BUCKET}?uploads&upload-id-marker=abc")[0] == 200
        s3.abort_multipart_upload(Bucket=BUCKET, Key="u", UploadId=upload)
        left = s3.list_multipart_uploads(Bucket=BUCKET, KeyMarker="u", UploadIdMarker=upload)
        assert "Uploads" not in left


@pytest.mark.parametrize(
    ("asked", "code", "says"),
    [
        ("bytes=1-", "InvalidArgument", "must be of the form bytes=first-last where"),
        ("bytes=3-2", "InvalidArgument", "must be of the form bytes=first-last where"),
        ("bytes=0-10", "InvalidArgument", "Range specified is not valid for source object of size: 10"),
        ("bytes=10-10", "InvalidRequest", "The specified copy range is invalid for the source object size"),
    ],
)
def test_ranges_of_copied_parts(s3, asked, code, says):
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"0123456789")
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="u")["UploadId"]
    part = {"Bucket": BUCKET, "Key": "u", "UploadId": upload, "PartNumber": 1}
    refused = refusal_of(s3.upload_part_copy, **part, CopySource=f"{BUCKET}/k", CopySourceRange=asked)
    assert (refused.status, refused.code) == (400, code)
    assert says in refused.error["Message"]


def test_a_delete_marker_has_no_tags_and_takes_none(s3_server, admin):
    bucket = "kept-versions"
    admin.create_bucket(Bucket=bucket)
    admin.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    admin.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=b")
    marker = admin.delete_object(Bucket=bucket, Key="k")["VersionId"]
    place = {"Bucket": bucket, "Key": "k"}
    for named in ({}, {"VersionId": marker}):
        for call, more in (
            (admin.get_object_tagging, {}),
            (admin.put_object_tagging, {"Tagging": {"TagSet": []}}),
            (admin.delete_object_tagging, {}),
        ):
            refused = refusal_of(call, **place, **named, **more)
            assert (refused.status, refused.code) == (405, "MethodNotAllowed")
            assert refused.error["ResourceType"] == "DeleteMarker"


def test_an_empty_object_ownership_is_none(s3_server):
    status, code, facts = told(
        signed_send(s3_server, "PUT", "/new-bucket", {"x-amz-object-ownership": ""}, user="admin")
    )
    assert (status, code, facts["ArgumentName"]) == (400, "InvalidArgument", "x-amz-object-ownership")
