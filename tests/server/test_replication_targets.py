"""Targets: tried before they are used, down, refusing, and answering what nobody hears."""

from __future__ import annotations

import json

import pytest
from replicating_servers import (
    HERE,
    THERE,
    client,
    connection_to,
    history_of,
    keys_in,
    one_way,
    operations_of,
    replicating_config,
    replicator_of,
    report_of,
    rule_to,
    statuses,
)
from s3_callers import MIB, client_of, code_of

from s3portal.server.background.replication.job import LONGEST_PAUSE_S, pause_s
from s3portal.server.background.replication.managing import RuleProblem
from s3portal.server.bucket_settings.replication import ReplicationRule
from s3portal.server.config import config_of_json
from s3portal.server.config_values import ConfigError
from s3portal.server.replication import states
from s3portal.server.replication.connections import ConnectionProblem, NewConnection
from s3portal.server.testing import RunningServer


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


def test_pauses_grow_and_differ():
    assert len({pause_s(5) for _ in range(20)}) > 1
    assert all(16 <= pause_s(5) <= 32 for _ in range(20))
    assert pause_s(10_000) <= LONGEST_PAUSE_S


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
