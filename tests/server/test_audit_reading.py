"""The audit log as it is read: filters, the command, and over HTTP by those who may."""

from __future__ import annotations

import json
import tracemalloc
from datetime import datetime, timedelta, timezone

import pytest
from click.testing import CliRunner
from s3_callers import BUCKET, client_of, send, signed_headers

from s3portal.server.command import server_command
from s3portal.server.gateway.audit import FILE, Outcome
from s3portal.server.gateway.audit_reading import AuditFilter, read_audit
from s3portal.server.gateway.json_lines import JsonLines
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer


class TestReading:
    @pytest.fixture
    def log(self, tmp_path):
        """A log of a day, a line a minute."""
        path = tmp_path / FILE
        lines = JsonLines(path, limit_bytes=20_000, files=100)
        begin = datetime(2026, 11, 26, tzinfo=timezone.utc)
        for minute in range(24 * 60):
            at = (begin + timedelta(minutes=minute)).isoformat(timespec="milliseconds")
            user = ("user/portal", "user/admin", "assumed-role/uploads/night")[minute % 3]
            line = {
                **{"at": at, "request_id": f"{minute}", "source_ip": "192.0.2.1", "resource": "*"},
                **{"action": ("PutObject", "DeleteObject")[minute % 2], "status": 200},
                **{"outcome": ("allowed", "refused")[minute % 5 == 0], "bucket": f"b{minute % 7}"},
                **{"user": f"arn:aws:iam::000000000000:{user}"},
            }
            lines.append(json.dumps(line).encode())
        lines.close()
        return path

    def minutes(self, log, **wanted):
        return [int(record.request_id) for record in read_audit(log, AuditFilter(**wanted))]

    def test_filters(self, log):
        everything = self.minutes(log)
        assert everything == list(range(24 * 60 - 1, -1, -1))
        assert self.minutes(log, user="portal") == [n for n in everything if n % 3 == 0]
        assert self.minutes(log, user="arn:aws:iam::*:user/*") == [n for n in everything if n % 3 != 2]
        assert self.minutes(log, user="uploads/night") == [n for n in everything if n % 3 == 2]
        assert self.minutes(log, action="delete*") == [n for n in everything if n % 2]
        assert self.minutes(log, bucket="b3") == [n for n in everything if n % 7 == 3]
        assert self.minutes(log, outcome=Outcome.REFUSED) == [n for n in everything if n % 5 == 0]
        zone = timezone(timedelta(hours=2))
        since, until = datetime(2026, 11, 26, 3, tzinfo=zone), datetime(2026, 11, 26, 4, tzinfo=zone)
        assert self.minutes(log, since=since, until=until) == list(range(119, 59, -1))
        assert self.minutes(log, user="admin", action="PutObject", bucket="b0", since=since) == [
            n for n in everything if n % 3 == 1 and n % 2 == 0 and n % 7 == 0 and n >= 60
        ]

    def test_the_first_of_a_long_log_come_without_reading_the_rest(self, log):
        before = sum(found.stat().st_size for found in log.parent.iterdir())
        tracemalloc.start()
        try:
            first = next(iter(read_audit(log)))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert first.request_id == f"{24 * 60 - 1}"
        assert peak < before
        assert peak < 400_000

    def test_the_command(self, log):
        def run(*arguments):
            root = ["--root", str(log.parent), "audit"]
            result = CliRunner().invoke(server_command, [*root, *arguments])
            return result.exit_code, result.output

        status, shown = run("--user", "admin", "--since", "2026-11-26T23:50:00Z", "--outcome", "refused")
        assert status == 0
        assert [line.split("  ")[0] for line in shown.splitlines()] == ["2026-11-26T23:55:00.000+00:00"]
        status, shown = run("--limit", "2", "--json")
        assert [json.loads(line)["request_id"] for line in shown.splitlines()] == ["1439", "1438"]
        assert run("--since", "yesterday")[0] == 2
        assert run("--root", str(log.parent / "nowhere"))[0] == 2

    def test_a_terminal_takes_no_orders_from_the_log(self, tmp_path):
        line = {
            **{"at": "2026-11-26T00:00:00.000+00:00", "request_id": "1", "action": "PutObject"},
            **{"outcome": "allowed", "status": 200, "source_ip": "192.0.2.1", "resource": "\x1b[2Jk\n"},
        }
        (tmp_path / FILE).write_text(json.dumps(line) + "\n")
        shown = CliRunner().invoke(server_command, ["--root", str(tmp_path), "audit"]).output
        assert "\x1b" not in shown
        assert len(shown.splitlines()) == 1


class TestOverHTTP:
    def ask(self, server, query="", user="admin"):
        path = f"/?audit{query}"
        headers = signed_headers(server, "GET", server.endpoint + path, user=user)
        status, _, body = send(server, "GET", path, headers)
        return status, json.loads(body)["records"] if status == 200 else body

    def test_administrators_search_it(self, s3_server, s3):
        s3.put_object(Bucket=BUCKET, Key="a")
        client_of(s3_server, "admin").put_object(Bucket=BUCKET, Key="b")
        s3.delete_object(Bucket=BUCKET, Key="a")
        status, found = self.ask(s3_server)
        assert status == 200
        assert [one["key"] for one in found] == ["a", "b", "a"]
        assert [one["action"] for one in self.ask(s3_server, "&user=portal")[1]] == [
            "DeleteObject",
            "PutObject",
        ]
        assert len(self.ask(s3_server, "&limit=1")[1]) == 1
        assert self.ask(s3_server, "&until=2026-01-01")[1] == []
        assert len(self.ask(s3_server, "&outcome=allowed&action=Put%2A")[1]) == 2

    @pytest.mark.parametrize(
        "wrong", ["&since=now", "&outcome=good", "&limit=x", "&until=0001-01-01T00%3A00%2B14%3A00"]
    )
    def test_what_cannot_be_meant_is_refused(self, s3_server, wrong):
        status, body = self.ask(s3_server, wrong)
        assert status == 400
        assert b"InvalidArgument" in body

    def test_nobody_else_does(self, s3_server):
        assert self.ask(s3_server, user="portal")[0] == 403
        assert send(s3_server, "GET", "/?audit")[0] == 403

    @pytest.mark.parametrize(
        ("action", "status"), [("iam:*", 200), ("cloudtrail:*", 200), ("iam:List*", 403)]
    )
    def test_who_may_is_a_matter_of_policy(self, tmp_path, action, status):
        config = server_config()
        statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        key = {"access_key_id": "warden-key", "secret_access_key": "warden-secret"}
        config["users"].append({"name": "warden", "policy": policy, **key})
        with RunningServer(tmp_path / "s3", config) as server:
            assert self.ask(server, user="warden")[0] == status

    def test_accounts_see_their_own(self, tmp_path):
        config = server_config() | {"accounts": [{"id": "111122223333"}]}
        statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        key = {"access_key_id": "hydro-key", "secret_access_key": "hydro-secret"}
        config["users"].append({"name": "hydro", "account": "111122223333", "policy": policy, **key})
        with RunningServer(tmp_path / "s3", config) as server:
            client_of(server).put_object(Bucket=BUCKET, Key="k")
            client_of(server, "hydro").create_bucket(Bucket="gauges")
            assert [one["action"] for one in self.ask(server, user="hydro")[1]] == ["CreateBucket"]
            assert len(self.ask(server)[1]) == 2
