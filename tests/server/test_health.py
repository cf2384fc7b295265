"""Whether the server is well: for everybody, of the disk and the database, and in no bucket's way."""

from __future__ import annotations

import json
import sqlite3

import pytest
from s3_callers import client_of, refusal_of, send

from s3portal import __version__
from s3portal.server.config_values import ConfigError
from s3portal.server.gateway import self_report
from s3portal.server.pytest_plugin import server_config
from s3portal.server.storage import buckets
from s3portal.server.storage.storage import Storage
from s3portal.server.testing import RunningServer
from s3portal.server.wire.errors import S3Error


def ask(server, path, method="GET"):
    status, _, body = send(server, method, path)
    return status, json.loads(body) if body else None


@pytest.mark.parametrize("path", ["/healthz", "/-/healthz"])
def test_it_is_well_and_says_which_version(s3_server, path):
    expected = {"status": "ok", "version": __version__, "database": "ok", "disk": "ok"}
    assert ask(s3_server, path) == (200, expected)
    assert ask(s3_server, path, "HEAD") == (200, None)
    assert ask(s3_server, "/-/livez") == (200, {"status": "ok", "version": __version__})


def test_a_full_disk_and_a_database_that_cannot_be_written(s3_server, monkeypatch):
    storage = s3_server._server.storage
    monkeypatch.setattr(self_report, "CHECKED_EVERY_S", 0.0)

    def full():
        raise S3Error("InsufficientStorage")

    with monkeypatch.context() as patch:
        patch.setattr(storage, "require_room", full)
        status, shown = ask(s3_server, "/healthz")
        assert (status, shown["status"], shown["database"]) == (503, "unavailable", "ok")
        assert shown["disk"].startswith("The disk of the server is full")
        assert ask(s3_server, "/-/livez")[0] == 200

    def broken(change, *, frees_space=False):
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(storage.database, "write", broken)
        status, shown = ask(s3_server, "/healthz")
        assert (status, shown["database"], shown["disk"]) == (503, "it cannot be written", "ok")
    assert ask(s3_server, "/healthz")[0] == 200


def test_asking_often_writes_seldom(s3_server, monkeypatch):
    storage, writes = s3_server._server.storage, []
    write = storage.database.write

    def counted(change, **arguments):
        writes.append(change)
        return write(change, **arguments)

    monkeypatch.setattr(storage.database, "write", counted)
    for _ in range(50):
        assert ask(s3_server, "/healthz")[0] == 200
    assert len(writes) < 10


def test_no_bucket_of_that_name_can_be_created(s3_server):
    refused = refusal_of(client_of(s3_server, "admin").create_bucket, Bucket="healthz")
    assert (refused.status, refused.code) == (400, "InvalidBucketName")
    assert "answers at /healthz itself" in refused.error["Message"]


def test_nor_by_the_configuration(tmp_path):
    with pytest.raises(ConfigError, match="no bucket can be called healthz"):
        RunningServer(tmp_path / "s3", {"buckets": [{"name": "healthz"}]})


def test_one_that_is_there_is_served_and_named_at_the_start(tmp_path, caplog):
    storage = Storage(tmp_path / "s3")
    buckets.create(storage, "healthz")
    storage.close()
    config = server_config()
    config["buckets"].append({"name": "healthz"})
    with RunningServer(tmp_path / "s3", config) as server:
        s3 = client_of(server, "admin")
        s3.put_object(Bucket="healthz", Key="k", Body=b"12345")
        assert [entry["Key"] for entry in s3.list_objects_v2(Bucket="healthz")["Contents"]] == ["k"]
        assert send(server, "GET", "/healthz")[0] == 403
        assert ask(server, "/-/healthz")[0] == 200
        # Nothing is lost that worked: it may be put again, as one's own.
        s3.create_bucket(Bucket="healthz")
    assert "the bucket healthz has a name that this server answers itself" in caplog.text


def test_other_methods_and_keys_are_s3s(s3_server):
    assert send(s3_server, "DELETE", "/healthz")[0] in (403, 404)
    assert send(s3_server, "GET", "/healthz/key")[0] in (403, 404)


def test_a_bucket_in_the_host_name_has_its_own_keys(tmp_path):
    config = server_config() | {"base_domain": "s3.test"}
    with RunningServer(tmp_path / "s3", config) as server:
        status, _, body = send(server, "GET", "/healthz", {"Host": "test-bucket.s3.test"})
        assert status == 403
        assert b"AccessDenied" in body
