"""Notifications by webhook: what is told, to whom, how it is signed, and that nothing gets lost."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import threading

import pytest
from s3_callers import BUCKET, client_of, refusal_of

from s3portal.server.background.notifications import LONGEST_PAUSE_MS, NotificationJob, pause_ms
from s3portal.server.background.targets import Target, problem_of_url, signature
from s3portal.server.config import config_of_json
from s3portal.server.config_values import ConfigError
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer

SECRET = "a-secret-of-a-webhook"


class Receiver:
    """A webhook: keeps what it gets, and answers what it is told to."""

    def __init__(self):
        self.received = []
        self.statuses = []
        self.location = None
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append((self.path, dict(self.headers), body))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
                if receiver.location:
                    self.send_header("Location", receiver.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/hook?from=s3"

    @property
    def events(self):
        records = [json.loads(body)["Records"][0] for _, _, body in self.received]
        return [(record["eventName"], record["s3"]["object"]["key"]) for record in records]

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def receiver():
    found = Receiver()
    yield found
    found.stop()


@pytest.fixture
def server(tmp_path, receiver):
    config = server_config() | {
        "notification_targets": [
            {"name": "ingest", "url": receiver.url, "secret": SECRET},
            {"name": "dead", "url": "http://127.0.0.1:9/"},
        ]
    }
    with RunningServer(tmp_path / "s3", config) as found:
        yield found


def put_rules(server, *rules):
    client_of(server, "admin").put_bucket_notification_configuration(
        Bucket=BUCKET,
        NotificationConfiguration={
            "QueueConfigurations": [
                {"QueueArn": "arn:aws:sqs:us-east-1:000000000000:ingest", **rule} for rule in rules
            ]
        },
    )


@pytest.fixture
def s3(server):
    put_rules(server, {"Id": "all", "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]})
    return client_of(server)


class TestEvents:
    def test_each_change_is_told_once_it_was_made(self, server, s3, receiver):
        etag = s3.put_object(Bucket=BUCKET, Key="a b/ü.txt", Body=b"12345")["ETag"]
        s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/a b/ü.txt")
        s3.delete_object(Bucket=BUCKET, Key="copy")
        server.run_notifications()
        server.run_notifications()
        assert receiver.events == [
            ("ObjectCreated:Put", "a+b%2F%C3%BC.txt"),
            ("ObjectCreated:Copy", "copy"),
            ("ObjectRemoved:Delete", "copy"),
        ]
        path, headers, body = receiver.received[0]
        record = json.loads(body)["Records"][0]
        assert (path, headers["Content-Type"]) == ("/hook?from=s3", "application/json")
        assert record["eventVersion"] == "2.1"
        assert record["eventSource"] == "aws:s3"
        assert record["awsRegion"] == "us-east-1"
        assert record["s3"]["configurationId"] == "all"
        assert record["s3"]["bucket"]["name"] == BUCKET
        assert record["s3"]["bucket"]["arn"] == f"arn:aws:s3:::{BUCKET}"
        described = record["s3"]["object"]
        assert (described["size"], described["eTag"]) == (5, etag.strip('"'))
        assert "versionId" not in described
        sequencers = [
            json.loads(body)["Records"][0]["s3"]["object"]["sequencer"] for _, _, body in receiver.received
        ]
        assert sequencers == sorted(sequencers)

    def test_versions_are_named(self, server, s3, receiver):
        client_of(server, "admin").put_bucket_versioning(
            Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"}
        )
        version_id = s3.put_object(Bucket=BUCKET, Key="a", Body=b"1")["VersionId"]
        s3.delete_object(Bucket=BUCKET, Key="a")
        server.run_notifications()
        assert [name for name, _ in receiver.events] == [
            "ObjectCreated:Put",
            "ObjectRemoved:DeleteMarkerCreated",
        ]
        record = json.loads(receiver.received[0][2])["Records"][0]
        assert record["s3"]["object"]["versionId"] == version_id

    def test_prefixes_suffixes_and_events_choose(self, server, receiver):
        rules = [{"Name": "prefix", "Value": "raw/"}, {"Name": "suffix", "Value": ".csv"}]
        put_rules(server, {"Events": ["s3:ObjectCreated:Put"], "Filter": {"Key": {"FilterRules": rules}}})
        s3 = client_of(server)
        for key in ("raw/a.csv", "raw/a.txt", "other/a.csv"):
            s3.put_object(Bucket=BUCKET, Key=key, Body=b"1")
        s3.delete_object(Bucket=BUCKET, Key="raw/a.csv")
        server.run_notifications()
        assert receiver.events == [("ObjectCreated:Put", "raw%2Fa.csv")]

    def test_what_happened_before_the_rule_is_not_told(self, server, receiver):
        client_of(server).put_object(Bucket=BUCKET, Key="before", Body=b"1")
        server.run_notifications()
        put_rules(server, {"Events": ["s3:ObjectCreated:*"]})
        client_of(server).put_object(Bucket=BUCKET, Key="after", Body=b"1")
        server.run_notifications()
        assert receiver.events == [("ObjectCreated:Put", "after")]


class TestDelivery:
    def test_it_is_signed(self, server, s3, receiver):
        s3.put_object(Bucket=BUCKET, Key="a", Body=b"1")
        server.run_notifications()
        _, headers, body = receiver.received[0]
        moment, digest = (part.partition("=")[2] for part in headers["X-S3portal-Signature"].split(","))
        expected = hmac.new(SECRET.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
        assert digest == expected
        assert signature(SECRET, body, int(moment)) == headers["X-S3portal-Signature"]

    def test_a_target_that_refuses_is_asked_again_after_a_while(self, server, s3, receiver):
        s3.put_object(Bucket=BUCKET, Key="a", Body=b"1")
        receiver.statuses = [500, 429]
        server.run_notifications()
        server.run_notifications()
        assert len(receiver.received) == 1
        for _ in range(2):
            server.clock.advance(10)
            server.run_notifications()
        assert receiver.events == [("ObjectCreated:Put", "a")] * 3
        ids = {headers["X-S3portal-Delivery"] for _, headers, _ in receiver.received}
        assert len(ids) == 1
        server.clock.advance(10_000)
        server.run_notifications()
        assert len(receiver.received) == 3

    def test_a_redirect_is_not_followed(self, server, s3, receiver):
        elsewhere = Receiver()
        try:
            receiver.statuses, receiver.location = [307], elsewhere.url
            s3.put_object(Bucket=BUCKET, Key="a", Body=b"1")
            server.run_notifications()
            assert (len(receiver.received), elsewhere.received) == (1, [])
        finally:
            elsewhere.stop()

    def test_a_dead_target_holds_up_nobody_else(self, server, receiver):
        arn = "arn:aws:sqs:us-east-1:000000000000:{}"
        client_of(server, "admin").put_bucket_notification_configuration(
            Bucket=BUCKET,
            NotificationConfiguration={
                "QueueConfigurations": [
                    {"QueueArn": arn.format("dead"), "Events": ["s3:ObjectCreated:Put"]},
                    {"QueueArn": arn.format("ingest"), "Events": ["s3:ObjectRemoved:Delete"]},
                ]
            },
        )
        s3 = client_of(server)
        for number in range(3):
            s3.put_object(Bucket=BUCKET, Key=f"{number}", Body=b"1")
            s3.delete_object(Bucket=BUCKET, Key=f"{number}")
        server.run_notifications()
        assert [key for _, key in receiver.events] == ["0", "1", "2"]

    def test_nothing_is_lost_between_two_runs_of_the_server(self, server, s3, receiver, tmp_path):
        s3.put_object(Bucket=BUCKET, Key="taken", Body=b"1")
        receiver.statuses = [503]
        server.run_notifications()
        s3.put_object(Bucket=BUCKET, Key="unread", Body=b"1")
        server.stop()
        config = server_config() | {
            "notification_targets": [{"name": "ingest", "url": receiver.url, "secret": SECRET}]
        }
        with RunningServer(tmp_path / "s3", config) as again:
            again.clock.advance(60)
            again.run_notifications()
        assert sorted(key for _, key in receiver.events) == ["taken", "taken", "unread"]

    def test_one_that_is_never_taken_is_given_up_after_days(self, server, s3, receiver, caplog):
        s3.put_object(Bucket=BUCKET, Key="a", Body=b"1")
        receiver.statuses = [500, 500]
        server.run_notifications()
        server.clock.advance(4 * 24 * 3600)
        server.run_notifications()
        assert "a notification for ingest is given up: it answered 500" in caplog.text
        server.clock.advance(4 * 24 * 3600)
        server.run_notifications()
        assert len(receiver.received) == 2

    def test_what_a_kill_interrupts_is_told_again(self, server, s3, receiver, monkeypatch):
        """The position in the journal and the deliveries are one commit: before it, both are as they were."""
        s3.put_object(Bucket=BUCKET, Key="a", Body=b"1")
        storage = server._server.storage
        killed = NotificationJob(storage, [Target("ingest", receiver.url)])
        killed._began_at = 0
        monkeypatch.setattr("s3portal.server.background.notifications.deliveries.settle", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            killed.run(threading.Event())
        monkeypatch.undo()
        NotificationJob(storage, [Target("ingest", receiver.url)]).run(threading.Event())
        assert receiver.events == [("ObjectCreated:Put", "a")] * 2


class TestTargets:
    def test_only_the_names_of_the_configuration_can_be_chosen(self, server):
        refused = refusal_of(
            client_of(server, "admin").put_bucket_notification_configuration,
            Bucket=BUCKET,
            NotificationConfiguration={
                "QueueConfigurations": [
                    {
                        "QueueArn": "arn:aws:sqs:us-east-1:000000000000:unknown",
                        "Events": ["s3:ObjectCreated:*"],
                    }
                ]
            },
        )
        assert (refused.status, refused.code) == (400, "InvalidArgument")

    @pytest.mark.parametrize(
        "url",
        ["ftp://a/", "http:///path", "http://user:pw@a/", "http://a:99999/", "http://a/#x", "http://a/b c"],
    )
    def test_urls_that_are_none(self, url):
        assert problem_of_url(url) is not None
        with pytest.raises(ConfigError, match=r"notification_targets\[0\]"):
            config_of_json({"notification_targets": [{"name": "a", "url": url}]})

    @pytest.mark.parametrize(
        ("entry", "sentence"),
        [
            ({"name": "a b", "url": "http://a/"}, "a name must have"),
            ({"name": "a", "url": "http://a/", "secret": "short"}, "at least 16"),
            ({"name": "a", "url": "http://a/", "extra": 1}, "unknown field extra"),
        ],
    )
    def test_mistakes_are_named(self, entry, sentence):
        with pytest.raises(ConfigError, match=sentence):
            config_of_json({"notification_targets": [entry]})


def test_pauses_grow_and_end():
    assert [pause_ms(attempts) for attempts in (0, 1, 2)] == [1000, 2000, 4000]
    assert pause_ms(10**6) == LONGEST_PAUSE_MS
