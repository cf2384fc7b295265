"""Signature Version 4: AWS's own examples, botocore as the other side, and everything that is refused."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st
from s3_callers import BUCKET, code_of, refusal_of, send, signed_headers, signed_send

from s3portal.server.access import claims, sigv4
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.s3_request import parse_query

# https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
EXAMPLE_KEY, EXAMPLE_SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def signature_is_right(method, url, headers, payload_hash, secret=EXAMPLE_SECRET):
    parts = urlsplit(url)
    query = parse_query(parts.query)
    claim = claims.read_claim(dict(query), headers)
    forms = sigv4.canonical_requests(claim, method, parts.path, query, headers, payload_hash)
    return sigv4.matches(secret, claim, forms)


def authorization(signed_names, signature):
    return (
        f"AWS4-HMAC-SHA256 Credential={EXAMPLE_KEY}/20130524/us-east-1/s3/aws4_request,"
        f"SignedHeaders={signed_names},Signature={signature}"
    )


def test_the_documentations_get_object_example():
    headers = {
        "host": "examplebucket.s3.amazonaws.com",
        "range": "bytes=0-9",
        "x-amz-content-sha256": sigv4.EMPTY_SHA256,
        "x-amz-date": "20130524T000000Z",
    }
    headers["authorization"] = authorization(
        "host;range;x-amz-content-sha256;x-amz-date",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    )
    assert signature_is_right("GET", "/test.txt", headers, sigv4.EMPTY_SHA256)
    assert not signature_is_right("GET", "/test.txt", headers | {"range": "bytes=0-8"}, sigv4.EMPTY_SHA256)
    assert not signature_is_right("PUT", "/test.txt", headers, sigv4.EMPTY_SHA256)


def test_the_documentations_presigned_example():
    url = (
        "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        f"&X-Amz-Credential={EXAMPLE_KEY}%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )
    headers = {"host": "examplebucket.s3.amazonaws.com"}
    assert signature_is_right("GET", url, headers, sigv4.UNSIGNED_PAYLOAD)
    assert not signature_is_right("GET", url.replace("86400", "86401"), headers, sigv4.UNSIGNED_PAYLOAD)
    assert not signature_is_right("GET", url.replace("/test", "/best"), headers, sigv4.UNSIGNED_PAYLOAD)


names = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=30)
header_values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)


@given(key=names, parameters=st.dictionaries(names, names, max_size=3), value=header_values)
def test_what_botocore_signs_in_headers_is_right_and_stands_for_nothing_else(key, parameters, value):
    query = "&".join(f"{quote(name, safe='')}={quote(text, safe='')}" for name, text in parameters.items())
    url = f"http://host.example:9000/bucket/{quote(key)}?{query}"
    request = AWSRequest("PUT", url, {"x-amz-meta-note": value}, b"body")
    S3SigV4Auth(Credentials("key", "secret"), "s3", "eu-central-1").add_auth(request)
    headers = {name.lower(): text for name, text in request.headers.items()} | {"host": "host.example:9000"}
    payload_hash = headers["x-amz-content-sha256"]

    assert signature_is_right("PUT", url, headers, payload_hash, "secret")
    assert not signature_is_right("PUT", url + "&x=1", headers, payload_hash, "secret")
    assert not signature_is_right(
        "PUT", url, headers | {"x-amz-meta-note": value + "!"}, payload_hash, "secret"
    )
    assert not signature_is_right("PUT", url, headers, payload_hash, "another")


@given(key=names, expires_s=st.integers(1, claims.EXPIRES_LIMIT_S))
def test_what_botocore_presigns_is_right(key, expires_s):
    request = AWSRequest("GET", f"http://host.example/bucket/{quote(key)}", {})
    S3SigV4QueryAuth(Credentials("key", "secret", "token+/="), "s3", "us-east-1", expires_s).add_auth(request)

    claim = claims.read_claim(dict(parse_query(urlsplit(request.url).query)), {})

    assert (claim.expires_s, claim.session_token) == (expires_s, "token+/=")
    assert signature_is_right("GET", request.url, {"host": "host.example"}, sigv4.UNSIGNED_PAYLOAD, "secret")


@pytest.mark.parametrize("path", ["/bucket/a%2Fb", "/bucket/a//b", "/bucket/./a/../b", "/bucket/%41+~'()"])
def test_the_path_counts_as_it_was_sent(path):
    request = AWSRequest("GET", f"http://host.example{path}", {})
    S3SigV4Auth(Credentials("key", "secret"), "s3", "us-east-1").add_auth(request)
    headers = {name.lower(): text for name, text in request.headers.items()} | {"host": "host.example"}
    assert signature_is_right("GET", path, headers, sigv4.EMPTY_SHA256, "secret")


@given(st.text(max_size=200))
def test_no_authorization_header_is_a_crash(text):
    try:
        claim = claims.read_claim({}, {"authorization": text, "x-amz-date": "20130524T000000Z"})
    except S3Error as refused:
        assert refused.status in (400, 403)
    else:
        # Only an empty one claims nothing.
        assert (claim is None) == (text == "")


class TestPresignedUrls:
    def url(self, s3, key="k", expires_s=60, operation="get_object"):
        return s3.generate_presigned_url(operation, {"Bucket": BUCKET, "Key": key}, ExpiresIn=expires_s)

    def test_an_expired_one_says_so(self, s3_server, s3):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"content")
        short, long = self.url(s3, expires_s=90), self.url(s3, expires_s=2000)
        s3_server.advance_clock(1000)
        status, _, body = send(s3_server, "GET", short)
        assert status == 403
        assert b"<Code>AccessDenied</Code><Message>Request has expired</Message>" in body
        assert send(s3_server, "GET", long)[0] == 200

    def test_one_from_the_future_is_not_valid_yet(self, s3_server, s3):
        s3_server.advance_clock(-3600)
        assert b"Request is not yet valid" in send(s3_server, "GET", self.url(s3))[2]

    @pytest.mark.parametrize(
        ("was", "becomes"),
        [
            (r"X-Amz-Expires=60", "X-Amz-Expires=600"),
            (r"/k\?", "/other?"),
            (r"X-Amz-Signature=.", "X-Amz-Signature=0"),
            (r"$", "&response-content-type=text/html"),
            (r"portal-key", "admin-key"),
        ],
    )
    def test_an_altered_one_is_refused(self, s3_server, s3, was, becomes):
        url = re.sub(was, becomes, self.url(s3), count=1)
        if url == self.url(s3):
            url = url[:-1] + ("0" if url[-1] != "0" else "1")
        status, _, body = send(s3_server, "GET", url)
        assert (status, b"<Code>SignatureDoesNotMatch</Code>" in body) == (403, True)

    @pytest.mark.parametrize(
        ("name", "value", "code"),
        [
            ("X-Amz-Expires", "604801", b"AuthorizationQueryParametersError"),
            ("X-Amz-Expires", "0", b"AuthorizationQueryParametersError"),
            ("X-Amz-Expires", "soon", b"AuthorizationQueryParametersError"),
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA1", b"AuthorizationQueryParametersError"),
            ("X-Amz-Credential", "nonsense", b"AuthorizationQueryParametersError"),
            ("X-Amz-Date", "yesterday", b"AuthorizationQueryParametersError"),
            ("X-Amz-Signature", "zz", b"AuthorizationQueryParametersError"),
        ],
    )
    def test_a_malformed_one_is_a_bad_request(self, s3_server, s3, name, value, code):
        url = re.sub(rf"{name}=[^&]*", f"{name}={value}", self.url(s3))
        status, _, body = send(s3_server, "GET", url)
        assert (status, b"<Code>" + code in body) == (400, True)

    def test_an_authorization_header_beside_it_is_a_bad_request_as_on_aws(self, s3_server, s3):
        """What a portal's API token does when a client carries it along a redirect."""
        status, _, body = send(s3_server, "GET", self.url(s3), {"Authorization": "Bearer portal-token"})
        assert (status, b"Only one auth mechanism allowed" in body) == (400, True)
        assert b"portal-token" not in body

    def test_a_signed_length_is_enforced_to_the_byte(self, s3_server, s3):
        upload_id = s3.create_multipart_upload(Bucket=BUCKET, Key="k")["UploadId"]
        url = s3.generate_presigned_url(
            "upload_part",
            {"Bucket": BUCKET, "Key": "k", "UploadId": upload_id, "PartNumber": 1, "ContentLength": 10},
        )
        for length, status in [(9, 403), (11, 403), (10, 200)]:
            assert send(s3_server, "PUT", url, body=b"x" * length)[0] == status

    def test_a_header_that_changes_the_meaning_must_be_signed(self, s3_server, s3):
        url = self.url(s3, operation="put_object")
        status, _, body = send(s3_server, "PUT", url, {"x-amz-meta-owner": "somebody"}, b"x")
        assert (status, b"<HeadersNotSigned>x-amz-meta-owner</HeadersNotSigned>" in body) == (403, True)

    def test_one_for_get_serves_no_other_method(self, s3_server, s3):
        for method in ("PUT", "DELETE", "HEAD", "POST"):
            assert send(s3_server, method, self.url(s3))[0] in (403, 405)


def test_an_unknown_key_and_a_wrong_secret_are_told_apart(s3_server):
    from s3_callers import client_of

    unknown = client_of(s3_server, aws_access_key_id="nobody", aws_secret_access_key="whatever")
    wrong = client_of(s3_server, aws_access_key_id="portal-key", aws_secret_access_key="wrong")
    assert code_of(unknown.list_objects_v2, Bucket=BUCKET) == "InvalidAccessKeyId"
    assert code_of(wrong.list_objects_v2, Bucket=BUCKET) == "SignatureDoesNotMatch"


@pytest.mark.parametrize("minutes", [16, -16])
def test_a_clock_that_is_off_is_told_the_servers_time(s3_server, s3, minutes):
    s3_server.advance_clock(60 * minutes)
    refusal = refusal_of(s3.list_objects_v2, Bucket=BUCKET)
    assert (refusal.status, refusal.code) == (403, "RequestTimeTooSkewed")
    assert refusal.error["ServerTime"].startswith("20")


def test_anonymous_callers_get_nothing(s3_server):
    for method, path in [
        ("GET", "/"),
        ("GET", f"/{BUCKET}"),
        ("PUT", f"/{BUCKET}/k"),
        ("GET", f"/{BUCKET}/k"),
    ]:
        status, _, body = send(s3_server, method, path)
        assert (status, b"<Code>AccessDenied</Code>" in body) == (403, True)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("AWS key:signature", b"InvalidRequest"),
        ("Bearer token", b"InvalidArgument"),
        ("AWS4-HMAC-SHA256 nonsense", b"AuthorizationHeaderMalformed"),
    ],
)
def test_other_authorizations_are_refused(s3_server, value, code):
    status, _, body = send(s3_server, "GET", f"/{BUCKET}", {"Authorization": value})
    assert (status, b"<Code>" + code + b"</Code>" in body) == (400, True)


def test_signature_version_2_is_refused(s3_server):
    status, _, body = send(s3_server, "GET", f"/{BUCKET}/k?AWSAccessKeyId=a&Signature=b&Expires=9999999999")
    assert (status, b"AWS4-HMAC-SHA256" in body) == (400, True)


def test_a_body_other_than_the_signed_one_is_refused_and_not_stored(s3_server, s3):
    headers = signed_headers(s3_server, "PUT", f"{s3_server.endpoint}/{BUCKET}/k", body=b"signed")
    status, _, body = send(s3_server, "PUT", f"/{BUCKET}/k", headers, b"forged")
    assert (status, b"<Code>XAmzContentSHA256Mismatch</Code>" in body) == (400, True)
    assert code_of(s3.get_object, Bucket=BUCKET, Key="k") == "NoSuchKey"


def test_keys_with_encoded_slashes_and_doubled_slashes_are_distinct_and_signed_as_sent(s3_server, s3):
    for key in ("a//b", "a/b", "/a", "a/./b", "a/../b", "a+b", "a b", "a%2Fb"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=key.encode())
    for key in ("a//b", "a/b", "/a", "a/./b", "a/../b", "a+b", "a b", "a%2Fb"):
        assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == key.encode()
    # %2F in the target is a slash of the key, however the caller chose to write it.
    assert signed_send(s3_server, "GET", f"/{BUCKET}/a%2Fb")[2] == b"a/b"
