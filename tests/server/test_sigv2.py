"""Signatures of version 2: a switch for old clients, off by default, never for sessions."""

from __future__ import annotations

import io
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from s3_callers import BUCKET, code_of, send
from test_posting import form_for, parts_of, post
from test_sts import assume

from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer


@pytest.fixture
def lenient(tmp_path):
    with RunningServer(tmp_path / "s3", server_config() | {"allow_sigv2": True}) as server:
        yield server


def old_client(server, user="portal", addressing="path", **keys):
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        config=Config(
            signature_version="s3",
            retries={"total_max_attempts": 1},
            s3={"addressing_style": addressing},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
        **(
            keys
            or {
                "aws_access_key_id": server.users[user].access_key_id,
                "aws_secret_access_key": server.users[user].secret_access_key,
            }
        ),
    )


def test_the_common_work_of_a_client(lenient):
    s3 = old_client(lenient)
    for key in ("plain", "a b/ü+%2F?&=.txt"):
        s3.put_object(
            Bucket=BUCKET, Key=key, Body=b"x" * 1000, Metadata={"name": "a  b"}, ContentType="text/plain"
        )
        assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"x" * 1000
        s3.copy_object(Bucket=BUCKET, Key="copy", CopySource={"Bucket": BUCKET, "Key": key})
    assert s3.list_objects(Bucket=BUCKET, Prefix="a b/", Delimiter="/", MaxKeys=5)["Contents"]
    assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 3
    s3.upload_fileobj(io.BytesIO(b"y" * 9_000_000), BUCKET, "parts")
    assert s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] is None
    s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "copy"}, {"Key": "parts"}]})
    assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 2


def test_a_bucket_in_the_host(tmp_path):
    config = server_config() | {"allow_sigv2": True, "base_domain": "s3.example.org"}
    with RunningServer(tmp_path / "s3", config) as server:
        old_client(server).put_object(Bucket=BUCKET, Key="k", Body=b"x")
        s3 = old_client(server, addressing="virtual")
        url = s3.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "k"})
        parts = urlsplit(url)
        host = {"Host": f"{BUCKET}.s3.example.org"}
        # boto3 leaves the bucket in the path of an address of digits.
        target = f"{parts.path.removeprefix('/' + BUCKET)}?{parts.query}"
        assert send(server, "GET", target, host)[0] == 200
        # The same words in the path are another object.
        assert send(server, "GET", target)[0] in (403, 404)


def test_presigned_urls(lenient):
    s3 = old_client(lenient)
    put = s3.generate_presigned_url("put_object", {"Bucket": BUCKET, "Key": "k"})
    assert "AWSAccessKeyId=" in put
    assert send(lenient, "PUT", put, body=b"x")[0] == 200
    named = {"Bucket": BUCKET, "Key": "k", "ResponseContentDisposition": 'attachment; filename="ü.txt"'}
    get = s3.generate_presigned_url("get_object", named, ExpiresIn=60)
    status, headers, body = send(lenient, "GET", get)
    assert (status, body) == (200, b"x")
    assert headers["content-disposition"].startswith("attachment")
    for changed in (get.replace("/k?", "/l?"), get.replace("Expires=", "Expires=1"), get + "&acl"):
        assert b"SignatureDoesNotMatch" in send(lenient, "GET", changed)[2]
    # Not covered by the signature, so it must not change what is asked for.
    status, _, body = send(lenient, "GET", get + "&retention")
    assert (status, b"ParametersNotSigned>retention" in body) == (403, True)
    lenient.advance_clock(61)
    assert b"Request has expired" in send(lenient, "GET", get)[2]


def test_what_is_wrong_is_told(lenient):
    wrong = {"aws_access_key_id": "portal-key", "aws_secret_access_key": "wrong"}
    assert code_of(old_client(lenient, **wrong).list_objects, Bucket=BUCKET) == "SignatureDoesNotMatch"
    unknown = wrong | {"aws_access_key_id": "nobody"}
    assert code_of(old_client(lenient, **unknown).list_objects, Bucket=BUCKET) == "InvalidAccessKeyId"
    for headers, status, says in (
        ({"Authorization": "AWS x"}, 400, b"<Code>InvalidArgument</Code>"),
        ({"Authorization": "AWS portal-key:c2lnbmF0dXJl"}, 403, b"valid Date"),
        (
            {"Authorization": "AWS portal-key:c2ln", "Date": "Thu, 01 Jan 1970 00:00:00 GMT"},
            403,
            b"SignatureDoesNot",
        ),
    ):
        answered, _, body = send(lenient, "GET", f"/{BUCKET}", headers)
        assert (answered, says in body) == (status, True)
    lenient.advance_clock(-3600)
    assert code_of(old_client(lenient).list_objects, Bucket=BUCKET) == "RequestTimeTooSkewed"


def test_never_for_a_session(lenient):
    given = assume(lenient)["Credentials"]
    keys = {"aws_access_key_id": given["AccessKeyId"], "aws_secret_access_key": given["SecretAccessKey"]}
    for token in ({"aws_session_token": given["SessionToken"]}, {}):
        client = old_client(lenient, **keys, **token)
        assert code_of(client.list_objects, Bucket=BUCKET) == "InvalidRequest"
        url = client.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "k"})
        assert b"signature_version='s3v4'" in send(lenient, "GET", url)[2]


def test_forms(lenient):
    s3 = old_client(lenient)
    fields = form_for(s3, "lab/${filename}", [["content-length-range", 1, 5]])
    assert set(fields) == {"key", "AWSAccessKeyId", "policy", "signature"}

    assert post(lenient, parts_of(fields, b"rain"))[0] == 204
    assert s3.get_object(Bucket=BUCKET, Key="lab/rivers.csv")["Body"].read() == b"rain"

    refused = {
        "EntityTooLarge": fields,
        "AccessDenied": fields | {"x-amz-meta-a": "b"},
        "InvalidAccessKeyId": fields | {"AWSAccessKeyId": "nobody"},
        "SignatureDoesNotMatch": fields | {"signature": "\N{GREEK SMALL LETTER ALPHA}"},
    }
    for code, given in refused.items():
        assert post(lenient, parts_of(given, b"rainfall"))[2] == code
    for name in ("AWSAccessKeyId", "policy", "signature"):
        given = {other: value for other, value in fields.items() if other != name}
        assert post(lenient, parts_of(given, b"rain"))[::2] == (400, "InvalidArgument")
    lenient.advance_clock(61)
    assert post(lenient, parts_of(fields, b"rain"))[::2] == (403, "AccessDenied")
    assert s3.list_objects(Bucket=BUCKET)["Contents"][0]["Size"] == 4


def test_no_form_of_a_session(lenient):
    given = assume(lenient)["Credentials"]
    keys = {"aws_access_key_id": given["AccessKeyId"], "aws_secret_access_key": given["SecretAccessKey"]}
    for token in ({"aws_session_token": given["SessionToken"]}, {}):
        fields = form_for(old_client(lenient, **keys, **token), "k")
        assert post(lenient, parts_of(fields, b"x"))[::2] == (400, "InvalidRequest")


def test_off_unless_asked_for(s3_server):
    s3 = old_client(s3_server)
    assert code_of(s3.list_objects, Bucket=BUCKET) == "InvalidRequest"
    assert post(s3_server, parts_of(form_for(s3, "k"), b"x"))[::2] == (400, "InvalidRequest")


def test_policies_can_keep_it_out(tmp_path):
    config = server_config() | {"allow_sigv2": True}
    config["users"][1]["policy"]["Statement"].append(
        {
            "Effect": "Deny",
            "Action": "s3:*",
            "Resource": "*",
            "Condition": {"StringEquals": {"s3:signatureversion": "AWS"}},
        }
    )
    with RunningServer(tmp_path / "s3", config) as server:
        assert code_of(old_client(server).list_objects, Bucket=BUCKET) == "AccessDenied"
        assert old_client(server, "admin").list_objects(Bucket=BUCKET)
