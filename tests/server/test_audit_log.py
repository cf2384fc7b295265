"""The audit log: every change of every dialect, by whom, from where, let or not and why, and no secrets."""

from __future__ import annotations

import json
import os
import sys
import threading
import tracemalloc
from datetime import datetime, timedelta, timezone

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from click.testing import CliRunner
from s3_callers import BUCKET, client_of, code_of, send, session_client, signed_headers
from test_dialects import signed_for
from two_workers import Workers, at_once

from s3portal.server.command import server_command
from s3portal.server.config import config_of_json
from s3portal.server.config_values import ConfigError
from s3portal.server.gateway.audit import FILE, Outcome
from s3portal.server.gateway.audit_reading import AuditFilter, read_audit
from s3portal.server.gateway.json_lines import JsonLines, lines_backwards
from s3portal.server.pytest_plugin import ROLE_ARN, server_config
from s3portal.server.testing import RunningServer

PORTAL = "arn:aws:iam::000000000000:user/portal"


def log_of(server):
    return server._server.storage.root / FILE


def records(server, **wanted):
    """Returns what was noted, the oldest first."""
    return list(read_audit(log_of(server), AuditFilter(**wanted)))[::-1]


class TestWhatIsNoted:
    def test_a_change_that_was_let(self, s3_server, s3):
        answer = s3.put_object(Bucket=BUCKET, Key="a key/ü", Body=b"x")
        (noted,) = records(s3_server)
        assert (noted.action, noted.outcome, noted.status) == ("PutObject", "allowed", 200)
        assert (noted.user, noted.account, noted.access_key_id) == (PORTAL, "000000000000", "portal-key")
        assert noted.request_id == answer["ResponseMetadata"]["RequestId"]
        assert noted.source_ip == "127.0.0.1"
        assert noted.resource == f"arn:aws:s3:::{BUCKET}/a key/ü"
        assert (noted.bucket, noted.key) == (BUCKET, "a key/ü")
        assert "Boto3" in noted.user_agent
        age = datetime.now(timezone.utc) - datetime.fromisoformat(noted.at)
        assert timedelta() <= age < timedelta(minutes=5)
        assert (noted.code, noted.reason, noted.policy, noted.statement) == (None,) * 4

    def test_a_refusal_has_its_statement(self, s3_server):
        admin = client_of(s3_server, "admin")
        deny = {
            **{"Sid": "NoWriting", "Effect": "Deny", "Principal": "*"},
            **{"Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
        admin.put_bucket_policy(Bucket=BUCKET, Policy=policy)
        assert code_of(client_of(s3_server).put_object, Bucket=BUCKET, Key="k") == "AccessDenied"
        allowed, refused = records(s3_server)
        assert (allowed.action, allowed.resource) == ("PutBucketPolicy", f"arn:aws:s3:::{BUCKET}")
        assert (refused.outcome, refused.status, refused.code) == ("refused", 403, "AccessDenied")
        assert "NoWriting" in refused.statement
        assert BUCKET in refused.policy
        assert refused.reason.startswith("s3:PutObject on arn:aws:s3:::test-bucket/k is denied by")

    def test_who_signs_wrong_is_noted_by_the_key(self, s3_server):
        wrong = client_of(s3_server, aws_access_key_id="portal-key", aws_secret_access_key="wrong-secret")
        assert code_of(wrong.put_object, Bucket=BUCKET, Key="k") == "SignatureDoesNotMatch"
        nobody = client_of(s3_server, aws_access_key_id="nobody-key", aws_secret_access_key="wrong-secret")
        assert code_of(nobody.put_object, Bucket=BUCKET, Key="k") == "InvalidAccessKeyId"
        assert send(s3_server, "PUT", f"/{BUCKET}/k")[0] == 403
        found = [(one.user, one.access_key_id, one.code, one.outcome) for one in records(s3_server)]
        assert found == [
            (None, "portal-key", "SignatureDoesNotMatch", "refused"),
            (None, "nobody-key", "InvalidAccessKeyId", "refused"),
            ("anonymous", None, "AccessDenied", "refused"),
        ]

    def test_what_failed_is_no_refusal(self, s3_server, s3):
        s3.put_object(Bucket=BUCKET, Key="k")
        assert code_of(s3.put_object, Bucket=BUCKET, Key="k", IfNoneMatch="*") == "PreconditionFailed"
        failed = records(s3_server)[-1]
        assert (failed.outcome, failed.status, failed.code) == ("failed", 412, "PreconditionFailed")

    def test_each_object_of_a_list_of_deletions(self, s3_server):
        admin = client_of(s3_server, "admin")
        for key in ("a", "b"):
            admin.put_object(Bucket=BUCKET, Key=key)
        deny = {
            **{"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject"},
            **{"Resource": f"arn:aws:s3:::{BUCKET}/b"},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
        admin.put_bucket_policy(Bucket=BUCKET, Policy=policy)
        named = {"Objects": [{"Key": key} for key in ("a", "b")]}
        admin.delete_objects(Bucket=BUCKET, Delete=named)
        deleted, refused = records(s3_server, action="DeleteObjects")
        assert (deleted.key, deleted.outcome) == ("a", "allowed")
        assert (refused.key, refused.outcome, refused.code) == ("b", "refused", "AccessDenied")
        assert refused.resource == f"arn:aws:s3:::{BUCKET}/b"
        assert "statement 1" in refused.statement
        assert deleted.request_id == refused.request_id

    def test_a_form_and_a_copy(self, s3_server, s3):
        form = s3.generate_presigned_post(BUCKET, "of-a-form")
        lines = [
            f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in form["fields"].items()
        ]
        body = "".join(lines) + '--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n1\r\n--x--\r\n'
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        assert send(s3_server, "POST", f"/{BUCKET}", kind, body.encode())[0] == 204
        s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/of-a-form")
        posted, copied = records(s3_server)
        assert (posted.action, posted.key, posted.user) == ("PostObject", "of-a-form", PORTAL)
        assert (copied.action, copied.copied_from) == ("CopyObject", f"{BUCKET}/of-a-form")

    def test_sessions_and_who_began_them(self, s3_server):
        sts = client_of(s3_server, service="sts")
        granted = sts.assume_role(RoleArn=ROLE_ARN, RoleSessionName="night-shift")["Credentials"]
        session_client(s3_server, granted).put_object(Bucket=BUCKET, Key="k")
        sts.get_caller_identity()
        assumed, put = records(s3_server)
        assert (assumed.action, assumed.user, assumed.resource) == ("AssumeRole", PORTAL, ROLE_ARN)
        assert assumed.parameters["RoleSessionName"] == "night-shift"
        assert put.user == "arn:aws:sts::000000000000:assumed-role/uploads/night-shift"

    def test_iam(self, s3_server):
        iam = client_of(s3_server, "admin", service="iam")
        iam.create_user(UserName="new")
        iam.list_users()
        key = iam.create_access_key(UserName="new")["AccessKey"]
        policy = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
        }
        iam.put_user_policy(UserName="new", PolicyName="all", PolicyDocument=json.dumps(policy))
        assert code_of(client_of(s3_server, service="iam").delete_user, UserName="new") == "AccessDenied"
        noted = records(s3_server)
        assert [(one.action, one.outcome) for one in noted] == [
            ("CreateUser", "allowed"),
            ("CreateAccessKey", "allowed"),
            ("PutUserPolicy", "allowed"),
            ("DeleteUser", "refused"),
        ]
        assert all(one.parameters["UserName"] == "new" for one in noted)
        assert noted[2].parameters == {"UserName": "new", "PolicyName": "all"}
        assert noted[3].user == PORTAL
        assert key["SecretAccessKey"] not in log_of(s3_server).read_text()

    @pytest.mark.parametrize(
        "body",
        [
            "Act%69on=CreateUser&Version=2010-05-08&UserName=eve",
            # This is JSON as well.
            '{"&Action=CreateUser&Version=2010-05-08&UserName=eve&x":"1"}',
        ],
    )
    def test_no_spelling_hides_what_is_done(self, s3_server, body):
        answer = send(s3_server, "POST", "/", signed_for(s3_server, "iam", body.encode(), user="admin"), body)
        assert answer[0] == 200
        (noted,) = records(s3_server)
        assert (noted.action, noted.resource) == ("CreateUser", "UserName=eve")

    @pytest.mark.parametrize(
        "twice",
        ["Action=CreateUser&Action=DeleteUser&UserName=eve", "Action=CreateUser&UserName=eve&UserName=bob"],
    )
    def test_nothing_is_said_twice(self, s3_server, twice):
        body = f"{twice}&Version=2010-05-08"
        answer = send(s3_server, "POST", "/", signed_for(s3_server, "iam", body.encode(), user="admin"), body)
        assert (answer[0], b"given more than once" in answer[2]) == (400, True)
        (noted,) = records(s3_server)
        assert (noted.action, noted.outcome, noted.code) == ("CreateUser", "failed", "ValidationError")
        names = [user["UserName"] for user in client_of(s3_server, "admin", "iam").list_users()["Users"]]
        assert not {"eve", "bob"} & set(names)

    def test_a_refusal_is_one_in_every_protocol(self, s3_server):
        iam = client_of(s3_server, "admin", "iam")
        iam.create_user(UserName="eve")
        key = iam.create_access_key(UserName="eve")["AccessKey"]
        given = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
        kms = client_of(s3_server, service="kms", **given)
        assert code_of(kms.create_key) == "AccessDeniedException"
        session = client_of(s3_server, "admin", "sts").get_session_token()["Credentials"]
        broken = session_client(s3_server, session | {"SessionToken": "AAAA"})
        assert code_of(broken.delete_object, Bucket=BUCKET, Key="k") == "InvalidToken"
        found = [(one.action, one.outcome, one.status) for one in records(s3_server)][-3:]
        assert found == [
            ("CreateKey", "refused", 400),
            ("GetSessionToken", "allowed", 200),
            ("DeleteObject", "refused", 400),
        ]

    def test_reads_are_noted_on_demand_alone(self, s3_server, s3, tmp_path):
        s3.list_objects_v2(Bucket=BUCKET)
        assert records(s3_server) == []
        with RunningServer(tmp_path / "reads", server_config() | {"audit": {"reads": True}}) as server:
            client_of(server).list_objects_v2(Bucket=BUCKET)
            client_of(server, service="sts").get_caller_identity()
            assert [one.action for one in records(server)] == ["ListObjectsV2", "GetCallerIdentity"]

    def test_a_named_proxy_says_where_a_request_came_from(self, tmp_path):
        config = server_config() | {"trusted_proxies": ["127.0.0.1"]}
        with RunningServer(tmp_path / "s3", config) as server:
            path = f"/{BUCKET}/k"
            headers = signed_headers(server, "PUT", server.endpoint + path, {}, b"x")
            headers |= {"X-Forwarded-For": "203.0.113.9, 198.51.100.7"}
            assert send(server, "PUT", path, headers, b"x")[0] == 200
            assert records(server)[0].source_ip == "198.51.100.7"

    def test_no_secret_gets_into_it(self, s3_server, s3):
        url = s3.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": "k"})
        assert send(s3_server, "PUT", url, {}, b"a secret body")[0] == 200
        sts = client_of(s3_server, service="sts")
        granted = sts.assume_role(RoleArn=ROLE_ARN, RoleSessionName="one")["Credentials"]
        session_client(s3_server, granted).put_object(Bucket=BUCKET, Key="k")
        stranger = session_client(s3_server, {**granted, "SecretAccessKey": "wrong-secret"})
        code_of(stranger.put_object, Bucket=BUCKET, Key="k")
        written = log_of(s3_server).read_text()
        signature = url.partition("X-Amz-Signature=")[2].partition("&")[0]
        for secret in (
            *(signature, granted["SecretAccessKey"], granted["SessionToken"][:60]),
            *("a secret body", "portal-secret", "wrong-secret", "Signature="),
        ):
            assert secret
            assert secret not in written
        assert len(records(s3_server)) == 4
        assert (log_of(s3_server).stat().st_mode & 0o777) == 0o600

    def test_a_full_disk_makes_no_error_of_an_answer(self, s3_server, s3, monkeypatch, caplog):
        write = os.write

        def full(descriptor, content):
            if b'"action"' in content:
                raise OSError(28, "No space left on device")
            return write(descriptor, content)

        monkeypatch.setattr(os, "write", full)
        s3.put_object(Bucket=BUCKET, Key="k")
        assert "could not be noted in the audit log" in caplog.text

    def test_what_was_done_before_the_connection_broke_is_lost_to_its_caller_alone(self, s3_server, s3):
        s3_server.faults.add("PutObject", lose_answer=True, first=1)
        with pytest.raises(ConnectionClosedError):
            s3.put_object(Bucket=BUCKET, Key="k")
        (noted,) = records(s3_server, outcome=Outcome.LOST)
        assert (noted.action, noted.key, noted.status, noted.user) == ("PutObject", "k", 0, PORTAL)

    def test_where_it_is_turned_off_there_is_none(self, tmp_path):
        with RunningServer(tmp_path / "s3", server_config() | {"audit": False}) as server:
            client_of(server).put_object(Bucket=BUCKET, Key="k")
            assert not log_of(server).exists()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_two_workers_write_whole_lines_into_one_log(tmp_path):
    workers = Workers(tmp_path, audit={"max_bytes": 64 * 1024, "files": 9})
    try:

        def write(number):
            s3 = client_of(workers)
            return [
                s3.put_object(Bucket=BUCKET, Key=f"{number}-{n}-" + "k" * 500)["ResponseMetadata"][
                    "RequestId"
                ]
                for n in range(25)
            ]

        answered = {request_id for ids in at_once(8, write) for request_id in ids}
    finally:
        workers.stop()
    noted = [json.loads(line) for line in lines_backwards(workers.root / FILE)]
    assert {one["request_id"] for one in noted} == answered
    assert len(noted) == len(answered) == 200
    # Both files of several hundred kilobytes, in pieces.
    assert len(list(workers.root.glob("audit.*.jsonl"))) >= 2


class TestRotation:
    def test_the_oldest_go_and_no_line_is_cut(self, tmp_path):
        path = tmp_path / "log.jsonl"
        lines = JsonLines(path, limit_bytes=1000, files=3)
        for number in range(200):
            lines.append(b'{"number": %d}' % number)
        assert sorted(found.name for found in tmp_path.iterdir()) == [
            "log.1.jsonl",
            "log.2.jsonl",
            "log.jsonl",
        ]
        assert all(found.stat().st_size < 1100 for found in tmp_path.iterdir())
        kept = [json.loads(line)["number"] for line in lines_backwards(path)]
        assert kept == list(range(199, 199 - len(kept), -1))
        assert len(kept) > 100
        lines.close()

    def test_writers_that_do_not_know_of_each_other_lose_nothing(self, tmp_path):
        path = tmp_path / "log.jsonl"
        writers = [JsonLines(path, limit_bytes=2000, files=50) for _ in range(4)]

        def write(which):
            for number in range(200):
                writers[which].append(b'{"which": %d, "number": %d}' % (which, number))

        threads = [threading.Thread(target=write, args=(which,)) for which in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = [json.loads(line) for line in lines_backwards(path)]
        assert sorted((one["which"], one["number"]) for one in found) == [
            (which, number) for which in range(4) for number in range(200)
        ]

    def test_what_is_torn_costs_one_line(self, tmp_path):
        path = tmp_path / "log.jsonl"
        path.write_bytes(b'{"a": 1}\n{"torn": \n{"b": 2}\n' + b"x" * 1_000_000 + b'\n{"c": 3}\n{"unfinished"')
        assert [line[:10] for line in lines_backwards(path)] == [
            b'{"c": 3}',
            b'{"b": 2}',
            b'{"torn": ',
            b'{"a": 1}',
        ]
        assert list(lines_backwards(tmp_path / "none.jsonl")) == []

    def test_a_part_of_a_line_is_not_made_longer(self, tmp_path, monkeypatch):
        lines = JsonLines(tmp_path / "log.jsonl", limit_bytes=10_000, files=2)
        write = os.write
        monkeypatch.setattr(os, "write", lambda descriptor, content: write(descriptor, content[:5]))
        with pytest.raises(OSError, match="only 5 of"):
            lines.append(b'{"a": 1}')
        monkeypatch.undo()
        lines.append(b'{"b": 2}')
        assert list(lines_backwards(tmp_path / "log.jsonl")) == [b'{"b": 2}', b'{"a":']


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


def test_of_kms_what_names_something_alone(s3_server):
    """Whether it answers or not: the text to encrypt is in nobody's log."""
    kms = client_of(s3_server, "admin", service="kms")
    with pytest.raises(ClientError):
        kms.encrypt(KeyId="alias/none", Plaintext=b"a secret text")
    (noted,) = records(s3_server)
    assert noted.outcome == "failed"
    assert noted.parameters == {"KeyId": "alias/none"}
    assert "Plaintext" not in log_of(s3_server).read_text()


@pytest.mark.parametrize(
    "wrong",
    [
        *({"audit": 1}, {"audit": {"files": 1}}, {"audit": {"max_bytes": 10}}, {"audit": {"reads": "yes"}}),
        *({"audit": {"file": 7}}, {"audit": {"unknown": 1}}, {"audit": {"files": True}}),
    ],
)
def test_a_wrong_setting_is_named(wrong):
    with pytest.raises(ConfigError, match="audit"):
        config_of_json(server_config() | wrong)


def test_it_can_be_elsewhere(tmp_path):
    config = server_config() | {"audit": {"file": str(tmp_path / "who.jsonl")}}
    with RunningServer(tmp_path / "s3", config) as server:
        client_of(server).put_object(Bucket=BUCKET, Key="k")
        assert not log_of(server).exists()
    assert [one.action for one in read_audit(tmp_path / "who.jsonl")] == ["PutObject"]
