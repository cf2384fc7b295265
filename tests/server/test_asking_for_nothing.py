"""Headers, parameters and elements that ask for nothing are taken, wherever some client sends them.

Those that ask for what is not here are refused.
"""

from __future__ import annotations

from urllib.parse import quote

import pytest
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odd_requests import sts
from s3_callers import BUCKET, client_of, content_md5, send, signed_headers, signed_send
from test_posting import BOUNDARY, content_of, form_for, post

from s3portal.server.pytest_plugin import ROLE_ARN

EMPTY = [
    "x-amz-acl", "x-amz-grant-read", "x-amz-grant-full-control", "x-amz-storage-class", "x-amz-tagging",
    "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-customer-algorithm", "x-amz-object-lock-mode", "x-amz-mfa",
    "x-amz-object-lock-retain-until-date", "x-amz-object-lock-legal-hold", "x-amz-write-offset-bytes",
    "x-amz-website-redirect-location", "x-amz-expected-bucket-owner", "x-amz-request-payer", "x-amz-trailer",
    "x-amz-checksum-algorithm", "x-amz-checksum-type", "x-amz-checksum-mode", "x-amz-sdk-checksum-algorithm",
    "x-amz-bucket-object-lock-enabled", "x-amz-metadata-directive", "x-amz-tagging-directive",
    "x-amz-copy-source-range", "x-amz-copy-source-if-match", "x-amz-copy-source-if-modified-since",
    "x-amz-copy-source-server-side-encryption-customer-algorithm", "x-amz-checksum-sha10", "if-match",
    "if-none-match", "if-modified-since", "if-unmodified-since", "range", "content-encoding", "cache-control",
    "x-amz-security-token", "x-amz-mp-object-size", "x-amz-if-match-size",
]  # fmt: skip
NOTHING = [
    ("x-amz-bucket-object-lock-enabled", "false"),
    ("x-amz-bucket-object-lock-enabled", "False"),
    ("x-amz-object-lock-legal-hold", "OFF"),
    ("x-amz-server-side-encryption-bucket-key-enabled", "false"),
    ("x-amz-storage-class", "STANDARD"),
    ("x-amz-acl", "private"),
    ("x-amz-acl", "bucket-owner-full-control"),
    ("x-amz-expected-bucket-owner", "000000000000"),
    ("x-amz-bypass-governance-retention", "false"),
    ("x-amz-tagging-directive", "COPY"),
    ("x-amz-object-ownership", "BucketOwnerEnforced"),
    ("x-amz-optional-object-attributes", ""),
]
SOMETHING = [
    ("x-amz-object-lock-legal-hold", "ON", 400),
    ("x-amz-object-lock-mode", "GOVERNANCE", 400),
    ("x-amz-server-side-encryption", "DES", 400),
    ("x-amz-server-side-encryption-customer-algorithm", "AES256", 400),
    ("x-amz-tagging", "aws:a=b", 400),
    ("x-amz-grant-read", "uri=x", 400),
    ("x-amz-website-redirect-location", "x", 400),
    ("x-amz-acl", "public-read", 400),
    ("x-amz-storage-class", "COLD", 400),
    ("x-amz-checksum-sha384", "AA==", 400),
    ("x-amz-expected-bucket-owner", "111111111111", 403),
]


@pytest.fixture
def calls(shared_server):
    """Every operation, as a call with more headers."""
    s3 = client_of(shared_server)
    s3.put_object(Bucket=BUCKET, Key="source", Body=b"x")
    upload_id = s3.create_multipart_upload(Bucket=BUCKET, Key="k")["UploadId"]
    copy = {"x-amz-copy-source": f"{BUCKET}/source"}
    part = f"/{BUCKET}/k?partNumber=1&uploadId={upload_id}"

    def call(method, path, body=b"", **own):
        return lambda headers: signed_send(
            shared_server,
            method,
            path,
            {name.replace("_", "-"): value for name, value in own.items()} | headers,
            body,
        )

    def complete(headers):
        given = s3.create_multipart_upload(Bucket=BUCKET, Key="k")["UploadId"]
        etag = s3.upload_part(Bucket=BUCKET, Key="k", UploadId=given, PartNumber=1, Body=b"x")["ETag"]
        listed = f"<Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>"
        body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        return signed_send(shared_server, "POST", f"/{BUCKET}/k?uploadId={given}", headers, body)

    return {
        "PutObject": call("PUT", f"/{BUCKET}/k", b"x"),
        "CopyObject": call("PUT", f"/{BUCKET}/k", **{n.replace("-", "_"): v for n, v in copy.items()}),
        "CreateMultipartUpload": call("POST", f"/{BUCKET}/k?uploads"),
        "UploadPart": call("PUT", part, b"x"),
        "UploadPartCopy": call("PUT", part, **{n.replace("-", "_"): v for n, v in copy.items()}),
        "CompleteMultipartUpload": complete,
        "GetObject": call("GET", f"/{BUCKET}/source"),
        "HeadObject": call("HEAD", f"/{BUCKET}/source"),
        "DeleteObject": call("DELETE", f"/{BUCKET}/k"),
        "ListObjectsV2": call("GET", f"/{BUCKET}?list-type=2"),
    }


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_header_asks_for_nothing_in_any_call(calls, name):
    for operation, call in calls.items():
        status, _, body = call({name: ""})
        assert status in (200, 204), (operation, body)


@pytest.mark.parametrize(("name", "value"), NOTHING)
def test_the_values_that_ask_for_nothing_pass_in_any_call(calls, name, value):
    for operation, call in calls.items():
        status, _, body = call({name: value})
        assert status in (200, 204), (operation, body)


@pytest.mark.parametrize(("name", "value", "expected"), SOMETHING)
def test_those_that_ask_for_something_are_still_refused(calls, name, value, expected):
    assert calls["PutObject"]({name: value})[0] == expected
    assert calls["CreateMultipartUpload"]({name: value})[0] == expected


def test_a_bucket_without_object_lock_is_what_rclone_asks_for(s3_server):
    admin = client_of(s3_server, "admin")
    admin.create_bucket(Bucket="plain", ObjectLockEnabledForBucket=False, ACL="private")
    assert "plain" in [bucket["Name"] for bucket in admin.list_buckets()["Buckets"]]


EMPTY_DOCUMENTS = [
    ("PUT", "?cors",
     "<CORSConfiguration><CORSRule><ID/><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>"
     "<AllowedHeader/><ExposeHeader></ExposeHeader><MaxAgeSeconds/><Later/></CORSRule></CORSConfiguration>"),
    ("POST", "?delete",
     "<Delete><Quiet/><Object><Key>k</Key><VersionId/><ETag/><Size></Size><LastModifiedTime/></Object></Delete>"),
    ("PUT", "", "<CreateBucketConfiguration><LocationConstraint/><Location/><Bucket/><Tags/>"
     "</CreateBucketConfiguration>"),
    ("PUT", "", '<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>'),
]  # fmt: skip


@pytest.mark.parametrize(("method", "query", "document"), EMPTY_DOCUMENTS)
def test_empty_elements_ask_for_nothing(s3_server, method, query, document):
    path = f"/{BUCKET}{query}"
    sent = document.encode()
    headers = signed_headers(
        s3_server, method, s3_server.endpoint + path, content_md5(sent), sent, user="admin"
    )
    status, _, body = send(s3_server, method, path, headers, sent)
    assert status == 200, body


def test_empty_elements_of_parts_ask_for_nothing(s3_server, s3):
    upload_id = s3.create_multipart_upload(Bucket=BUCKET, Key="k")["UploadId"]
    etag = s3.upload_part(Bucket=BUCKET, Key="k", UploadId=upload_id, PartNumber=1, Body=b"x")["ETag"]
    part = (
        f"<PartNumber>1</PartNumber><ETag>{etag}</ETag><ChecksumCRC32/><ChecksumSHA256/><ChecksumXXHASH64/>"
    )
    body = f"<CompleteMultipartUpload><Part>{part}</Part></CompleteMultipartUpload>".encode()
    assert signed_send(s3_server, "POST", f"/{BUCKET}/k?uploadId={upload_id}", body=body)[0] == 200


def test_an_element_that_asks_for_something_unknown_is_refused(s3_server):
    body = b"<Delete><Object><Key>k</Key><Later>x</Later></Object></Delete>"
    assert signed_send(s3_server, "POST", f"/{BUCKET}?delete", content_md5(body), body)[0] == 400


@pytest.mark.parametrize(
    "query",
    [
        "list-type=2&continuation-token=",
        "list-type=2&start-after=&delimiter=&prefix=&max-keys=&encoding-type=",
        "marker=&delimiter=&prefix=&max-keys=&encoding-type=",
        "list-type=2&fetch-owner=",
        "versioning=",
    ],
)
def test_empty_parameters_ask_for_nothing(s3_server, s3, query):
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    status, _, body = signed_send(s3_server, "GET", f"/{BUCKET}?{query}")
    assert (status, b"<Key>k</Key>" in body or "versioning" in query) == (200, True)
    assert b"<Delimiter" not in body


def test_an_empty_override_leaves_the_header_as_it_is(s3_server, s3):
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x", ContentType="text/csv")
    _, headers, _ = signed_send(s3_server, "GET", f"/{BUCKET}/k?response-content-type=")
    assert headers["content-type"] == "text/csv"


@pytest.mark.parametrize(
    "name",
    ["ExternalId", "SourceIdentity", "SerialNumber", "Tags", "PolicyArns", "Policy", "TransitiveTagKeys",
     "ProvidedContexts", "DurationSeconds"],
)  # fmt: skip
def test_an_empty_parameter_of_assume_role_asks_for_nothing(s3_server, name):
    body = f"Action=AssumeRole&Version=2011-06-15&RoleSessionName=anna&RoleArn={quote(ROLE_ARN)}&{name}="
    assert sts(s3_server, body.encode())[0] == 200
    if name not in ("Policy", "DurationSeconds"):
        assert sts(s3_server, body.encode() + b"x")[0] == 400


FIELDS = ["acl", "x-amz-storage-class", "x-amz-server-side-encryption", "tagging", "x-amz-security-token",
          "success_action_status", "success_action_redirect", "Content-Type"]  # fmt: skip


@pytest.mark.parametrize("name", FIELDS)
def test_an_empty_field_of_a_form_asks_for_nothing(s3_server, s3, name):
    fields = form_for(s3, "k", [{name: ""}])
    assert post(s3_server, parts_with_filenames(fields | {name: ""}))[0] == 204


def parts_with_filenames(fields, content=b"content", file_part='name="file"; filename="a.csv"'):
    """A form as `requests` writes it for ``files=``: each field has a file name and a content type."""
    written = b"".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n'
        f"Content-Type: application/octet-stream\r\n\r\n{value}\r\n".encode()
        for name, value in fields.items()
    )
    file = f"--{BOUNDARY}\r\nContent-Disposition: form-data; {file_part}\r\n\r\n".encode()
    return written + file + content + f"\r\n--{BOUNDARY}--\r\n".encode()


@pytest.mark.parametrize(
    "file_part", ['name="file"; filename="a.csv"', 'name="file"', 'name="File"; filename=""']
)
def test_the_name_says_which_field_is_the_file(s3_server, s3, file_part):
    fields = form_for(s3, "k")
    assert post(s3_server, parts_with_filenames(fields, file_part=file_part))[0] == 204
    assert content_of(s3, "k") == b"content"


def test_a_form_without_a_field_called_file_has_none(s3_server, s3):
    body = parts_with_filenames(form_for(s3, "k"), file_part='name="upload"; filename="a.csv"')
    assert post(s3_server, body)[::2] == (400, "IncorrectNumberOfFilesInPostRequest")


@pytest.mark.parametrize(
    ("tagging", "status"),
    [
        ("<Tagging><TagSet></TagSet></Tagging>", 204),
        ("<Tagging><TagSet/></Tagging>", 204),
        ("<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>", 204),
        ("<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>", 400),
    ],
)
def test_a_forms_tags_are_taken_as_a_document(s3_server, s3, tagging, status):
    fields = form_for(s3, "k", [["starts-with", "$tagging", ""]]) | {"tagging": tagging}
    assert post(s3_server, parts_with_filenames(fields))[0] == status


@pytest.mark.parametrize("operator", ["starts-with", "StArTs-WiTh", "STARTS-WITH"])
@pytest.mark.parametrize("size_range", ["content-length-range", "Content-Length-Range"])
def test_the_operators_of_a_forms_policy_are_in_any_case(s3_server, s3, operator, size_range):
    conditions = [[operator, "$x-amz-meta-a", "b"], [size_range, 1, 100], ["EQ", "$x-amz-meta-c", "d"]]
    fields = form_for(s3, "k", conditions) | {"x-amz-meta-a": "bc", "x-amz-meta-c": "d"}
    assert post(s3_server, parts_with_filenames(fields))[0] == 204
    assert post(s3_server, parts_with_filenames(fields | {"x-amz-meta-a": "x"}))[0] == 403
    assert post(s3_server, parts_with_filenames(fields, b"x" * 101))[0] == 400


NASTY = [
    *(
        "",
        " ",
        "0",
        "-1",
        "9" * 400,
        "1e999",
        "NaN",
        "null",
        "*",
        ",",
        ";",
        "/",
        "//",
        "..",
        "%",
        "%00",
        "%ff",
        "=",
        "==",
    ),
    *(
        "true",
        "a" * 3000,
        "é",
        "\x01",
        "\x85",
        "Thu, 01 Jan 99999999999999999999 00:00:00 GMT",
        "bytes=5-1",
        "bytes=-",
    ),
    *(
        '"',
        '"a',
        "W/",
        "AAAA",
        "AAAAAA==",
        "SHA256",
        "CRC32",
        "FULL_OBJECT",
        "COMPOSITE",
        "REPLACE",
        "aws-chunked",
    ),
    *("STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "UNSIGNED-PAYLOAD"),
    *("x-amz-checksum-crc32", "x-amz-checksum-sha10", "test-bucket/source?versionId=", "100-continue"),
]
NAMES = [
    *EMPTY,
    *(
        "x-amz-copy-source",
        "x-amz-content-sha256",
        "x-amz-decoded-content-length",
        "content-md5",
        "if-range",
        "expect",
    ),
    *(
        "origin",
        "access-control-request-method",
        "content-type",
        "content-language",
        "expires",
        "x-amz-meta-a",
        "te",
    ),
    *(
        "x-amz-checksum-crc32",
        "x-amz-checksum-sha256",
        "x-amz-checksum-crc64nvme",
        "x-amz-date",
        "date",
        "upgrade",
    ),
]


@settings(
    max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(headers=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(NASTY), min_size=1, max_size=4))
def test_no_combination_of_headers_is_a_failure(calls, headers):
    for operation, call in calls.items():
        status, _, body = call(headers)
        assert status < 500 or status == 501, (operation, body)
