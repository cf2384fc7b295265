"""Uploads that replication has begun at a target and does not finish: they are aborted there."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, contextmanager

import pytest
from replicating_servers import (
    HERE,
    THERE,
    client,
    keys_in,
    one_way,
    replicating_config,
    replicator_of,
    report_of,
)
from s3_callers import MIB

from s3portal.server.background.replication import ended_uploads
from s3portal.server.bucket_settings.replication import ReplicationRule
from s3portal.server.storage import migrations, replication_connections
from s3portal.server.testing import RunningServer

LARGE = "folder/large"


@contextmanager
def unfinished(folder):
    """Yields two servers: the target has got the first part of a large object."""
    with one_way(folder) as (source, target):
        upload_in_parts(client(source))
        target.faults.add("UploadPart", code="SlowDown", every=2)
        source.run_replication()
        target.faults.clear()
        assert len(uploads_at(target)) == 1
        yield source, target


def upload_in_parts(s3):
    upload = s3.create_multipart_upload(Bucket=HERE, Key=LARGE)
    named = {"Bucket": HERE, "Key": LARGE, "UploadId": upload["UploadId"]}
    parts = []
    for number, body in ((1, b"1" * 5 * MIB), (2, b"2")):
        parts.append(
            {"PartNumber": number, "ETag": s3.upload_part(**named, PartNumber=number, Body=body)["ETag"]}
        )
    return s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})["VersionId"]


def uploads_at(target):
    return client(target).list_multipart_uploads(Bucket=THERE).get("Uploads", [])


def rows_of(server, table):
    with server._server.storage.database.read() as connection:
        return connection.execute(f"SELECT * FROM {table}").fetchall()


def test_they_go_with_their_rule(tmp_path):
    with unfinished(tmp_path) as (source, target):
        replicator_of(source).remove_rule(HERE, "to-peer")
        source.run_replication()
        assert uploads_at(target) == [] and keys_in(target) == set()
        assert rows_of(source, "replication_ended_uploads") == []


def test_they_go_with_a_rule_that_sends_elsewhere_now(tmp_path):
    with unfinished(tmp_path) as (source, target):
        client(target).create_bucket(Bucket="elsewhere")
        replicator_of(source).save_rule(HERE, ReplicationRule("to-peer", "peer", "elsewhere"))
        source.run_replication()
        assert uploads_at(target) == []


def test_they_go_with_their_bucket(tmp_path):
    with unfinished(tmp_path) as (source, target):
        here = client(source)
        for version in here.list_object_versions(Bucket=HERE)["Versions"]:
            here.delete_object(Bucket=HERE, Key=version["Key"], VersionId=version["VersionId"])
        here.delete_bucket(Bucket=HERE)
        source.run_replication()
        assert uploads_at(target) == []


def test_they_go_with_the_version_that_was_sent(tmp_path):
    with unfinished(tmp_path) as (source, target):
        here = client(source)
        (version,) = here.list_object_versions(Bucket=HERE)["Versions"]
        here.delete_object(Bucket=HERE, Key=LARGE, VersionId=version["VersionId"])
        replicator_of(source).retry(HERE, "to-peer")
        source.run_replication()
        assert uploads_at(target) == [] and report_of(source).waiting == 0


def test_a_connection_that_is_removed_is_kept_until_they_are_aborted(tmp_path):
    with unfinished(tmp_path) as (source, target):
        replicator, storage = replicator_of(source), source._server.storage
        replicator.remove_rule(HERE, "to-peer")
        replicator.remove_connection("peer")
        assert replication_connections.find_all(storage) == []
        source.run_replication()
        assert uploads_at(target) == []
        assert rows_of(source, "replication_connections") == []


def test_a_configuration_without_the_rule_ends_them_too(tmp_path):
    with unfinished(tmp_path) as (source, target):
        source.stop()
        config = replicating_config(HERE)
        with RunningServer(tmp_path / "source", config) as again:
            again.run_replication()
            assert uploads_at(target) == []
            assert rows_of(again, "replication_connections") == []


@pytest.mark.parametrize("patience_ms, left", [(ended_uploads.PATIENCE_MS, 1), (-1, 0)])
def test_a_target_that_is_down_is_tried_again_for_a_week(tmp_path, monkeypatch, patience_ms, left):
    monkeypatch.setattr(ended_uploads, "PATIENCE_MS", patience_ms)
    with unfinished(tmp_path) as (source, target):
        replicator = replicator_of(source)
        replicator.remove_rule(HERE, "to-peer")
        replicator.remove_connection("peer")
        target.faults.add("AbortMultipartUpload", code="SlowDown")
        source.run_replication()
        assert len(rows_of(source, "replication_ended_uploads")) == left
        assert len(rows_of(source, "replication_connections")) == left


def test_what_is_sent_leaves_nothing_to_abort(tmp_path):
    with unfinished(tmp_path) as (source, target):
        replicator_of(source).retry(HERE, "to-peer")
        source.run_replication()
        assert keys_in(target) == {LARGE} and uploads_at(target) == []
        assert rows_of(source, "replication_ended_uploads") == []
        replicator_of(source).remove_rule(HERE, "to-peer")
        assert rows_of(source, "replication_ended_uploads") == []


def test_an_upload_whose_rule_goes_while_it_begins_is_aborted_at_once(tmp_path):
    with one_way(tmp_path) as (source, target):
        upload_in_parts(client(source))
        with target.faults.hold("CreateMultipartUpload") as hold:
            running = threading.Thread(target=source.run_replication)
            running.start()
            hold.wait_for(1)
            replicator_of(source).remove_rule(HERE, "to-peer")
            hold.release()
            running.join()
        assert uploads_at(target) == [] and keys_in(target) == set()


def test_an_upload_that_the_version_before_has_begun_goes_on(tmp_path):
    """Its task does not say where it is; that is noted when it is continued."""
    path = tmp_path / "metadata.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for step in migrations.STEPS[:10]:
            for statement in step:
                connection.execute(statement)
        connection.execute("PRAGMA user_version = 10")
        connection.execute(
            "INSERT INTO replication_tasks (bucket_id, rule_id, key, version_id, sequence, changed_at, "
            "size_bytes, upload_id) VALUES (1, 'r', x'6b', 'v', 1, 1, 1, 'body upload')"
        )
        migrations.upgrade(connection, path)
        query = "SELECT upload_id, upload_connection FROM replication_tasks"
        assert connection.execute(query).fetchall() == [("body upload", None)]
        connection.execute("UPDATE replication_tasks SET upload_connection = 'c', upload_bucket = 'b'")
        connection.execute("DELETE FROM replication_tasks")
        query = "SELECT connection, bucket, key, upload_id FROM replication_ended_uploads"
        assert connection.execute(query).fetchall() == [("c", "b", b"k", "upload")]
