"""The body of an answer into a file: by the kernel alone where it can, and the same bytes everywhere."""

import random
import socket
import ssl

import pytest
from test_direct_requests import Scripted, answer, store_at

from s3portal.buckets.direct import pieces
from s3portal.buckets.sync.fetching import fetch_range
from s3portal.buckets.sync.requests import BrokenAnswer, Requests

CONTENT = random.Random(13).randbytes(3 * 1024 * 1024 + 7)
LENGTH = f"Content-Length: {len(CONTENT)}"


@pytest.fixture(params=["by the kernel", "through memory"])
def way(request, monkeypatch):
    if request.param == "through memory":
        monkeypatch.setattr(pieces, "_CAN_SPLICE", False)
    elif not pieces._CAN_SPLICE:
        pytest.skip("only Linux splices")
    return request.param


def requests_to(server):
    return Requests(store_at(server.endpoint), sleep=lambda _: None)


def ranged(body, *headers):
    return answer(body, *headers, status="206 Partial Content")


def fetched(server, path, mode="w+b"):
    with path.open(mode) as file:
        fetch_range(requests_to(server), "k", "", 5, 5 + len(CONTENT) - 1, file)
    return path.read_bytes()


@pytest.mark.parametrize(
    "raw",
    [
        ranged(CONTENT, LENGTH),
        ranged(f"{len(CONTENT):x}\r\n".encode() + CONTENT + b"\r\n0\r\n\r\n", "Transfer-Encoding: chunked"),
        ranged(CONTENT, "Connection: close"),
    ],
    ids=["counted", "chunked", "until the end"],
)
def test_a_body_of_any_framing_goes_into_a_file(tmp_path, way, raw):
    assert fetched(Scripted(raw), tmp_path / "file") == bytes(5) + CONTENT


def test_what_breaks_off_is_read_on_where_it_ended(tmp_path, way):
    cut = 2_000_000
    server = Scripted(
        ranged(CONTENT[:cut], LENGTH), ranged(CONTENT[cut:], f"Content-Length: {len(CONTENT) - cut}")
    )
    assert fetched(server, tmp_path / "file") == bytes(5) + CONTENT
    assert f"range: bytes={5 + cut}-{4 + len(CONTENT)}".encode() in server.requests[1]


def test_an_answer_that_keeps_breaking_off_is_given_up(tmp_path, way, monkeypatch):
    monkeypatch.setattr("s3portal.buckets.sync.fetching._pause", lambda tries: None)
    server = Scripted(*[ranged(b"", LENGTH)] * 6)
    with pytest.raises(BrokenAnswer):
        fetched(server, tmp_path / "file")


def test_a_file_that_cannot_be_written_is_no_fault_of_the_answer(tmp_path, way):
    path = tmp_path / "file"
    path.touch()
    server = Scripted(ranged(CONTENT, LENGTH))
    with pytest.raises(OSError, match="Bad file descriptor"):
        fetched(server, path, "rb")
    assert len(server.requests) == 1


def test_the_connection_is_used_again_afterwards(tmp_path, way):
    requests = requests_to(Scripted(ranged(CONTENT, LENGTH)))
    with (tmp_path / "file").open("w+b") as file:
        fetch_range(requests, "k", "", 0, len(CONTENT) - 1, file)
    assert len(requests.direct._pool._waiting) == 1


def test_what_is_encrypted_goes_through_memory():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert pieces.can_splice(ours) is pieces._CAN_SPLICE
        context = ssl.create_default_context()
        with context.wrap_socket(ours, server_hostname="s3", do_handshake_on_connect=False) as encrypted:
            assert not pieces.can_splice(encrypted)


def test_a_silent_socket_is_given_up_after_its_timeout():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(0.01)
        with pytest.raises(TimeoutError):
            next(pieces.spliced(ours, 5))
