"""Rules at work: filters, existing objects, pauses, targets that are down or refuse."""

from __future__ import annotations

import json
import threading

import pytest
from replicating_servers import (
    HERE,
    THERE,
    client,
    connection_to,
    history_of,
    one_way,
    replicating_config,
    rule_to,
    statuses,
)
from s3_callers import MIB, client_of, code_of

from s3portal.server.background.replication.job import LONGEST_PAUSE_S, pause_s
from s3portal.server.background.replication.managing import Replicator, RuleProblem
from s3portal.server.bucket_settings.replication import ReplicationRule, chosen_rules
from s3portal.server.config import config_of_json
from s3portal.server.config_values import ConfigError
from s3portal.server.gateway.metrics import MetricsMemory
from s3portal.server.gateway.metrics_text import metrics_text
from s3portal.server.replication import states
from s3portal.server.replication.connections import ConnectionProblem, NewConnection
from s3portal.server.storage import replication_backlog
from s3portal.server.testing import RunningServer


def keys_in(server, bucket=THERE):
    return {entry["Key"] for entry in client(server).list_objects_v2(Bucket=bucket).get("Contents", ())}


def replicator_of(server):
    return Replicator(server._server.storage, server._server.master_key)


def report_of(server):
    (report,) = states.reports(server._server.storage)
    return report


def test_a_rule_is_about_its_prefix_and_tags(tmp_path):
    with one_way(tmp_path, prefix="a/", tags={"keep": "yes"}) as (source, target):
        here = client(source)
        here.put_object(Bucket=HERE, Key="a/1", Body=b"1", Tagging="keep=yes&more=1")
        here.put_object(Bucket=HERE, Key="a/2", Body=b"1", Tagging="keep=no")
        here.put_object(Bucket=HERE, Key="b/1", Body=b"1", Tagging="keep=yes")
        source.run_replication()
        assert keys_in(target) == {"a/1"}
        assert statuses(here, HERE, "a/2") is None
        # It gets the tag later.
        here.put_object_tagging(Bucket=HERE, Key="a/2", Tagging={"TagSet": [{"Key": "keep", "Value": "yes"}]})
        source.run_replication()
        assert keys_in(target) == {"a/1", "a/2"}


def test_of_several_rules_to_one_target_the_highest_priority_counts():
    low = ReplicationRule("low", "c", "t", priority=1, delete_markers=True)
    high = ReplicationRule("high", "c", "t", priority=2, prefix="a/")
    other = ReplicationRule("other", "c", "u")
    assert {rule.rule_id for rule in chosen_rules([low, high, other], "a/b", {})} == {"high", "other"}
    assert {rule.rule_id for rule in chosen_rules([low, high, other], "b", {})} == {"low", "other"}


def test_existing_objects_follow_where_a_rule_says_so(tmp_path):
    with one_way(tmp_path) as (source, target):
        here = client(source)
        here.create_bucket(Bucket="older")
        client(target).create_bucket(Bucket="older-there")
        for s3, bucket in ((here, "older"), (client(target), "older-there")):
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        for number in range(30):
            here.put_object(Bucket="older", Key=f"{number % 12}", Body=f"{number}".encode())
        here.delete_object(Bucket="older", Key="3")
        replicator = replicator_of(source)
        replicator.save_rule("older", ReplicationRule("new", "peer", "older-there"))
        source.run_replication()
        assert keys_in(target, "older-there") == set()
        replicator.save_rule("older", ReplicationRule("new", "peer", "older-there", existing_objects=True))
        source.run_replication()
        assert history_of(client(target), "older-there") == history_of(here, "older")
        # What is lost there is sent again once somebody asks for a comparison.
        lost = here.head_object(Bucket="older", Key="5")["VersionId"]
        client(target).delete_object(Bucket="older-there", Key="5", VersionId=lost)
        replicator.compare("older", "new")
        source.run_replication()
        assert history_of(client(target), "older-there") == history_of(here, "older")


def test_what_changes_during_a_pause_is_sent_afterwards(tmp_path):
    with one_way(tmp_path) as (source, target):
        here, replicator = client(source), replicator_of(source)
        replicator.pause(HERE, "to-peer")
        here.put_object(Bucket=HERE, Key="k", Body=b"1")
        here.put_object(Bucket=HERE, Key="gone", Body=b"1")
        here.delete_object(Bucket=HERE, Key="gone")
        source.run_replication()
        assert keys_in(target) == set()
        assert statuses(here, HERE, "k") == "PENDING"
        report = report_of(source)
        assert (report.enabled, report.waiting, report.waiting_bytes, report.failed) == (False, 3, 2, 0)
        assert report.lag_s > 0
        replicator.resume(HERE, "to-peer")
        source.run_replication()
        assert history_of(client(target), THERE) == history_of(here, HERE)
        assert (report_of(source).waiting, report_of(source).sent_objects) == (0, 3)


def test_nothing_is_lost_where_the_journal_forgets(tmp_path, monkeypatch):
    monkeypatch.setattr("s3portal.server.storage.journal.LINES_LIMIT", 1)
    monkeypatch.setattr("s3portal.server.storage.journal._TRIMMED_EVERY", 1)
    with one_way(tmp_path) as (source, target):
        for number in range(20):
            client(source).put_object(Bucket=HERE, Key=f"{number}", Body=b"1")
        source.run_replication()
        assert history_of(client(target), THERE) == history_of(client(source), HERE)


def test_a_target_that_is_down_gets_everything_once_it_is_back(tmp_path):
    with one_way(tmp_path) as (source, target):
        here = client(source)
        port = target.port
        target.stop()
        for number in range(5):
            here.put_object(Bucket=HERE, Key=f"{number}", Body=b"1")
        source.run_replication()
        assert report_of(source).waiting == 5
        # A target that is down says nothing of an object.
        assert report_of(source).failed == 0
        assert statuses(here, HERE, "0") == "PENDING"
        with RunningServer(tmp_path / "target", replicating_config(THERE), port=port) as again:
            replicator_of(source).retry(HERE, "to-peer")
            source.run_replication()
            assert history_of(client(again), THERE) == history_of(here, HERE)
            assert report_of(source).waiting == 0


def test_one_object_that_is_refused_stops_no_other(tmp_path):
    with one_way(tmp_path) as (source, target):
        here = client(source)
        deny = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
                 "Resource": f"arn:aws:s3:::{THERE}/bad"}
            ],
        }  # fmt: skip
        client(target).put_bucket_policy(Bucket=THERE, Policy=json.dumps(deny))
        for key in ("a", "bad", "c"):
            here.put_object(Bucket=HERE, Key=key, Body=b"1")
        source.run_replication()
        assert keys_in(target) == {"a", "c"}
        assert statuses(here, HERE, "bad") == "FAILED"
        assert report_of(source).failed == 1
        (failure,) = states.failures(source._server.storage, HERE)
        assert failure.key == "bad" and "AccessDenied" in failure.problem
        client(target).delete_bucket_policy(Bucket=THERE)
        replicator_of(source).retry(HERE, "to-peer")
        source.run_replication()
        assert keys_in(target) == {"a", "bad", "c"}
        assert statuses(here, HERE, "bad") == "COMPLETED"


def test_bytes_that_are_damaged_here_are_not_sent(tmp_path):
    with one_way(tmp_path) as (source, target):
        here = client(source)
        here.put_object(Bucket=HERE, Key="k", Body=b"x" * MIB)
        (blob,) = (path for path in (tmp_path / "source" / "blobs").rglob("*") if path.is_file())
        blob.write_bytes(b"y" * MIB)
        here.put_object(Bucket=HERE, Key="good", Body=b"1")
        source.run_replication()
        assert keys_in(target) == {"good"}
        assert statuses(here, HERE, "k") == "FAILED"


def test_an_upload_in_parts_goes_on_where_it_was(tmp_path):
    with one_way(tmp_path) as (source, target):
        here = client(source)
        upload = here.create_multipart_upload(Bucket=HERE, Key="large")
        named = {"Bucket": HERE, "Key": "large", "UploadId": upload["UploadId"]}
        parts = []
        for number in (1, 2, 3):
            sent = here.upload_part(**named, PartNumber=number, Body=b"%d" % number * 5 * MIB)
            parts.append({"PartNumber": number, "ETag": sent["ETag"]})
        here.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
        target.faults.add("UploadPart", code="SlowDown", every=2)
        source.run_replication()
        target.faults.clear()
        before = operations_of(target).count("UploadPart")
        replicator_of(source).retry(HERE, "to-peer")
        source.run_replication()
        one = here.head_object(Bucket=HERE, Key="large")
        assert client(target).head_object(Bucket=THERE, Key="large")["ETag"] == one["ETag"]
        assert before == 2 and operations_of(target).count("UploadPart") == 4
        assert operations_of(target).count("CreateMultipartUpload") == 1
        assert "Uploads" not in client(target).list_multipart_uploads(Bucket=THERE)


@pytest.mark.parametrize("honoured", [True, False], ids=["ours", "another server"])
def test_what_arrived_without_our_hearing_of_it_is_not_there_twice(tmp_path, honoured):
    with one_way(tmp_path, honoured=honoured) as (source, target):
        here = client(source)
        for operation in ("PutObject", "CompleteMultipartUpload", "DeleteObject"):
            target.faults.add(operation, lose_answer=True, first=1)
        here.put_object(Bucket=HERE, Key="small", Body=b"1")
        upload = here.create_multipart_upload(Bucket=HERE, Key="large")
        named = {"Bucket": HERE, "Key": "large", "UploadId": upload["UploadId"]}
        part = {"PartNumber": 1, "ETag": here.upload_part(**named, PartNumber=1, Body=b"1")["ETag"]}
        here.complete_multipart_upload(**named, MultipartUpload={"Parts": [part]})
        for _ in range(4):
            source.run_replication()
            replicator_of(source).retry(HERE, "to-peer")
        here.delete_object(Bucket=HERE, Key="small")
        for _ in range(3):
            source.run_replication()
            replicator_of(source).retry(HERE, "to-peer")
        assert report_of(source).waiting == 0
        found = history_of(client(target), THERE)
        assert {key: len(entries) for key, entries in found.items()} == {"small": 2, "large": 1}
        if honoured:
            assert found == history_of(here, HERE)


def operations_of(server):
    return [record.operation for record in server.requests]


def test_a_bucket_s_rules_go_with_it(tmp_path):
    with one_way(tmp_path) as (source, _):
        storage = source._server.storage
        client(source).delete_bucket(Bucket=HERE)
        with storage.database.read() as connection:
            for table in ("tasks", "sent", "changes", "marks", "rule_states"):
                assert not connection.execute(f"SELECT count(*) FROM replication_{table}").fetchone()[0]
        assert states.reports(storage) == []


def test_a_connection_is_tried_when_it_is_saved_and_needed_by_rules(tmp_path):
    with one_way(tmp_path) as (source, target):
        replicator = replicator_of(source)
        good = NewConnection(**connection_to(target, "good"))
        replicator.save_connection(good)
        assert replicator.test_connection("good", THERE) == []
        with pytest.raises(ConnectionProblem, match="SignatureDoesNotMatch"):
            replicator.save_connection(NewConnection("bad", target.endpoint, "admin-key", "another-secret"))
        with pytest.raises(ConnectionProblem, match="NoSuchBucket"):
            replicator.save_rule(HERE, ReplicationRule("x", "good", "nowhere"))
        with pytest.raises(ConnectionProblem, match="used by here/to-peer"):
            replicator.remove_connection("peer")
        replicator.remove_connection("good")
        # Nothing of a probe is left behind.
        assert history_of(client(target), THERE) == {}
        stored = (tmp_path / "source" / "metadata.sqlite3").read_bytes()
        assert b"admin-secret" not in stored


def test_a_bucket_is_not_replicated_to_itself(tmp_path):
    with RunningServer(tmp_path, replicating_config(HERE)) as server:
        replicator = replicator_of(server)
        replicator.save_connection(NewConnection(**connection_to(server, "self")))
        with pytest.raises(RuleProblem, match="itself"):
            replicator.save_rule(HERE, ReplicationRule("loop", "self", HERE))
        assert states.reports(server._server.storage) == []


@pytest.mark.parametrize(
    "endpoint",
    ["ftp://x", "http://user@x", "http://x/path", "http://169.254.169.254", "http://0.0.0.0:80", "x"],
)
def test_what_cannot_be_an_endpoint_is_refused(endpoint):
    connection = {"name": "c", "endpoint": endpoint, "access_key_id": "k", "secret_access_key": "s"}
    with pytest.raises(ConfigError, match=r"replication.connections\[0\]"):
        config_of_json({"replication": {"connections": [connection]}})


def test_configured_rules_follow_the_file_and_stay_paused(tmp_path):
    with one_way(tmp_path) as (source, target):
        replicator_of(source).pause(HERE, "to-peer")
        config = replicating_config(HERE)
        config["replication"] |= {"connections": [connection_to(target)], "rules": [rule_to(HERE, THERE)]}
        source.stop()
        with RunningServer(tmp_path / "source", config) as again:
            assert not report_of(again).enabled
        config["replication"] = {}
        with RunningServer(tmp_path / "source", config) as again:
            assert states.reports(again._server.storage) == []


def test_pauses_grow_and_differ():
    assert len({pause_s(5) for _ in range(20)}) > 1
    assert all(16 <= pause_s(5) <= 32 for _ in range(20))
    assert pause_s(10_000) <= LONGEST_PAUSE_S


def test_the_job_replicates_by_itself_and_ends_when_it_is_told_to(tmp_path):
    with one_way(tmp_path) as (source, target):
        stopping = threading.Event()
        job = source._replication
        thread = threading.Thread(target=job.run, args=(stopping,))
        thread.start()
        try:
            client(source).put_object(Bucket=HERE, Key="k", Body=b"1")
            arrived = client(target).get_waiter("object_exists")
            arrived.wait(Bucket=THERE, Key="k", WaiterConfig={"Delay": 0.2, "MaxAttempts": 300})
        finally:
            stopping.set()
            thread.join(60)
        assert not thread.is_alive()


def test_a_later_change_of_a_version_is_not_settled_by_an_earlier_task(tmp_path):
    with one_way(tmp_path, versioned=False) as (source, target):
        here, storage = client(source), source._server.storage
        here.put_object(Bucket=HERE, Key="k", Body=b"1")
        source._replication.plan(threading.Event())
        (task,) = replication_backlog.tasks_of(storage, 1)
        here.put_object(Bucket=HERE, Key="k", Body=b"2")
        source._replication.plan(threading.Event())
        replication_backlog.settle(storage, [replication_backlog.Done(task, None)], [], 0)
        source.run_replication()
        assert client(target).get_object(Bucket=THERE, Key="k")["Body"].read() == b"2"


@pytest.mark.parametrize("method", ["AES256", "aws:kms"])
def test_what_is_encrypted_is_sent_opened_and_encrypted_there(tmp_path, method):
    with one_way(tmp_path) as (source, target):
        here = client(source)
        content = b"secret" * MIB
        here.put_object(Bucket=HERE, Key="k", Body=content, ServerSideEncryption=method)
        upload = here.create_multipart_upload(Bucket=HERE, Key="parts", ServerSideEncryption=method)
        named = {"Bucket": HERE, "Key": "parts", "UploadId": upload["UploadId"]}
        part = {"PartNumber": 1, "ETag": here.upload_part(**named, PartNumber=1, Body=content)["ETag"]}
        here.complete_multipart_upload(**named, MultipartUpload={"Parts": [part]})
        source.run_replication()
        for key in ("k", "parts"):
            found = client(target).get_object(Bucket=THERE, Key=key)
            assert (found["ServerSideEncryption"], found["Body"].read()) == (method, content)
            assert statuses(here, HERE, key) == "COMPLETED"
        for folder in ("source", "target"):
            blobs = [path for path in (tmp_path / folder / "blobs").rglob("*") if path.is_file()]
            assert blobs and not any(b"secretsecret" in path.read_bytes() for path in blobs)


def test_backlog_lag_and_failures_are_among_the_metrics(tmp_path):
    with one_way(tmp_path) as (source, _):
        here = client(source)
        here.put_object(Bucket=HERE, Key="sent", Body=b"123")
        source.run_replication()
        here.put_object(Bucket=HERE, Key="waiting", Body=b"12")
        source._replication.plan(threading.Event())
        text = metrics_text(MetricsMemory((), (), ()), source._server.storage).decode()
        label = '{bucket="here",rule="to-peer"}'
        for name, value in (("waiting", 1), ("waiting_bytes", 2), ("failed", 0), ("sent_bytes_total", 3)):
            assert f"s3portal_server_replication_{name}{label} {value}\n" in text


def test_deletions_are_remembered_for_a_while(tmp_path):
    with one_way(tmp_path) as (source, _):
        here, storage = client(source), source._server.storage
        version_id = here.put_object(Bucket=HERE, Key="k", Body=b"1")["VersionId"]
        here.delete_object(Bucket=HERE, Key="k", VersionId=version_id)
        place = (storage, 1, "k", version_id, "deleted")
        deleted_at = replication_backlog.marked_at(*place)
        replication_backlog.forget_old_marks(storage, deleted_at)
        assert replication_backlog.marked_at(*place) == deleted_at
        replication_backlog.forget_old_marks(storage, deleted_at + 1)
        assert replication_backlog.marked_at(*place) is None


NEEDED = ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags", "s3:GetObject",
          "s3:GetObjectVersion", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload",
          "s3:ListBucket"]  # fmt: skip


@pytest.mark.parametrize("missing", [None, "s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"])
def test_a_replicating_user_needs_the_actions_of_replication_alone(tmp_path, missing):
    actions = [action for action in NEEDED if action != missing]
    resources = [f"arn:aws:s3:::{THERE}", f"arn:aws:s3:::{THERE}/*"]
    statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
    config = replicating_config(THERE, users=["agent"])
    config["users"].append(
        {"name": "agent", "access_key_id": "agent-key", "secret_access_key": "agent-secret",
         "policy": {"Version": "2012-10-17", "Statement": [statement]}}
    )  # fmt: skip
    with RunningServer(tmp_path / "target", config) as target:
        config = replicating_config(HERE)
        config["replication"] |= {
            "connections": [connection_to(target, user="agent")],
            "rules": [rule_to(HERE, THERE)],
        }
        with RunningServer(tmp_path / "source", config) as source:
            here = client(source)
            here.put_object(Bucket=HERE, Key="k", Body=b"1", Tagging="a=b")
            upload = here.create_multipart_upload(Bucket=HERE, Key="l")
            named = {"Bucket": HERE, "Key": "l", "UploadId": upload["UploadId"]}
            part = {"PartNumber": 1, "ETag": here.upload_part(**named, PartNumber=1, Body=b"1")["ETag"]}
            here.complete_multipart_upload(**named, MultipartUpload={"Parts": [part]})
            source.run_replication()
            here.delete_object(Bucket=HERE, Key="l")
            source.run_replication()
            is_same = history_of(client(target), THERE) == history_of(here, HERE)
            assert is_same == (missing is None)
            assert bool(report_of(source).failed) == (missing is not None)
            # Without the agent's name they give nothing.
            refused = client_of(target, "agent")
            assert code_of(refused.put_object, Bucket=THERE, Key="x", Body=b"1") == "AccessDenied"
