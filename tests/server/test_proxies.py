"""X-Forwarded headers: heard from named proxies, and from nobody else."""

from __future__ import annotations

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from s3_callers import BUCKET, send, signed_headers

from s3portal.server.http.forwarded import Origin, origin_of, read_networks
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer

PROXIES = read_networks(["10.0.0.0/8", "2001:db8::1"])


@pytest.mark.parametrize(
    ("address", "headers", "origin"),
    [
        # Anybody can write such headers.
        ("192.0.2.1", {"x-forwarded-for": "1.1.1.1", "x-forwarded-proto": "https", "x-forwarded-host": "x"},
         Origin("192.0.2.1", "http")),
        ("10.0.0.1", {}, Origin("10.0.0.1", "http", None, True)),
        ("10.0.0.1", {"x-forwarded-for": "192.0.2.1"}, Origin("192.0.2.1", "http", None, True)),
        # What the sender wrote itself stands before what the proxy added.
        ("10.0.0.1", {"x-forwarded-for": "1.1.1.1, 192.0.2.1"}, Origin("192.0.2.1", "http", None, True)),
        ("10.0.0.1", {"x-forwarded-for": "1.1.1.1, 192.0.2.1, 10.0.0.2"},
         Origin("192.0.2.1", "http", None, True)),
        ("2001:db8::1", {"x-forwarded-for": "[2001:db8::7]:443"}, Origin("2001:db8::7", "http", None, True)),
        ("::ffff:10.0.0.1", {"x-forwarded-for": "192.0.2.1:1234"}, Origin("192.0.2.1", "http", None, True)),
        ("10.0.0.1", {"x-forwarded-for": "unknown"}, Origin("10.0.0.1", "http", None, True)),
        ("10.0.0.1", {"x-forwarded-proto": "https", "x-forwarded-host": "s3.example.org"},
         Origin("10.0.0.1", "https", "s3.example.org", True)),
        ("10.0.0.1", {"x-forwarded-proto": "gopher"}, Origin("10.0.0.1", "http", None, True)),
        ("no address", {"x-forwarded-for": "192.0.2.1"}, Origin("no address", "http")),
    ],
)  # fmt: skip
def test_where_a_request_came_from(address, headers, origin):
    assert origin_of(address, "http", headers, PROXIES) == origin


@pytest.mark.parametrize(("named", "expected"), [(["127.0.0.1"], 200), (["10.0.0.0/8"], 403), ([], 403)])
def test_policies_ask_where_the_caller_is_and_whether_it_came_by_tls(tmp_path, named, expected):
    config = server_config() | {"trusted_proxies": named}
    config["users"][1]["policy"]["Statement"][0]["Condition"] = {
        "IpAddress": {"aws:SourceIp": "203.0.113.0/24"},
        "Bool": {"aws:SecureTransport": "true"},
        "Null": {"s3:TlsVersion": "true"},
    }
    forwarded = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
    with RunningServer(tmp_path / "s3", config) as server:
        headers = signed_headers(server, "GET", f"{server.endpoint}/{BUCKET}")
        assert send(server, "GET", f"/{BUCKET}", headers | forwarded)[0] == expected
        assert send(server, "GET", f"/{BUCKET}", headers)[0] == 403


@pytest.mark.parametrize(("named", "expected"), [(["127.0.0.0/8"], 200), ([], 403)])
def test_signatures_are_held_against_the_host_that_the_caller_used(tmp_path, named, expected):
    config = server_config() | {"trusted_proxies": named, "base_domain": "s3.example.org"}
    with RunningServer(tmp_path / "s3", config) as server:
        keys = server.users["portal"]
        request = AWSRequest("GET", f"https://{BUCKET}.s3.example.org/", {"Host": f"{BUCKET}.s3.example.org"})
        signer = S3SigV4Auth(Credentials(keys.access_key_id, keys.secret_access_key), "s3", "us-east-1")
        signer.add_auth(request)
        headers = dict(request.headers.items()) | {
            "Host": "backend:9000",
            "X-Forwarded-Host": f"{BUCKET}.s3.example.org",
        }
        status, _, body = send(server, "GET", "/", headers)
        assert status == expected
        assert (b"ListBucketResult" in body) is (expected == 200)
