"""What one caller may hold, and for how long: nobody keeps others out, and who is known has time."""

from __future__ import annotations

import json
import re
import resource
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from s3_callers import BUCKET, MIB, client_of, code_of, send, signed_headers
from waiting import wait_until

from s3portal.server.config import ConfigError, config_of_json
from s3portal.server.http import connection as connections
from s3portal.server.http import server as http_server
from s3portal.server.http.input import Patience
from s3portal.server.http.limits import ConnectionLimits, fitting
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer


@contextmanager
def limited(tmp_path, **limits):
    with RunningServer(tmp_path / "s3", server_config() | {"limits": limits}) as server:
        yield server


def opened(server, sent=b"", address="127.0.0.1"):
    sock = socket.create_connection(("127.0.0.1", server.port), timeout=120, source_address=(address, 0))
    sock.sendall(sent)
    return sock


def trickled(sock, piece=b"x"):
    """Whether the server has closed a connection on which one more byte is sent."""
    try:
        sock.settimeout(0.02)
        sock.sendall(piece)
        while chunk := sock.recv(65536):
            answers.setdefault(sock, bytearray()).extend(chunk)
        return True
    except TimeoutError:
        return False
    except ConnectionError:
        return True


answers: dict[socket.socket, bytearray] = {}


def put_head(server, length, key="k", **headers):
    """The head of a signed PUT whose body is not signed."""
    given = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"} | headers
    signed = signed_headers(server, "PUT", f"{server.endpoint}/{BUCKET}/{key}", given)
    signed.pop("Content-Length", None)
    lines = [f"PUT /{BUCKET}/{key} HTTP/1.1", *(f"{name}: {value}" for name, value in signed.items())]
    return ("\r\n".join([*lines, f"Content-Length: {length}", "", ""])).encode()


FORM = b'--b\r\nContent-Disposition: form-data; name="key"\r\n\r\n'


@pytest.mark.parametrize(
    "begun",
    [
        b"GET / HTTP/1.1\r\nHost: ",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\nAction=",
        f"POST /{BUCKET} HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n".encode()
        + b"Content-Length: 60000\r\n\r\n"
        + FORM,
    ],
    ids=["head", "STS", "form"],
)
def test_who_sends_byte_by_byte_before_any_proof_is_not_waited_for_without_end(tmp_path, begun):
    with limited(tmp_path, proof_s=0.3) as server:
        sock = opened(server, begun)
        wait_until(lambda: trickled(sock), "the server closed the connection")


def test_a_body_that_nobody_signed_is_not_drained(tmp_path, monkeypatch):
    monkeypatch.setattr(connections, "LINGER_S", 0.2)
    with limited(tmp_path) as server:
        sock = opened(
            server, f"PUT /{BUCKET}/k HTTP/1.1\r\nHost: x\r\nContent-Length: 60000000\r\n\r\n".encode()
        )
        wait_until(lambda: trickled(sock), "the server closed the connection")
        assert answers[sock].startswith(b"HTTP/1.1 403 ")
        assert b"Connection: close" in answers[sock]


def test_a_body_with_a_wrong_signature_is_not_drained_and_one_that_is_late_is(tmp_path):
    """A URL that has expired was signed once: its sender gets the answer, however much is on its way."""
    with limited(tmp_path) as server:
        s3 = client_of(server)
        url = s3.generate_presigned_url("put_object", {"Bucket": BUCKET, "Key": "k"}, ExpiresIn=10)
        wrong = re.sub("X-Amz-Signature=.{8}", "X-Amz-Signature=00000000", url)
        assert b"Connection: close" in head_of_refusal(server, wrong)
        server.advance_clock(60)
        status, headers, body = send(server, "PUT", url, body=b"x" * 20 * MIB)
        assert (status, headers["connection"], b"Request has expired" in body) == (403, "keep-alive", True)


def test_a_fault_on_demand_is_met_by_callers_in_good_standing(tmp_path):
    """Its answer reaches those who send first and listen later, whatever they have on its way."""
    with limited(tmp_path) as server:
        server.faults.add("PutObject", status=503)
        url = client_of(server).generate_presigned_url("put_object", {"Bucket": BUCKET, "Key": "k"})
        status, headers, _ = send(server, "PUT", url, body=b"x" * 20 * MIB)
        assert (status, headers["connection"]) == (503, "keep-alive")


def head_of_refusal(server, url):
    target = url.removeprefix(server.endpoint)
    sock = opened(server, f"PUT {target} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n".encode())
    sock.sendall(b"Content-Length: 100\r\n\r\n")
    return sock.recv(65536)


def test_a_signed_body_has_a_least_rate_and_a_slow_one_is_refused_whole(tmp_path):
    with limited(tmp_path, stall_s=0.5, least_bytes_per_s=1000) as server:
        sock = opened(server, put_head(server, 1000))
        wait_until(lambda: trickled(sock), "the server closed the connection")
        assert answers[sock].startswith(b"HTTP/1.1 400 ")
        assert b"<Code>RequestTimeout</Code>" in answers[sock]
        assert "Contents" not in client_of(server).list_objects_v2(Bucket=BUCKET)


def test_the_time_that_the_server_takes_is_not_the_callers(tmp_path):
    """A call that is held back longer than anybody is waited for goes on as if nothing had been."""
    with limited(tmp_path, proof_s=0.2, stall_s=0.2) as server:
        hold = server.faults.hold("PutObject")
        sock = opened(server, put_head(server, 5))
        hold.wait_for(1)
        begun_at = time.monotonic()
        wait_until(lambda: time.monotonic() > begun_at + 0.5, "more time passed than a caller has")
        hold.release()
        sock.sendall(b"hello")
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_patience_grows_with_what_comes_and_shrinks_with_waiting():
    patience = Patience(10, bytes_per_s=100)
    patience.count(waited_s=4, received_bytes=0)
    assert patience.left_s == 6
    patience.count(waited_s=1, received_bytes=500)
    assert patience.left_s == 10
    strict = Patience(10)
    strict.count(waited_s=1, received_bytes=10**9)
    assert strict.left_s == 9


@pytest.fixture
def yield_at_once(monkeypatch):
    monkeypatch.setattr(http_server, "YIELDS_AFTER_S", 0.0)


HALF_A_HEAD = b"GET / HTTP/1.1\r\nHost: "


def test_a_crowd_that_proves_nothing_keeps_nobody_out(tmp_path, yield_at_once):
    with limited(tmp_path, connections=20) as server:
        crowd = [opened(server, HALF_A_HEAD) for _ in range(60)]
        client_of(server).put_object(Bucket=BUCKET, Key="k", Body=b"content")
        assert sum(trickled(sock) for sock in crowd) >= 40


def test_a_crowd_at_one_address_takes_no_place_from_others(tmp_path):
    """Those that have come just now stay, and so a crowd that comes at once is stopped at its address."""
    with limited(tmp_path, connections=40, connections_per_address=10) as server:
        crowd = [opened(server, HALF_A_HEAD, "127.0.0.2") for _ in range(60)]
        s3 = client_of(server)
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"content")
        assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"content"
        assert sum(not trickled(sock) for sock in crowd) <= 10


def test_who_is_kept_alive_and_idle_makes_room_last(tmp_path, yield_at_once):
    with limited(tmp_path, connections=4, connections_per_address=4) as server:
        known = [kept_alive(server) for _ in range(4)]
        assert send(server, "GET", f"/{BUCKET}")[0] == 403
        assert [trickled(sock, b"") for sock in known].count(True) == 1


def kept_alive(server):
    sock = opened(server, put_head(server, 0))
    assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")
    return sock


def test_where_all_are_at_work_one_more_is_told_to_slow_down(tmp_path, yield_at_once):
    with limited(tmp_path, connections=4, connections_per_address=4) as server:
        hold = server.faults.hold("ListObjectsV2")
        s3 = client_of(server, max_pool_connections=4)
        # Proven before, so that none of them makes room.
        barrier = threading.Barrier(4)
        outcomes = []

        def work(number):
            mine = client_of(server)
            mine.put_object(Bucket=BUCKET, Key=str(number), Body=b"x")
            barrier.wait(60)
            outcomes.append(mine.list_objects_v2(Bucket=BUCKET)["KeyCount"])

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        hold.wait_for(4)
        # Sent as a whole before anything is read, as many clients do: the answer must survive that.
        status, _, body = send(server, "PUT", f"/{BUCKET}/k", body=b"x" * 100_000)
        assert (status, b"SlowDown" in body) == (503, True)
        assert code_of(s3.put_object, Bucket=BUCKET, Key="k", Body=b"x") == "SlowDown"
        hold.release()
        for thread in threads:
            thread.join()
        assert outcomes == [4] * 4


def test_the_limit_follows_from_the_files_that_may_be_open():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
        assert fitting(ConnectionLimits()).connections == 288
        assert fitting(ConnectionLimits(connections=100)).connections == 100
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("hard", [256, 4096])
def test_a_crowd_of_idle_connections_turns_no_upload_into_an_error(tmp_path, hard):
    """With few file descriptors: what cannot be served is told to slow down, and all else is served."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps(server_config()))
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "s3portal.server", "--port", "0"),
            *("--root", str(tmp_path / "s3"), "--config", str(config)),
        ],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard)),
    )
    try:
        endpoint = process.stdout.readline().split()[2].rstrip(",")
        address = (urlsplit(endpoint).hostname, urlsplit(endpoint).port)
        idle = [socket.create_connection(address, timeout=120) for _ in range(200)]
        statuses = put_at_once(endpoint, 60)
        assert set(statuses) <= {200, 503}
        # Nothing is left of the crowd in the way of the next one.
        assert put_at_once(endpoint, 1, retries=10) == [200]
        for sock in idle:
            sock.close()
    finally:
        process.kill()
        process.communicate()


def put_at_once(endpoint, count, retries=1):
    barrier, statuses = threading.Barrier(count), []

    def put(number):
        s3 = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="portal-key",
            aws_secret_access_key="portal-secret",
            config=Config(
                signature_version="s3v4", retries={"total_max_attempts": retries, "mode": "standard"}
            ),
        )
        barrier.wait(60)
        try:
            answer = s3.put_object(Bucket=BUCKET, Key=f"{number}", Body=b"x" * 100_000)
        except s3.exceptions.ClientError as refused:
            answer = refused.response
        statuses.append(answer["ResponseMetadata"]["HTTPStatusCode"])

    threads = [threading.Thread(target=put, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"conections": 1}, "conections"),
        ({"connections": 0}, "connections"),
        ({"connections": True}, "connections"),
        ({"connections": 1.5}, "connections"),
        ({"proof_s": "1"}, "proof_s"),
        ({"least_bytes_per_s": -1}, "least_bytes_per_s"),
        ([], "limits"),
    ],
)
def test_a_wrong_limit_stops_the_start(limits, says):
    with pytest.raises(ConfigError, match=says):
        config_of_json({"limits": limits})
