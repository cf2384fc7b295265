"""Headers that presigned URLs carry in their query, as the SDKs for JavaScript make them."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from s3_callers import BUCKET, send


def presigned(server, method, key, parameters, headers=None, user="portal"):
    """The target of a URL that was signed with these parameters in it, and with these headers."""
    url = f"{server.endpoint}/{BUCKET}/{key}?{urlencode(parameters)}"
    request = AWSRequest(method, url, headers=headers or {})
    keys = Credentials(server.users[user].access_key_id, server.users[user].secret_access_key)
    S3SigV4QueryAuth(keys, "s3", "us-east-1", expires=60).add_auth(request)
    return request.url.removeprefix(server.endpoint)


def put(server, parameters, headers=None, sent=None, body=b"content"):
    target = presigned(server, "PUT", "k", parameters, headers)
    return send(server, "PUT", target, sent or {}, body)[0]


def test_what_the_url_says_of_the_object_is_stored(s3_server, s3):
    parameters = {"x-amz-meta-station": "São Tomé", "x-amz-storage-class": "GLACIER", "x-amz-tagging": "a=b"}
    assert put(s3_server, parameters) == 200
    head = s3.head_object(Bucket=BUCKET, Key="k")
    stored = head["Metadata"]["station"].encode("latin-1").decode()
    assert (stored, head["StorageClass"]) == ("São Tomé", "GLACIER")
    assert s3.get_object_tagging(Bucket=BUCKET, Key="k")["TagSet"] == [{"Key": "a", "Value": "b"}]


def test_a_checksum_that_was_made_before_there_was_a_body_is_not_looked_at(s3_server, s3):
    parameters = {"x-amz-checksum-crc32": "AAAAAA==", "x-amz-sdk-checksum-algorithm": "CRC32"}
    assert put(s3_server, {**parameters, "x-id": "PutObject"}) == 200
    assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"content"


def test_headers_that_the_signature_covers_may_be_in_the_query_alone(s3_server, s3):
    # Signed with the header, sent without it.
    in_both = {"x-amz-meta-station": "north", "cache-control": "no-store"}
    assert put(s3_server, in_both, headers=in_both) == 200
    assert s3.head_object(Bucket=BUCKET, Key="k")["Metadata"] == {"station": "north"}


def test_what_is_no_s3_header_asks_for_nothing(s3_server, s3):
    assert put(s3_server, {"Content-Type": "text/csv"}, sent={"Content-Type": "text/plain"}) == 200
    assert s3.head_object(Bucket=BUCKET, Key="k")["ContentType"] == "text/plain"


def test_what_the_url_asks_for_is_decided_on_like_a_header(s3_server, s3):
    assert put(s3_server, {"x-amz-acl": "public-read"}) == 400
    assert put(s3_server, {"x-amz-storage-class": "ROCK"}) == 400
    assert put(s3_server, {"x-amz-expected-bucket-owner": "111122223333"}) == 403


def test_a_copy_may_be_asked_for_in_the_url(s3_server, s3):
    s3.put_object(Bucket=BUCKET, Key="source", Body=b"copied")
    assert put(s3_server, {"x-amz-copy-source": f"{BUCKET}/source"}, body=b"") == 200
    assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"copied"


@pytest.mark.parametrize("value", ["two\r\nlines", "a\0b"])
def test_what_no_header_can_hold_is_refused(s3_server, value):
    assert put(s3_server, {"x-amz-meta-station": value}) == 400


def test_a_parameter_that_was_added_afterwards_is_refused(s3_server):
    target = presigned(s3_server, "PUT", "k", {})
    assert send(s3_server, "PUT", f"{target}&x-amz-meta-station=north", {}, b"content")[0] == 403


def test_without_a_signature_the_query_has_no_headers(s3_server):
    assert send(s3_server, "PUT", f"/{BUCKET}/k?x-amz-acl=public-read", {}, b"content")[0] == 403
