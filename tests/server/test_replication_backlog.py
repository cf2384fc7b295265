"""What is still to be replicated, and what of it is sent how."""

from __future__ import annotations

import threading

import pytest
from replicating_servers import (
    HERE,
    THERE,
    client,
    connection_to,
    history_of,
    keys_in,
    one_way,
    replicating_config,
    rule_to,
    statuses,
)
from s3_callers import MIB

from s3portal.server.gateway.metrics import MetricsMemory
from s3portal.server.gateway.metrics_text import metrics_text
from s3portal.server.replication import states
from s3portal.server.storage import replication_backlog
from s3portal.server.testing import RunningServer


def test_nothing_is_lost_where_the_journal_forgets(tmp_path, monkeypatch):
    monkeypatch.setattr("s3portal.server.storage.journal.LINES_LIMIT", 1)
    monkeypatch.setattr("s3portal.server.storage.journal._TRIMMED_EVERY", 1)
    with one_way(tmp_path) as (source, target):
        for number in range(20):
            client(source).put_object(Bucket=HERE, Key=f"{number}", Body=b"1")
        source.run_replication()
        assert history_of(client(target), THERE) == history_of(client(source), HERE)


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


def test_what_has_its_writer_s_own_key_fails_and_says_why(tmp_path):
    given = replicating_config(HERE)
    with RunningServer(tmp_path / "target", replicating_config(THERE)) as target:
        given["replication"] |= {"connections": [connection_to(target)], "rules": [rule_to(HERE, THERE)]}
        config = given | {"customer_keys_over_http": True}
        with RunningServer(tmp_path / "source", config) as source:
            here = client(source)
            key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
            here.put_object(Bucket=HERE, Key="sealed", Body=b"1", **key)
            here.put_object(Bucket=HERE, Key="open", Body=b"1")
            source.run_replication()
            assert keys_in(target) == {"open"}
            assert statuses(here, HERE, "sealed", **key) == "FAILED"
            (failure,) = states.failures(source._server.storage, HERE)
            assert failure.key == "sealed" and "its writer's own key (SSE-C)" in failure.problem


def test_acls_stay_where_they_are(tmp_path):
    with one_way(tmp_path) as (source, target):
        here, there = client(source), client(target)
        for s3, bucket in ((here, HERE), (there, THERE)):
            ownership = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
            s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=ownership)
        here.put_object(Bucket=HERE, Key="k", Body=b"1", ACL="bucket-owner-full-control")
        source.run_replication()
        here.put_object_acl(Bucket=HERE, Key="k", ACL="authenticated-read")
        source.run_replication()
        assert len(here.get_object_acl(Bucket=HERE, Key="k")["Grants"]) == 2
        (grant,) = there.get_object_acl(Bucket=THERE, Key="k")["Grants"]
        assert grant["Permission"] == "FULL_CONTROL"
        assert statuses(here, HERE, "k") == "COMPLETED"


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
