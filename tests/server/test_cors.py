"""CORS: what browsers are told is what the bucket's rules say, in preflights, answers and errors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from s3_callers import BUCKET, client_of, code_of, send, signed_send

from s3portal.server.bucket_settings import cors
from s3portal.server.wire.errors import S3Error

PORTAL = "http://127.0.0.1:5000"


def preflight(server, origin=PORTAL, method="PUT", headers=None, bucket=BUCKET):
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    if headers:
        asked["Access-Control-Request-Headers"] = headers
    return send(server, "OPTIONS", f"/{bucket}/key", asked)


def allow_headers(headers):
    return {name for name in headers if name.startswith("access-control-allow")}


def test_an_allowed_preflight(s3_server):
    status, headers, _ = preflight(s3_server, headers="Content-Type, x-amz-meta-a")
    assert (status, headers["access-control-allow-origin"]) == (200, PORTAL)
    assert "PUT" in headers["access-control-allow-methods"]
    assert headers["access-control-allow-headers"] == "content-type, x-amz-meta-a"
    assert headers["access-control-max-age"] == "3000"
    assert "ETag" in headers["access-control-expose-headers"]
    assert "Origin" in headers["vary"]


@pytest.mark.parametrize(
    "asked",
    [
        {"origin": "https://evil.example.org"},
        {"origin": "http://127.0.0.1.evil.example.org"},
        {"origin": "null"},
        {"method": "PATCH"},
        {"bucket": "no-such-bucket"},
    ],
)
def test_a_refused_preflight_allows_nothing(s3_server, asked):
    status, headers, body = preflight(s3_server, **asked)
    assert status in (400, 403, 404)
    assert allow_headers(headers) == set()
    assert body.startswith(b"<?xml")


def test_without_rules_nothing_is_allowed(s3_server, s3):
    s3.delete_bucket_cors(Bucket=BUCKET)
    status, headers, body = preflight(s3_server)
    assert (status, allow_headers(headers), b"CORS is not enabled" in body) == (403, set(), True)


def test_answers_and_errors_carry_the_headers(s3_server, s3):
    url = s3.generate_presigned_url("put_object", {"Bucket": BUCKET, "Key": "k"})
    for target, status in ((url, 200), (url + "&tampered=1", 403)):
        found, headers, _ = send(s3_server, "PUT", target, {"Origin": PORTAL}, b"x")
        assert (found, headers["access-control-allow-origin"]) == (status, PORTAL)
        assert "ETag" in headers["access-control-expose-headers"]


def test_another_origins_answer_says_only_that_it_varies(s3_server, s3):
    url = s3.generate_presigned_url("put_object", {"Bucket": BUCKET, "Key": "k"})
    for headers in ({"Origin": "https://evil.example.org"}, {}):
        _, found, _ = send(s3_server, "PUT", url, headers, b"x")
        assert allow_headers(found) == set()
        assert "Origin" in found["vary"]


def test_faults_carry_the_headers_too_so_that_scripts_can_see_them(s3_server, s3):
    s3_server.faults.add("PutObject", status=503)
    url = s3.generate_presigned_url("put_object", {"Bucket": BUCKET, "Key": "k"})
    status, headers, _ = send(s3_server, "PUT", url, {"Origin": PORTAL}, b"x")
    assert (status, headers["access-control-allow-origin"]) == (503, PORTAL)


RULES = [
    {
        "ID": "uploads",
        "AllowedOrigins": ["https://*.example.org", "https://one.example.com"],
        "AllowedMethods": ["PUT", "POST"],
        "AllowedHeaders": ["x-amz-*", "content-type"],
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": 10,
    },
    {"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]},
]


def test_rules_are_kept_as_they_were_given(s3):
    s3.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": RULES})
    assert s3.get_bucket_cors(Bucket=BUCKET)["CORSRules"] == RULES
    s3.delete_bucket_cors(Bucket=BUCKET)
    assert code_of(s3.get_bucket_cors, Bucket=BUCKET) == "NoSuchCORSConfiguration"


@pytest.mark.parametrize(
    ("origin", "method", "headers", "allowed"),
    [
        ("https://a.example.org", "PUT", "x-amz-date", "https://a.example.org"),
        ("https://a.b.example.org", "PUT", "X-Amz-Date, Content-Type", "https://a.b.example.org"),
        ("https://one.example.com", "POST", None, "https://one.example.com"),
        ("https://example.org", "PUT", None, None),
        ("http://a.example.org", "PUT", None, None),
        ("https://a.example.org", "PUT", "authorization", None),
        ("https://a.example.org", "DELETE", None, None),
        ("https://anybody.example.net", "GET", None, "*"),
        ("https://anybody.example.net", "GET", "range", None),
    ],
)
def test_the_first_rule_that_matches_answers(s3_server, s3, origin, method, headers, allowed):
    s3.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": RULES})
    status, found, _ = preflight(s3_server, origin, method, headers)
    assert (status, found.get("access-control-allow-origin")) == (200 if allowed else 403, allowed)
    assert ("access-control-allow-credentials" in found) == (allowed not in (None, "*"))


@pytest.mark.parametrize(
    "rule",
    [
        {"AllowedOrigins": ["*"], "AllowedMethods": ["PATCH"]},
        {"AllowedOrigins": ["http://*.*"], "AllowedMethods": ["GET"]},
        {"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], "ExposeHeaders": ["*"]},
        {"AllowedOrigins": [], "AllowedMethods": ["GET"]},
        {"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], "ExposeHeaders": ["a\r\nb"]},
    ],
)
def test_rules_that_make_no_sense_are_refused(s3, rule):
    configuration = {"CORSRules": [rule]}
    assert code_of(s3.put_bucket_cors, Bucket=BUCKET, CORSConfiguration=configuration) in (
        "InvalidRequest",
        "MalformedXML",
    )
    with pytest.raises(ValueError, match=r"."):
        cors.rules_of_json([rule])


@pytest.mark.parametrize("child", ["AllowedMethod", "AllowedOrigin"])
def test_a_rule_without_methods_or_origins_is_no_rule(s3_server, child):
    text = {"AllowedMethod": "GET", "AllowedOrigin": "*"}[child]
    document = f"<CORSConfiguration><CORSRule><{child}>{text}</{child}></CORSRule></CORSConfiguration>"
    status, _, answer = signed_send(s3_server, "PUT", f"/{BUCKET}?cors", body=document.encode())
    assert (status, b"<Code>MalformedXML</Code>" in answer) == (400, True)


def test_no_more_than_a_hundred_rules(s3):
    rules = [{"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]}] * 101
    assert (
        code_of(s3.put_bucket_cors, Bucket=BUCKET, CORSConfiguration={"CORSRules": rules}) == "MalformedXML"
    )


names = st.text("abc-*", min_size=1, max_size=6).filter(lambda name: name.count("*") <= 1)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "AllowedOrigins": st.lists(names, min_size=1, max_size=3),
                "AllowedMethods": st.lists(st.sampled_from(cors.METHODS), min_size=1, max_size=3),
                "AllowedHeaders": st.lists(names, max_size=3),
            }
        ),
        min_size=1,
        max_size=3,
    )
)
def test_rules_survive_xml_and_json(rules):
    from s3portal.server.wire.xml_documents import parse_document

    read = cors.rules_of_json(rules)
    assert cors.rules_of_xml(parse_document(cors.rules_to_xml(read), "CORSConfiguration")) == read
    assert list(cors.stored_rules(cors.rules_to_json(read))) == read


def test_a_preflight_without_an_origin_is_a_bad_request():
    with pytest.raises(S3Error) as refused:
        cors.preflight(cors.rules_of_json(RULES), {"access-control-request-method": "PUT"})
    assert refused.value.status == 400


def test_an_anonymous_preflight_needs_no_signature_but_nothing_else_does(s3_server):
    assert preflight(s3_server)[0] == 200
    assert send(s3_server, "GET", f"/{BUCKET}/key", {"Origin": PORTAL})[0] == 403
    assert client_of(s3_server) is not None
