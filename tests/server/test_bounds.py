"""Every number and depth that comes from outside has a bound: what is beyond it is a bad request, never
a failure of the server."""

from __future__ import annotations

import base64
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from odd_requests import MANY_DIGITS, NUMBERS, assert_no_failure, sts
from odd_requests import stored as stored  # a fixture
from s3_callers import (
    BUCKET,
    client_of,
    code_of,
    content_md5,
    raw_exchange,
    refusal_of,
    send,
    signed_send,
)
from test_posting import expiring, parts_of, post, sign
from test_sts import assume

from s3portal.server.access.claims import claim_of_form
from s3portal.server.access.post_policy import read_post_policy
from s3portal.server.access.sigv4 import hmac_hex, key_of
from s3portal.server.api.objects.reading import parse_range
from s3portal.server.pytest_plugin import ROLE_ARN
from s3portal.server.wire.errors import S3Error


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f"bytes=0-{MANY_DIGITS}", (0, 6)),
        (f"bytes={MANY_DIGITS}-", "InvalidRange"),
        (f"bytes={MANY_DIGITS}-{MANY_DIGITS}", "InvalidRange"),
        (f"bytes=-{MANY_DIGITS}", (0, 6)),
        (f"bytes={'0' * 5000}1-2", (1, 2)),
        ("bytes=-0", "InvalidRange"),
        ("bytes=5-3", None),
        ("bytes=\u0663-4", None),
        ("bytes=-", None),
        ("bytes=2-", (2, 6)),
        ("bytes=-2", (5, 6)),
    ],
)
def test_ranges_of_any_length(shared_server, stored, header, expected):
    if expected == "InvalidRange":
        with pytest.raises(S3Error) as refused:
            parse_range(header, 7)
        assert (refused.value.status, refused.value.code) == (416, "InvalidRange")
    else:
        assert parse_range(header, 7) == expected
    if header.isascii():
        status, _, body = signed_send(shared_server, "GET", f"/{BUCKET}/k", {"Range": header})
        assert_no_failure(status, body)
        copied = {"x-amz-copy-source": f"{BUCKET}/k", "x-amz-copy-source-range": header}
        upload_id = stored.create_multipart_upload(Bucket=BUCKET, Key="k")["UploadId"]
        path = f"/{BUCKET}/k?partNumber=1&uploadId={upload_id}"
        status, _, body = signed_send(shared_server, "PUT", path, copied)
        assert_no_failure(status, body)


@pytest.mark.parametrize("number", ["00000000199999", "10001", "0", "00000", *NUMBERS])
def test_part_numbers(shared_server, stored, number):
    upload_id = stored.create_multipart_upload(Bucket=BUCKET, Key="k")["UploadId"]
    target = f"/{BUCKET}/k?partNumber={quote(number)}"
    for method, path in (("PUT", f"{target}&uploadId={upload_id}"), ("GET", target)):
        status, _, body = signed_send(shared_server, method, path, body=b"x" if method == "PUT" else b"")
        assert (status, b"<Code>InvalidArgument</Code>" in body) == (400, True)
    assert "Parts" not in stored.list_parts(Bucket=BUCKET, Key="k", UploadId=upload_id)


def test_a_part_number_may_have_zeros_in_front(shared_server, stored):
    upload_id = stored.create_multipart_upload(Bucket=BUCKET, Key="k")["UploadId"]
    path = f"/{BUCKET}/k?partNumber=00000000000010000&uploadId={upload_id}"
    assert signed_send(shared_server, "PUT", path, body=b"x")[0] == 200
    assert stored.list_parts(Bucket=BUCKET, Key="k", UploadId=upload_id)["Parts"][0]["PartNumber"] == 10_000


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize(
    "query",
    ["list-type=2&max-keys=", "max-keys=", "uploads&max-uploads=", "k?uploadId=%s&max-parts=",
     "k?uploadId=%s&part-number-marker=", "list-type=2&continuation-token=", "k?versionId="],
)  # fmt: skip
def test_numbers_in_queries(shared_server, stored, query, number):
    if "%s" in query:
        query = query % stored.create_multipart_upload(Bucket=BUCKET, Key="k")["UploadId"]
    place = f"/{BUCKET}/{query}" if query.startswith("k?") else f"/{BUCKET}?{query}"
    status, _, body = signed_send(shared_server, "GET", place + quote(number))
    assert_no_failure(status, body)


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("name", ["x-amz-decoded-content-length", "x-amz-mp-object-size", "Content-Length"])
def test_numbers_in_headers(shared_server, stored, name, number):
    if name == "Content-Length":
        head = f"PUT /{BUCKET}/k HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        sent = f"{head}Content-Length: {number}\r\n\r\n".encode()
        assert raw_exchange(shared_server, sent, half_close=True).split()[1] in (b"400", b"403")
        return
    streaming = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"} if "decoded" in name else {}
    headers = {name: number.encode().decode("latin-1")} | streaming
    status, _, body = signed_send(shared_server, "PUT", f"/{BUCKET}/n", headers, b"0\r\n\r\n")
    assert_no_failure(status, body)


def test_a_part_number_of_many_digits_in_a_document(shared_server, stored):
    upload_id = stored.create_multipart_upload(Bucket=BUCKET, Key="k")["UploadId"]
    for number in NUMBERS:
        part = f"<Part><PartNumber>{number}</PartNumber><ETag>x</ETag></Part>"
        body = f"<CompleteMultipartUpload>{part}</CompleteMultipartUpload>".encode()
        status, _, answer = signed_send(shared_server, "POST", f"/{BUCKET}/k?uploadId={upload_id}", body=body)
        assert status == 400
        assert_no_failure(status, answer)


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_of_sts(shared_server, number):
    asked = "Action=AssumeRole&Version=2011-06-15&RoleSessionName=anna&DurationSeconds="
    status, answer = sts(shared_server, f"{asked}{quote(number)}&RoleArn={quote(ROLE_ARN)}".encode())
    assert (status, b"<Code>ValidationError</Code>" in answer) == (400, True)


@pytest.mark.parametrize(
    "policy",
    [
        "[" * 2000,
        '{"Statement":' + "[" * 900 + "]" * 900 + "}",
        '{"Version":' + "[" * 900 + "]" * 900 + ',"Statement":[]}',
        '{"Statement":' + '{"a":' * 300 + "1" + "}" * 300 + "}",
        '{"Statement":[{"Effect":"Allow","Action":"\\ud800","Resource":"*"}]}',
        '{"\\ud800":1}',
        '{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:${\\ud800}"}],"Version":"2012-10-17"}',
        '{"Statement":1e999}',
        '{"Statement":' + "9" * 1900 + "}",
        '{"Statement":NaN}',
    ],
    ids=lambda policy: policy[:24],
)
def test_a_session_policy_of_any_depth(shared_server, policy):
    refusal = refusal_of(assume, server=shared_server, Policy=policy)
    assert (refusal.status, refusal.code) == (400, "MalformedPolicyDocument")


@pytest.mark.parametrize(
    "size_range",
    ["[0, Infinity]", "[0, 1e999]", "[0, NaN]", f"[0, {MANY_DIGITS}]", "[-1, 5]", "[0, true]", "[0, 1.5]",
     "[0, null]", "[0]", "[0, 1, 2]", '["x", 5]', "[0, [[[[]]]]]"],
)  # fmt: skip
def test_the_size_that_a_form_allows(shared_server, size_range):
    bounds = size_range.strip("[]") if size_range.count("[") == 1 else size_range[1:-1]
    policy = f'{{"expiration":"{expiring(60)}","conditions":[["content-length-range",{bounds}]]}}'
    with pytest.raises(S3Error) as refused:
        read_post_policy(base64.b64encode(policy.encode()).decode())
    assert refused.value.code == "InvalidPolicyDocument"


@pytest.mark.parametrize("nested", ["[" * 5000 + "]" * 5000, '{"a":' * 5000 + "1" + "}" * 5000])
def test_a_forms_policy_of_any_depth(shared_server, nested):
    """Signed, so that it is read at all."""
    fields = sign(shared_server, {"expiration": expiring(60), "conditions": []}, {"key": "k"})
    encoded = base64.b64encode(f'{{"expiration":"x","conditions":{nested}}}'.encode()).decode()[:19_000]
    fields |= {"policy": encoded}
    keys = shared_server.users["portal"]
    fields["x-amz-signature"] = hmac_hex(key_of(keys.secret_access_key, claim_of_form(fields)), encoded)
    status, _, code = post(shared_server, parts_of(fields, b"x"))
    assert (status, code) == (400, "InvalidPolicyDocument")


def test_a_boundary_in_another_alphabet(shared_server):
    headers = {"Content-Type": "multipart/form-data; boundary*=utf-8''%E2%82%AC"}
    status, _, body = send(shared_server, "POST", f"/{BUCKET}", headers, b"x")
    assert (status, b"MalformedPOSTRequest" in body) == (400, True)


@pytest.mark.parametrize(
    "body",
    [
        b"<Delete>" + b"<Object>" * 5000 + b"</Object>" * 5000 + b"</Delete>",
        b"<Delete>" + b"<a/>" * 200_000 + b"</Delete>",
        b"<a>" * 2_000_000,
        b"<Delete " + b" ".join(b'a%d=""' % number for number in range(1000)) + b"/>",
    ],
    ids=["deep", "long", "endless", "wide"],
)
def test_documents_of_any_depth_and_length(shared_server, stored, body):
    status, _, answer = signed_send(shared_server, "POST", f"/{BUCKET}?delete", content_md5(body), body)
    assert (status, b"<Code>MalformedXML</Code>" in answer) == (400, True)


def test_a_rule_that_lasts_longer_than_any_number(shared_server, stored):
    rule = "<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>{}</CORSRule>"
    for number in NUMBERS:
        if number.strip() == "1":
            continue
        age = rule.format(f"<MaxAgeSeconds>{number}</MaxAgeSeconds>")
        body = f"<CORSConfiguration>{age}</CORSConfiguration>".encode()
        status, _, answer = signed_send(shared_server, "PUT", f"/{BUCKET}?cors", body=body)
        assert (status, b"<Code>MalformedXML</Code>" in answer) == (400, True), number


def test_what_is_refused_can_always_be_read(shared_server):
    """An answer that quotes what came is XML whatever came."""
    for name in ("\x01", "\ufffe", "é", "<&>"):
        body = f"Action={name}&Version=2011-06-15&RoleArn={name}".encode()
        status, answer = sts(shared_server, body)
        assert status == 400
        ElementTree.fromstring(answer)
    s3 = client_of(shared_server)
    assert code_of(s3.list_parts, Bucket=BUCKET, Key="k", UploadId="\ufffe") == "NoSuchUpload"
