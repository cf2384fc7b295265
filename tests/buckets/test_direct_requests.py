"""Requests without boto3: signed as botocore signs them, they survive what servers and networks do."""

import socket
import threading

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, EndpointConnectionError

from s3portal.buckets.direct import Direct, RequestFailed, direct
from s3portal.buckets.direct.signing import HeaderSigner, encoded_query
from s3portal.transfer import SigningKeys, TransferSettings, encoded_key, open_store

KEYS = SigningKeys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")


def store_at(endpoint, bucket="files", keys=KEYS, **settings):
    return open_store(
        TransferSettings(
            s3_bucket=bucket,
            s3_endpoint=endpoint,
            s3_access_key_id=keys.access_key,
            s3_secret_access_key=keys.secret_key,
            **settings,
        )
    )


class Scripted:
    """A server that answers each connection with what the script has for it, byte by byte, and closes."""

    def __init__(self, *answers):
        self.requests = []
        self._answers = list(answers)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        for answer in self._answers:
            connection, _ = self._listening.accept()
            with connection:
                self.requests.append(connection.recv(65536))
                connection.sendall(answer)

    def direct(self, **settings):
        return Direct(store_at(self.endpoint, **settings), sleep=lambda _: None)


def answer(body, *headers, status="200 OK"):
    lines = [f"HTTP/1.1 {status}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.mark.parametrize("key", ["plain", "ä ö/+%&=~.txt", "a//b/../c", "new\nline", ""])
@pytest.mark.parametrize("token", [None, "token/+="])
@pytest.mark.parametrize("body", [b"", b"content"])
def test_signatures_are_those_of_botocore(key, token, body):
    path, query = f"/files/{encoded_key(key)}", {"versionId": "a/b c", "acl": ""}
    headers = {"x-amz-meta-n": "two  blanks", "content-md5": "x", "if-match": '"etag"'}
    signer = HeaderSigner("s3.example.org", "eu-north-1", KEYS._replace(token=token))
    signed = signer.signed(
        "PUT" if body else "GET", path, encoded_query(query), headers, body, "20260102T030405Z"
    )

    request = AWSRequest(
        "PUT" if body else "GET", f"https://s3.example.org{path}?{encoded_query(query)}", headers, body
    )
    auth = S3SigV4Auth(Credentials(KEYS.access_key, KEYS.secret_key, token), "s3", "eu-north-1")
    request.context.update(timestamp="20260102T030405Z", signing={"payload_signing_enabled": True})
    request.headers["X-Amz-Date"] = "20260102T030405Z"
    request.headers["X-Amz-Content-SHA256"] = signed["x-amz-content-sha256"]
    if token:
        request.headers["X-Amz-Security-Token"] = token
    canonical = auth.canonical_request(request)
    signature = auth.signature(auth.string_to_sign(request, canonical), request)
    assert signed["authorization"].endswith(f"Signature={signature}")


@pytest.mark.parametrize(
    "raw",
    [
        answer(b"hello", "Content-Length: 5"),
        answer(b"3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: t\r\n\r\n", "Transfer-Encoding: chunked"),
        answer(b"hello", "Connection: close"),
        b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b"hello", "content-length:5"),
        b"HTTP/1.0 200 OK\r\n\r\nhello",
    ],
    ids=["counted", "chunked", "until the end", "continued", "1.0"],
)
def test_bodies_come_in_all_framings(raw):
    server = Scripted(raw)
    assert server.direct().ask("GET", "k").body == b"hello"
    server = Scripted(raw)
    with server.direct().stream("GET", "k", {}) as streamed:
        assert b"".join(bytes(block) for block in streamed.blocks) == b"hello"


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"HTTP/1.1 200 O",
        answer(b"hel", "Content-Length: 5"),
        answer(b"5\r\nhel", "Transfer-Encoding: chunked"),
        answer(b"<Error><Code>InternalError</Code></Error>", "Content-Length: 41", status="500 No"),
    ],
)
def test_what_breaks_off_is_asked_again(broken):
    server = Scripted(broken, answer(b"hello", "Content-Length: 5"))
    assert server.direct().ask("GET", "k").body == b"hello"
    assert len(server.requests) == 2


def test_a_copy_that_fails_after_200_has_failed():
    body = b'<?xml version="1.0"?>\n<Error><Code>SlowDown</Code><Message>a &amp; b</Message></Error>'
    server = Scripted(answer(body), answer(b'<CopyObjectResult><ETag>"e"</ETag></CopyObjectResult>'))
    assert b"CopyObjectResult" in server.direct().ask("PUT", "k").body


def test_what_may_have_arrived_is_not_sent_again_where_that_would_double_it():
    server = Scripted(b"", answer(b"", "Content-Length: 0"))
    once = server.direct()
    once.patient = False
    with pytest.raises(RequestFailed):
        once.ask("PUT", "k", body=b"x")
    assert len(server.requests) == 1


def test_the_region_that_a_bucket_is_in_is_gone_to():
    wrong = answer(
        b"<Error><Code>PermanentRedirect</Code></Error>",
        "x-amz-bucket-region: eu-north-1",
        "Content-Length: 44",
        status="301 Moved",
    )
    server = Scripted(wrong, answer(b"hello", "Content-Length: 5"))
    assert server.direct().ask("GET", "k").body == b"hello"
    assert [b"/us-east-1/s3/" in request for request in server.requests] == [True, False]
    assert b"/eu-north-1/s3/" in server.requests[1]


def test_a_proxy_is_used_where_the_environment_names_one(monkeypatch):
    proxy = Scripted(answer(b"hello", "Content-Length: 5"))
    monkeypatch.setenv("http_proxy", proxy.endpoint.replace("//", "//user:p%40ss@"))
    monkeypatch.setenv("no_proxy", "other.example.org")
    requests = Direct(store_at("http://store.example.org:9000"), sleep=lambda _: None)
    assert requests.ask("GET", "k").body == b"hello"
    assert proxy.requests[0].startswith(b"GET http://store.example.org:9000/files/k HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic dXNlcjpwQHNz\r\n" in proxy.requests[0]


def test_errors_are_those_of_boto3():
    server = Scripted(
        answer(b"<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>", status="404 Not Found")
    )
    with pytest.raises(ClientError, match=r"\(NoSuchKey\) when calling the GetObject operation: gone"):
        server.direct().call("GetObject", "GET", "k")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    nobody = Direct(store_at(f"http://127.0.0.1:{free}"), sleep=lambda _: None)
    with pytest.raises(EndpointConnectionError):
        nobody.call("ListObjectsV2", "GET")


def test_what_does_not_speak_http_is_said(s3portal, monkeypatch):
    server = Scripted(*[b"SSH-2.0-OpenSSH_9.2\r\n"] * 12)
    monkeypatch.setattr("s3portal.buckets.parallel.time.sleep", lambda _: None)
    said = s3portal("ls", "s3://files", "--endpoint", server.endpoint)
    assert said.code == 3
    assert "Traceback" not in said.err


@pytest.mark.parametrize("page", [b"<html><body>Welcome</body></html>", b"Welcome"])
def test_a_page_of_a_website_is_no_empty_bucket(s3portal, tmp_path, page):
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "kept").write_bytes(b"x")
    server = Scripted(*[answer(page)] * 4)
    said = s3portal("sync", "s3://files", tmp_path / "target", "--delete", "--endpoint", server.endpoint)
    assert said.code == 3
    assert (tmp_path / "target" / "kept").exists()


def test_connections_are_kept_and_shared_by_the_buckets_of_a_store(server, client):
    client.create_bucket(Bucket="other")
    store = store_at(server.endpoint, keys=SigningKeys("admin-key", "admin-secret-of-tests"))
    for bucket in ("files", "other", "files"):
        direct(store.beside(bucket)).ask("GET", query={"list-type": "2"})
    assert len(direct(store)._pool._waiting) == 1
