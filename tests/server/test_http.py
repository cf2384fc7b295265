"""HTTP itself, byte by byte: what clients may do on a connection without hurting the next request."""

from __future__ import annotations

import http.client
import socket

import pytest
from s3_callers import BUCKET, MIB, client_of, code_of, raw_exchange, send, signed_headers, signed_send


def put_head(server, path, length_line, body=b"", **headers):
    """Returns the head of a signed PUT with a given line about the body's length."""
    given = signed_headers(server, "PUT", server.endpoint + path, headers, body)
    given.pop("Content-Length", None)
    lines = [f"PUT {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), length_line]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def presigned(s3, operation="put_object", **parameters):
    return s3.generate_presigned_url(operation, Params={"Bucket": BUCKET, **parameters}, ExpiresIn=60)


def keys_in(s3):
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def test_a_refused_upload_leaves_the_connection_good_for_the_next_request(s3_server, s3):
    connection = http.client.HTTPConnection("127.0.0.1", s3_server.port)
    url = s3.generate_presigned_url("put_object", {"Bucket": "not-mine", "Key": "refused"})
    connection.request("PUT", url.removeprefix(s3_server.endpoint), body=b"x" * MIB)
    refused = connection.getresponse()
    assert (refused.status, refused.read(5)) == (403, b"<?xml")
    refused.read()
    sock = connection.sock

    good = presigned(s3, Key="accepted").removeprefix(s3_server.endpoint)
    connection.request("PUT", good, body=b"content")
    accepted = connection.getresponse()
    accepted.read()

    assert accepted.status == 200
    assert connection.sock is sock
    assert keys_in(s3) == ["accepted"]
    connection.close()


def test_a_body_too_long_to_drain_gets_its_answer_and_a_closed_connection(s3_server):
    with socket.create_connection(("127.0.0.1", s3_server.port), timeout=120) as sock:
        sock.sendall(f"PUT /{BUCKET}/k HTTP/1.1\r\nHost: x\r\nContent-Length: {10**10}\r\n\r\n".encode())
        sock.sendall(b"x" * MIB)
        sock.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"Connection: close" in answer


def test_who_waits_for_100_continue_is_refused_before_sending_the_body(s3_server):
    answer = raw_exchange(
        s3_server,
        f"PUT /{BUCKET}/k HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n".encode(),
    )
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"100 Continue" not in answer


def test_who_waits_for_100_continue_gets_it_once_and_then_the_answer(s3_server, s3):
    head = put_head(s3_server, f"/{BUCKET}/k", "Content-Length: 5\r\nExpect: 100-continue", b"hello")
    with socket.create_connection(("127.0.0.1", s3_server.port), timeout=120) as sock:
        sock.sendall(head)
        assert sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"hello")
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")
    assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"hello"


@pytest.mark.parametrize("together", [True, False])
def test_who_sends_without_waiting_for_100_continue_gets_the_answer_alone(s3_server, together):
    """In the packet of the head, or after it while the call has not looked at its body yet."""
    for length in (5, 100_000):
        body = b"x" * length
        head = put_head(s3_server, f"/{BUCKET}/k", f"Content-Length: {length}\r\nExpect: 100-continue", body)
        with socket.create_connection(("127.0.0.1", s3_server.port), timeout=120) as sock:
            if together:
                sock.sendall(head + body)
            else:
                with s3_server.faults.hold("PutObject") as hold:
                    sock.sendall(head)
                    hold.wait_for(1)
                    sock.sendall(body)
            assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")
            # The connection is good for the next one.
            sock.sendall(put_head(s3_server, f"/{BUCKET}/k", "Content-Length: 0"))
            assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_pipelined_requests_are_answered_in_order(s3_server):
    one = f"GET /{BUCKET}/1 HTTP/1.1\r\nHost: x\r\n\r\n"
    two = f"GET /{BUCKET}/2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = raw_exchange(s3_server, (one + two).encode())
    assert answer.count(b"HTTP/1.1 403 ") == 2
    assert answer.index(f"/{BUCKET}/1".encode()) < answer.index(f"/{BUCKET}/2".encode())


def test_many_idle_connections_keep_nobody_waiting(s3_server, s3):
    idle = [socket.create_connection(("127.0.0.1", s3_server.port)) for _ in range(60)]
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"content")
    assert keys_in(s3) == ["k"]
    for sock in idle:
        sock.close()


def test_a_body_shorter_than_promised_is_refused_and_nothing_is_stored(s3_server, s3):
    head = put_head(s3_server, f"/{BUCKET}/k", "Content-Length: 1000", b"hello")
    answer = raw_exchange(s3_server, head + b"hello", half_close=True)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"<Code>IncompleteBody</Code>" in answer
    assert keys_in(s3) == []


def test_a_caller_who_vanishes_in_the_body_leaves_nothing_behind(s3_server, s3, tmp_path):
    head = put_head(s3_server, f"/{BUCKET}/k", f"Content-Length: {MIB}", b"hello")
    raw_exchange(s3_server, head + b"x" * 1000, half_close=True)
    assert keys_in(s3) == []
    assert list((tmp_path / "s3" / "incoming").iterdir()) == []


def chunked_put(server, coded):
    path = f"/{BUCKET}/chunked"
    head = put_head(
        server,
        path,
        "Transfer-Encoding: chunked\r\nConnection: close",
        **{"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-decoded-content-length": "5"},
    )
    return raw_exchange(server, head + coded, half_close=True)


def test_the_chunked_transfer_coding_carries_an_aws_chunked_body(s3_server, s3):
    inner = b"5\r\nhello\r\n0\r\n\r\n"
    coded = b"".join(b"%x;ext=1\r\n%b\r\n" % (1, inner[i : i + 1]) for i in range(len(inner)))
    answer = chunked_put(s3_server, coded + b"0\r\nTrailer: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    assert s3.get_object(Bucket=BUCKET, Key="chunked")["Body"].read() == b"hello"


@pytest.mark.parametrize(
    "coded",
    [b"zz\r\n", b"5\r\nhelloXX", b"-5\r\nhello\r\n", b"5\r\nhel", b"ffffffffffffffffff\r\n", b"5\nhello\n"],
)
def test_a_broken_transfer_coding_is_refused_and_nothing_is_stored(s3_server, s3, coded):
    assert chunked_put(s3_server, coded).startswith(b"HTTP/1.1 400 ")
    assert keys_in(s3) == []


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
        b"get / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nBad Header: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n folded: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"PUT /b/k HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde",
        b"PUT /b/k HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"PUT /b/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"PUT /b/k HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 70_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_two_readers_could_understand_differently_is_refused_in_xml(s3_server, request_bytes):
    answer = raw_exchange(s3_server, request_bytes, half_close=True)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1
    assert b"<Error><Code>" in answer


def test_a_header_with_underscores_does_not_pass_for_one_with_hyphens(s3_server):
    status, _, body = send(s3_server, "GET", f"/{BUCKET}", {"x_amz_date": "20260101T000000Z"})
    assert (status, b"AccessDenied" in body) == (403, True)


def test_http_1_0_and_close_end_the_connection_after_the_answer(s3_server):
    answer = raw_exchange(s3_server, f"GET /{BUCKET} HTTP/1.0\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"Connection: close" in answer


def test_head_never_sends_a_body(s3_server):
    answer = raw_exchange(
        s3_server, f"HEAD /{BUCKET}/key HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    )
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 403 ")
    assert body == b""


@pytest.mark.parametrize("host", ["", "a b", "[::1", "x:notaport", "é"])
def test_a_strange_host_header_is_no_crash(s3_server, host):
    sent = f"GET /{BUCKET} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    assert raw_exchange(s3_server, sent).split()[1] in (b"400", b"403")


def test_stopping_waits_for_no_idle_connection_and_refuses_new_ones(s3_server):
    idle = socket.create_connection(("127.0.0.1", s3_server.port))
    idle.sendall(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert idle.recv(65536).endswith(b"Connection: keep-alive\r\n\r\n")
    s3_server.stop()
    assert idle.recv(1) == b""
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", s3_server.port), timeout=2)


def test_a_download_larger_than_the_socket_buffers_arrives_whole(s3_server, s3):
    content = bytes(range(256)) * (32 * 1024)
    s3.put_object(Bucket=BUCKET, Key="k", Body=content)
    status, headers, body = send(s3_server, "GET", presigned(s3, "get_object", Key="k"))
    assert (status, headers["content-length"], body == content) == (200, str(len(content)), True)


def test_every_error_page_is_s3s_own(s3_server):
    client = client_of(s3_server, "admin")
    assert client is not None
    for method, path, status, code in [
        ("GET", "/no-such-bucket", 404, b"NoSuchBucket"),
        ("PATCH", f"/{BUCKET}/k", 405, b"MethodNotAllowed"),
        ("DELETE", "/", 405, b"MethodNotAllowed"),
        ("GET", f"/{BUCKET}?torrent", 501, b"NotImplemented"),
        ("GET", f"/{BUCKET}/%ff", 400, b"InvalidURI"),
        ("GET", f"/{BUCKET}/%zz", 400, b"InvalidURI"),
        ("GET", f"/{BUCKET}/" + "x" * 1025, 400, b"KeyTooLongError"),
    ]:
        headers = signed_headers(s3_server, method, s3_server.endpoint + path, user="admin")
        found, answer_headers, body = send(s3_server, method, path, headers)
        assert (found, answer_headers["content-type"]) == (status, "application/xml"), path
        assert b"<Code>" + code + b"</Code>" in body, path
        assert f"<RequestId>{answer_headers['x-amz-request-id']}</RequestId>".encode() in body


def test_method_not_allowed_says_what_is(s3_server):
    assert signed_send(s3_server, "PATCH", f"/{BUCKET}/k")[1]["allow"] == "DELETE, GET, HEAD, POST, PUT"


def test_an_error_that_quotes_what_no_xml_may_hold_can_be_read(s3_server, s3):
    assert code_of(s3.get_object, Bucket=BUCKET, Key="a\x00b\x1f") == "NoSuchKey"
    assert code_of(s3.list_parts, Bucket=BUCKET, Key="k", UploadId="\x00") == "NoSuchUpload"
