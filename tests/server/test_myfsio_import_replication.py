"""Connections, replication rules and unfinished uploads of MyFSIO's folder."""

from __future__ import annotations

import pytest
from myfsio_folders import Folder
from replicating_servers import THERE, client, keys_in, replicating_config, replicator_of
from test_myfsio_import import run, snapshot

from s3portal.server.kms.master_key import MasterKey
from s3portal.server.myfsio.replication import name_of
from s3portal.server.pytest_plugin import server_config
from s3portal.server.replication import connections, states
from s3portal.server.storage import replication_connections
from s3portal.server.testing import RunningServer


def connection(endpoint="https://s3.example.org", **more):
    return {
        "id": "3f6c",
        "name": "Secondary Site",
        "endpoint_url": endpoint,
        "access_key": "admin-key",
        "secret_key": "admin-secret",
        "region": "us-east-1",
        **more,
    }


def rule(**more):
    return {
        "bucket_name": "plain",
        "target_connection_id": "3f6c",
        "target_bucket": THERE,
        "enabled": True,
        "mode": "all",
        "created_at": 1_700_000_000.0,
        "stats": {"objects_synced": 3},
        **more,
    }


@pytest.fixture(params=[False, True], ids=["0.2.1", "before"])
def folder(tmp_path, request):
    made = Folder(tmp_path / "data", is_old=request.param)
    made.bucket("plain")
    made.put("plain", "a", b"1")
    return made


def write(folder, connections=(), rules=None):
    folder.write_json(folder.config / "connections.json", list(connections))
    folder.write_json(folder.config / "replication_rules.json", rules or {})


def test_they_are_taken_over_and_nothing_is_sent_before_somebody_says_so(tmp_path, folder):
    root = tmp_path / "s3"
    with RunningServer(tmp_path / "target", replicating_config(THERE)) as target:
        write(folder, [connection(target.endpoint)], {"plain": rule()})
        before = snapshot(folder)
        code, output = run(root, folder)
        assert code == 0, output
        assert "1 connections and 1 replication rules taken over" in output
        assert "rules are paused" in output
        with RunningServer(root, server_config()) as server:
            (stored,) = replication_connections.find_all(server._server.storage)
            assert (stored.name, stored.endpoint) == ("Secondary-Site", target.endpoint)
            assert connections.secret_of(MasterKey(root), stored) == "admin-secret"
            (report,) = states.reports(server._server.storage)
            assert (report.bucket, report.target_bucket, report.enabled) == ("plain", THERE, False)
            server.run_replication()
            assert keys_in(target) == set()
            client(server).put_object(Bucket="plain", Key="b", Body=b"2")
            replicator_of(server).resume("plain", report.rule_id)
            server.run_replication()
            assert keys_in(target) == {"a", "b"}
            client(server).delete_object(Bucket="plain", Key="a")
            server.run_replication()
            assert keys_in(target) == {"b"}
        # Once more: what is here, and was resumed, stays.
        _, output = run(root, folder)
        assert "0 connections and 0 replication rules taken over; 3 were there already" in output
        with RunningServer(root, server_config()) as server:
            (report,) = states.reports(server._server.storage)
            assert report.enabled
        assert snapshot(folder) == before
        for path in (path for path in root.rglob("*") if path.is_file()):
            assert b"admin-secret" not in path.read_bytes()


def test_a_rule_for_new_objects_sends_nothing_that_was_there(tmp_path, folder):
    with RunningServer(tmp_path / "target", replicating_config(THERE)) as target:
        write(folder, [connection(target.endpoint)], {"plain": rule(mode="new_only")})
        run(tmp_path / "s3", folder)
        with RunningServer(tmp_path / "s3", server_config()) as server:
            replicator_of(server).resume("plain", "myfsio")
            client(server).put_object(Bucket="plain", Key="new", Body=b"2")
            server.run_replication()
            assert keys_in(target) == {"new"}


@pytest.mark.parametrize(
    "connections, rules, said",
    [
        ([connection(proxy="x")], {}, "connection Secondary Site: proxy is not known"),
        ([connection(secret_key=None)], {}, "connection Secondary Site: it has no secret_key"),
        ([connection(endpoint_url="http://x/path")], {}, "an endpoint is scheme, host and port"),
        ([connection("http://169.254.169.254")], {}, "is not the address of an S3 server"),
        (["x"], {}, "connection number 1: it must be an object"),
        ([connection(), connection("https://other.example", id="2")], {}, "another one with this name"),
        ([connection()], {"plain": rule(mode="bidirectional")}, "its mode 'bidirectional' is not known"),
        ([connection()], {"plain": rule(filter_prefix="a/")}, "filter_prefix is not known"),
        ([], {"plain": rule()}, "its connection 3f6c is not here"),
        ([connection()], {"nowhere": rule()}, "replication rule of bucket nowhere"),
        ([connection()], [rule()], "replication_rules.json: it must be an object"),
    ],
)
def test_what_is_not_known_is_named_and_the_rest_is_taken_over(tmp_path, connections, rules, said):
    folder = Folder(tmp_path / "data")
    folder.bucket("plain")
    folder.put("plain", "a", b"1")
    write(folder, connections, rules)
    code, output = run(tmp_path / "s3", folder)
    assert code == 1
    assert said in output and "1 left out, 0 failed" in output
    assert "1 buckets, 1 objects" in output
    assert "admin-secret" not in output


def test_unfinished_uploads_are_named(tmp_path, folder):
    place = folder.root / "plain" / ".multipart" if folder.is_old else folder.system / "multipart" / "plain"
    folder.write_json(place / "0badcafe" / "manifest.json", {"object_key": "large"})
    (place / "0badcafe" / "part-00001.part").write_bytes(b"1")
    code, output = run(tmp_path / "s3", folder)
    assert code == 1
    assert "the unfinished upload 0badcafe of bucket plain" in output
    assert "1 objects" in output and "1 left out, 0 failed" in output


@pytest.mark.parametrize(
    "name, made",
    [
        ("Secondary Site", "Secondary-Site"),
        ("  Zürich / 2 ", "Z-rich-2"),
        ("x" * 100, "x" * 64),
        ("東京", "3f6c"),
    ],
)
def test_names_become_those_of_connections(name, made):
    assert name_of(name, "3f6c") == made
