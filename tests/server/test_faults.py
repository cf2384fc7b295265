"""Faults and the log: what a test switches on really happens, and what happened is there to be read."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from urllib.parse import urlsplit

import pytest
from s3_callers import BUCKET, MIB, client_of, refusal_of, send
from waiting import wait_until

from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import Faults, RunningServer

GONE = (http.client.RemoteDisconnected, http.client.IncompleteRead, ConnectionError)


@pytest.fixture
def faults(s3_server):
    return s3_server.faults


@pytest.fixture
def put_url(s3):
    return s3.generate_presigned_url("put_object", {"Bucket": BUCKET, "Key": "k"})


@pytest.fixture
def get_url(s3):
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x" * MIB)
    return s3.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "k"})


class TestWhichCalls:
    def outcomes(self, calls, **which):
        faults = Faults()
        faults.add("PutObject", status=503, **which)
        return [faults.next_for("PutObject", {}) is not None for _ in range(calls)]

    def test_all_every_fifth_and_the_first(self):
        assert self.outcomes(3) == [True] * 3
        assert self.outcomes(10, every=5) == ([False] * 4 + [True]) * 2
        assert self.outcomes(4, first=2) == [True, True, False, False]

    def test_with_a_probability_the_same_each_time(self):
        drawn = self.outcomes(400, probability=0.25)
        assert 60 < sum(drawn) < 140
        assert drawn == self.outcomes(400, probability=0.25)

    def test_other_operations_go_untouched_and_a_star_means_all(self):
        faults = Faults()
        faults.add("UploadPart", status=503)
        assert faults.next_for("PutObject", {}) is None
        faults.clear()
        faults.add("*", status=503)
        assert faults.next_for("PutObject", {})

    @pytest.mark.parametrize(
        "wrong",
        [
            {"operation": "PutObjekt", "status": 503},
            {"operation": "PutObject"},
            {"operation": "PutObject", "code": "SlowUp"},
        ],
    )
    def test_a_fault_that_could_never_happen_is_an_error(self, wrong):
        with pytest.raises(ValueError, match=r"PutObjekt|needs one of|SlowUp"):
            Faults().add(**wrong)


def test_a_status_is_answered_as_s3_would(s3_server, s3, faults):
    faults.add("PutObject", status=503, first=1)
    refusal = refusal_of(s3.put_object, Bucket=BUCKET, Key="k", Body=b"x")
    assert (refusal.status, refusal.code) == (503, "SlowDown")
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")


def test_a_code_is_answered_in_its_words_or_others_with_the_time_to_come_back(s3_server, s3, faults):
    faults.add("PutObject", code="RequestTimeout", first=1)
    refusal = refusal_of(s3.put_object, Bucket=BUCKET, Key="k", Body=b"x")
    assert (refusal.status, refusal.code) == (400, "RequestTimeout")
    faults.clear()
    faults.add("PutObject", status=429, code="AccessDenied", message="Request has expired", retry_after_s=7)
    status, headers, body = send(
        s3_server, "PUT", s3.generate_presigned_url("put_object", {"Bucket": BUCKET, "Key": "k"}), body=b"x"
    )
    assert (status, headers["retry-after"]) == (429, "7")
    assert b"<Code>AccessDenied</Code><Message>Request has expired</Message>" in body


def test_an_answer_is_lost_after_all_was_done(s3_server, s3, faults, put_url):
    faults.add("PutObject", lose_answer=True, first=1)
    with pytest.raises(GONE):
        send(s3_server, "PUT", put_url, body=b"x")
    assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"x"


def test_a_dropped_connection_is_reset_without_an_answer(s3_server, faults, put_url, s3):
    faults.add("PutObject", drop=True, first=1)
    with pytest.raises(GONE):
        send(s3_server, "PUT", put_url, body=b"x" * MIB)
    assert s3_server.requests[-1].status == 0
    assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0
    assert send(s3_server, "PUT", put_url, body=b"x")[0] == 200


def test_an_upload_cut_in_its_body_stores_nothing(s3_server, faults, put_url, s3, tmp_path):
    faults.add("PutObject", cut_body_at=1000)
    with pytest.raises(GONE):
        send(s3_server, "PUT", put_url, body=b"x" * 8 * MIB)
    assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0
    assert list((tmp_path / "s3" / "incoming").iterdir()) == []


def test_a_download_cut_in_its_body_sends_so_many_bytes(s3_server, faults, get_url):
    faults.add("GetObject", cut_body_at=100_000)
    with pytest.raises(GONE) as broken:
        send(s3_server, "GET", get_url)
    if isinstance(broken.value, http.client.IncompleteRead):
        assert len(broken.value.partial) <= 100_000
    faults.clear()
    assert send(s3_server, "GET", get_url)[2] == b"x" * MIB


def test_a_corrupt_upload_and_a_corrupt_download(s3_server, faults, put_url, get_url):
    faults.add("PutObject", corrupt=True)
    with_md5 = {"Content-MD5": "ndTkZSvmOR48yCQ8NQnGEw=="}
    assert b"BadDigest" in send(s3_server, "PUT", put_url, with_md5, b"x" * 10)[2]
    faults.clear()
    faults.add("GetObject", corrupt=True)
    received = send(s3_server, "GET", get_url)[2]
    assert len(received) == MIB
    assert received[:2] == bytes((ord("x") ^ 0xFF,)) + b"x"


def test_small_answers_can_be_cut_and_corrupted_too(s3_server, faults, s3):
    s3.put_object(Bucket=BUCKET, Key="small", Body=b"0123456789")
    url = s3.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "small"})
    faults.add("GetObject", corrupt=True, first=1)
    assert send(s3_server, "GET", url)[2] == b"\xcf123456789"
    faults.clear()
    faults.add("GetObject", cut_body_at=3, first=1)
    with pytest.raises(GONE):
        send(s3_server, "GET", url)


def test_a_delay_is_waited_for(s3_server, faults, put_url):
    faults.add("PutObject", delay_s=0.2)
    send(s3_server, "PUT", put_url, body=b"x")
    record = s3_server.requests[-1]
    assert (record.ended_at - record.started_at).total_seconds() >= 0.2


class TestHolding:
    @pytest.fixture
    def put(self, s3_server, put_url):
        """Puts an object in a thread of its own; its future is the status of the answer."""
        with ThreadPoolExecutor() as threads:
            yield lambda: threads.submit(lambda: send(s3_server, "PUT", put_url, body=b"x")[0])
            # Also where a test fails: nobody waits for ever.
            s3_server.faults.clear()

    def test_what_comes_after_the_first_waits_until_it_is_released(self, s3_server, faults, put, s3):
        hold = faults.hold("PutObject", after=1)
        assert put().result(60) == 200
        held = [put(), put()]
        hold.wait_for(2)
        assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 1, "other operations go on"
        assert [call.done() for call in held] == [False, False]
        assert len([r for r in s3_server.requests if r.operation == "PutObject"]) == 1

        hold.release()

        assert [call.result(60) for call in held] == [200, 200]
        assert put().result(60) == 200
        assert hold.held == 0

    def test_some_can_be_let_pass(self, faults, put):
        with faults.hold("PutObject") as hold:
            held = [put(), put(), put()]
            hold.wait_for(3)
            hold.let_pass(2)
            passed = as_completed(held, timeout=60)
            assert [next(passed).result(), next(passed).result()] == [200, 200]
            assert hold.held == 1
        assert [call.result(60) for call in held] == [200, 200, 200]

    def test_what_is_released_meets_the_faults_of_that_time(self, faults, put):
        hold = faults.hold("PutObject")
        held = put()
        hold.wait_for(1)
        faults.add("PutObject", status=503)
        hold.release()
        assert held.result(60) == 503

    def test_clearing_releases_and_so_does_the_end_of_the_server(self, s3_server, faults, put):
        hold = faults.hold("*")
        held = put()
        hold.wait_for(1)
        faults.clear()
        assert held.result(60) == 200

        last = faults.hold("PutObject")
        held = put()
        last.wait_for(1)
        s3_server.stop()
        assert held.result(60) == 200

    def test_calls_that_do_not_come_are_told(self, faults):
        with pytest.raises(TimeoutError, match="0 of 1 calls of PutObject came"):
            faults.hold("PutObject").wait_for(1, timeout_s=0.01)

    def test_an_operation_that_does_not_exist_is_an_error(self, faults):
        with pytest.raises(ValueError, match="PutObjekt"):
            faults.hold("PutObjekt")


def test_an_idle_server_has_logged_all_that_came(s3_server, faults, put_url):
    hold = faults.hold("PutObject")
    with ThreadPoolExecutor() as threads:
        held = threads.submit(send, s3_server, "PUT", put_url, body=b"x")
        hold.wait_for(1)
        with pytest.raises(TimeoutError, match="PutObject"):
            s3_server.wait_until_idle(timeout_s=0.01)
        hold.release()
        s3_server.wait_until_idle()
        assert s3_server.requests[-1].status == 200
        assert held.result(60)[0] == 200


def test_a_delay_ends_when_the_faults_are_cleared(s3_server, faults, put_url):
    hold = faults.hold("PutObject")
    faults.add("PutObject", delay_s=3600)
    with ThreadPoolExecutor() as threads:
        delayed = threads.submit(lambda: send(s3_server, "PUT", put_url, body=b"x")[0])
        hold.wait_for(1)
        hold.release()
        while hold.held:
            assert not delayed.done()
        faults.clear()
        assert delayed.result(60) == 200


def test_faults_from_the_configuration(tmp_path):
    config = server_config() | {"faults": [{"operation": "ListObjectsV2", "status": 500}]}
    with RunningServer(tmp_path / "s3", config) as server:
        refusal = refusal_of(client_of(server).list_objects_v2, Bucket=BUCKET)
        assert (refusal.status, refusal.code) == (500, "InternalError")


class TestLog:
    def test_a_request_is_in_it_once_its_caller_has_the_answer(self, s3_server, s3):
        s3.put_object(Bucket=BUCKET, Key="a/k", Body=b"content")
        record = s3_server.requests[-1]
        assert (record.operation, record.method, record.bucket, record.key) == (
            "PutObject",
            "PUT",
            BUCKET,
            "a/k",
        )
        assert (record.status, record.user, record.in_flight) == (200, "portal", 1)
        assert record.bytes_in >= len(b"content")
        assert record.started_at <= record.ended_at
        assert record.started_at.tzinfo is not None

    def test_parts_have_their_numbers_and_sizes(self, s3_server, s3):
        target = {"Bucket": BUCKET, "Key": "k"}
        upload_id = s3.create_multipart_upload(**target)["UploadId"]
        url = s3.generate_presigned_url("upload_part", target | {"UploadId": upload_id, "PartNumber": 7})
        send(s3_server, "PUT", url, body=b"x" * 1000)
        record = s3_server.requests[-1]
        assert (record.operation, record.part_number, record.bytes_in) == ("UploadPart", 7, 1000)

    def test_how_many_ran_at_once_is_exact(self, s3_server, put_url):
        together = threading.Barrier(4)
        address = urlsplit(put_url)
        head = (
            f"PUT {address.path}?{address.query} HTTP/1.1\r\nHost: {address.netloc}\r\n"
            "Content-Length: 1\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
        )

        def put():
            with socket.create_connection((address.hostname, address.port), timeout=120) as sock:
                sock.sendall(head.encode())
                # From here on the server has the request, and waits for its body.
                assert sock.recv(1024).startswith(b"HTTP/1.1 100 ")
                together.wait(timeout=60)
                sock.sendall(b"x")
                while sock.recv(65536):
                    pass

        threads = [threading.Thread(target=put) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert max(r.in_flight for r in s3_server.requests if r.operation == "PutObject") == 4
        send(s3_server, "PUT", put_url, body=b"xx")
        assert s3_server.requests[-1].in_flight == 1

    def test_one_after_the_other_is_never_two_at_once(self, s3_server, put_url):
        for _ in range(50):
            send(s3_server, "PUT", put_url, body=b"x")
        assert {record.in_flight for record in s3_server.requests} == {1}

    def test_no_signature_and_no_token_ever_gets_into_it(self, tmp_path):
        log = tmp_path / "access.jsonl"
        with RunningServer(tmp_path / "s3", server_config(), log=log) as server:
            s3 = client_of(server)
            s3.put_object(Bucket=BUCKET, Key="k", Body=b"x" * MIB)
            url = s3.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "k"})
            assert send(server, "GET", url)[0] == 200
            client_of(server, "portal", "sts").get_caller_identity()
            send(server, "GET", "/nonsense?X-Amz-Signature=abc")
            seen = [(record.operation, record.status, record.bytes_out) for record in server.requests]
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert sorted((line["operation"], line["status"], line["bytes_out"]) for line in lines) == sorted(
            seen
        )
        assert ("GetObject", 200, MIB) in seen
        assert ("GetCallerIdentity", 200) in [entry[:2] for entry in seen]
        assert "Signature" not in log.read_text()
        assert set(lines[0]) == {
            *("operation", "method", "bucket", "key", "part_number", "status", "bytes_in", "bytes_out"),
            *("started_at", "ended_at", "in_flight", "request_id", "user", "denied"),
        }

    def test_an_aborted_download_says_how_much_really_went_out(self, s3_server, s3):
        s3.put_object(Bucket=BUCKET, Key="big", Body=b"x" * 32 * MIB)
        url = s3.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "big"})
        connection = http.client.HTTPConnection("127.0.0.1", s3_server.port)
        connection.request("GET", url.removeprefix(s3_server.endpoint))
        connection.getresponse().read(1000)
        connection.close()
        # What was announced before the first byte is corrected when the last one could not be sent.
        wait_until(lambda: s3_server.requests[-1].bytes_out < 32 * MIB, "the server noticed it")
        assert s3_server.requests[-1].operation == "GetObject"
        assert s3_server.requests[-1].bytes_out >= 1000
