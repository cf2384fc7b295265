"""Metrics: right sums over all processes, for Prometheus and for nobody without the token."""

from __future__ import annotations

import os
import re
import signal
import sys
from contextlib import closing
from http.client import HTTPConnection

import pytest
from s3_callers import BUCKET, client_of, code_of, send, signed_send
from two_workers import Workers, at_once
from waiting import wait_until

from s3portal.server.background.runner import Background
from s3portal.server.config import ServerConfig, add_environment, config_of_json
from s3portal.server.config_values import ConfigError
from s3portal.server.gateway.metrics import BOUNDS_S, OTHER, OUTCOMES, Metrics, MetricsMemory
from s3portal.server.pytest_plugin import server_config
from s3portal.server.storage import quotas
from s3portal.server.storage.records import Quota
from s3portal.server.testing import RunningServer

TOKEN = "a-token-of-some-length"
_SAMPLE = re.compile(r'([a-z0-9_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\.)*",?)*)\})? (-?[0-9.e+-]+)')
_LABEL = re.compile(r'([a-z]+)="((?:[^"\\\n]|\\.)*)"')


@pytest.fixture
def server(tmp_path):
    with RunningServer(tmp_path / "s3", server_config() | {"metrics": {"token": TOKEN}}) as server:
        yield server


def scrape(server):
    """Returns the samples by name and labels; each must be declared before, and there once."""
    status, headers, body = send(server, "GET", "/-/metrics", {"Authorization": f"Bearer {TOKEN}"})
    return samples(status, headers, body)


def samples(status, headers, body):
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    found, declared = {}, None
    for line in body.decode().removesuffix("\n").split("\n"):
        if line.startswith("# "):
            _, kind, declared, _ = line.split(" ", 3)
            assert kind in ("HELP", "TYPE")
            continue
        match = _SAMPLE.fullmatch(line)
        assert match, line
        assert re.fullmatch(rf"{declared}(_bucket|_sum|_count)?", match[1])
        sample = (match[1].removeprefix("s3portal_server_"), *_LABEL.findall(match[2] or ""))
        assert sample not in found
        found[sample] = float(match[3])
    return found


def of(found, name, **labels):
    return found.get((name, *labels.items()), 0)


class TestWhoSeesThem:
    def test_only_who_has_the_token(self, server):
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
            status, answered, body = send(server, "GET", "/-/metrics", headers)
            assert (status, body) == (401, b"")
            assert answered["www-authenticate"] == "Bearer"
        assert signed_send(server, "GET", "/-/metrics")[0] == 401
        assert scrape(server)

    def test_without_a_token_there_are_none(self, s3_server):
        status, _, body = send(s3_server, "GET", "/-/metrics", {"Authorization": "Bearer "})
        assert status in (400, 403, 404)
        assert b"requests_total" not in body

    def test_a_file_and_the_environment_have_the_token_too(self, tmp_path):
        (tmp_path / "token").write_text(TOKEN + "\n")
        config = config_of_json({"metrics": {"token_file": str(tmp_path / "token")}})
        assert config.metrics.token == TOKEN
        config = add_environment(ServerConfig(), {"S3PORTAL_SERVER_METRICS_TOKEN": TOKEN})
        assert config.metrics.token == TOKEN
        assert TOKEN not in repr(config)

    @pytest.mark.parametrize(
        "wrong",
        [
            *({}, {"token": "short"}, {"token": "with a space in it"}, {"token": 1}, {"unknown": 1}),
            *({"token": TOKEN, "token_file": "f"}, {"token_file": "/nowhere"}),
        ],
    )
    def test_a_wrong_setting_is_named(self, wrong):
        with pytest.raises(ConfigError, match="metrics"):
            config_of_json({"metrics": wrong})


class TestWhatIsCounted:
    def test_requests_bytes_errors_and_durations(self, server):
        s3 = client_of(server)
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"x" * 1000)
        for _ in range(3):
            s3.get_object(Bucket=BUCKET, Key="k")["Body"].read()
        assert code_of(s3.get_object, Bucket=BUCKET, Key="none") == "NoSuchKey"
        server.wait_until_idle()
        found = scrape(server)
        assert of(found, "requests_total", operation="PutObject", status="2xx") == 1
        assert of(found, "requests_total", operation="GetObject", status="2xx") == 3
        assert of(found, "requests_total", operation="GetObject", status="4xx") == 1
        assert of(found, "errors_total", code="NoSuchKey") == 1
        # What a signed body has around it comes too.
        assert of(found, "received_bytes_total", operation="PutObject") >= 1000
        assert 3000 <= of(found, "sent_bytes_total", operation="GetObject") < 4000
        assert of(found, "request_duration_seconds_count", operation="GetObject") == 4
        assert of(found, "request_duration_seconds_sum", operation="GetObject") > 0
        below = [
            of(found, "request_duration_seconds_bucket", operation="GetObject", le=le)
            for le in (*map(str, BOUNDS_S), "+Inf")
        ]
        assert below == sorted(below)
        assert below[-1] == 4

    def test_a_large_download_counts_what_was_sent(self, server):
        s3 = client_of(server)
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"x" * 3_000_000)
        s3.get_object(Bucket=BUCKET, Key="k")["Body"].read()
        server.wait_until_idle()
        assert of(scrape(server), "sent_bytes_total", operation="GetObject") == 3_000_000

    def test_what_callers_call_an_operation_makes_no_metric(self, server):
        for number in range(20):
            body = f"Action=Invented{'x' * number}&Version=2011-06-15".encode()
            send(server, "POST", "/", {"Content-Type": "application/x-www-form-urlencoded"}, body)
        server.wait_until_idle()
        assert of(scrape(server), "requests_total", operation=OTHER, status="4xx") == 20

    def test_what_buckets_hold_and_may(self, server):
        s3, storage = client_of(server), server._server.storage
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"12345")
        quotas.put_of_bucket(storage, BUCKET, Quota(100, 7))
        found = scrape(server)
        assert of(found, "bucket_objects", bucket=BUCKET) == 1
        assert of(found, "bucket_object_bytes", bucket=BUCKET) == 5
        assert of(found, "bucket_quota_bytes", bucket=BUCKET) == 100
        assert of(found, "bucket_quota_objects", bucket=BUCKET) == 7
        assert of(found, "user_bytes", user="arn:aws:iam::000000000000:user/portal") == 5

    def test_background_jobs(self, server, tmp_path):
        memory = MetricsMemory((), (), ("good", "bad"))
        metrics = Metrics(memory)

        class Job:
            def __init__(self, name):
                self.name = name

            def run(self, stopping):
                if self.name == "bad":
                    raise ValueError("it fails")
                return 3600.0

        background = Background(tmp_path / "background", [Job("good"), Job("bad")], metrics.job_ended)
        background.start()
        wait_until(lambda: len(memory.of_jobs()) == 2, "both ran")
        background.stop()
        bad, good = memory.of_jobs()
        assert (bad.name, bad.runs, bad.failures, bad.last_success_at) == ("bad", 0, 1, 0)
        assert (good.name, good.runs, good.failures) == ("good", 1, 0)
        assert good.last_success_at > 0
        assert of(scrape(server), "notifications_waiting") == 0


def test_counts_of_threads_are_exact():
    memory = MetricsMemory(("A", "B"), ("NoSuchKey",), (), places=3)
    counters = [Metrics(memory, place) for place in range(3)]

    def count(number):
        for _ in range(500):
            counters[number % 3].count("A", 200, None, 2, 3, 0.004)
            counters[number % 3].count("unknown", 404, "NoSuchKey", 0, 0, 99.0)
            counters[number % 3].count("B", 0, "unknown", 0, 0, -1.0)

    at_once(12, count)
    a, b, other = memory.of_operations()
    assert a.by_outcome[OUTCOMES.index("2xx")] == 6000
    assert (a.bytes_in, a.bytes_out) == (12_000, 18_000)
    assert a.histogram[BOUNDS_S.index(0.005)] == 6000
    assert a.seconds == pytest.approx(24.0)
    assert b.by_outcome[OUTCOMES.index("lost")] == 6000
    assert (other.name, other.histogram[-1]) == (OTHER, 6000)
    assert memory.of_errors() == {"NoSuchKey": 6000, OTHER: 6000}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_each_worker_tells_of_all_also_of_one_that_was_killed(tmp_path):
    workers = Workers(tmp_path, metrics={"token": TOKEN})
    try:
        for pid in workers.pids():
            with workers.only(pid) as s3:
                for number in range(3):
                    s3.put_object(Bucket=BUCKET, Key=f"{number}", Body=b"12345")
        victim = workers.pids()[0]
        answered = set()
        for _ in range(1000):
            with closing(HTTPConnection("127.0.0.1", workers.port, timeout=120)) as connection:
                connection.request("GET", "/-/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
                answer = connection.getresponse()
                answered.add(workers.answering(connection.sock))
                found = samples(
                    answer.status, {"content-type": answer.getheader("content-type")}, answer.read()
                )
            assert of(found, "requests_total", operation="PutObject", status="2xx") == 6
            if answered == set(workers.pids()):
                break
        assert answered == set(workers.pids())
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: victim not in workers.pids(), "it has ended")
        wait_until(lambda: len(workers.pids()) == 2, "another took its place")
        client_of(workers).put_object(Bucket=BUCKET, Key="more", Body=b"12345")
        assert of(scrape(workers), "requests_total", operation="PutObject", status="2xx") == 7
    finally:
        workers.stop()
