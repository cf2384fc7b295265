"""Quotas from the configuration file and by ``s3portal server quota``, also while the server runs."""

from __future__ import annotations

import json
import sys

import pytest
from click.testing import CliRunner
from s3_callers import BUCKET, client_of, code_of
from two_workers import Workers

from s3portal.server.command import server_command
from s3portal.server.config import config_of_json
from s3portal.server.config_values import ConfigError
from s3portal.server.pytest_plugin import server_config
from s3portal.server.storage import quotas, usage
from s3portal.server.storage.records import Quota
from s3portal.server.storage.storage import Storage
from s3portal.server.testing import RunningServer
from s3portal.server.upkeep.importing import import_folder

PORTAL = "arn:aws:iam::000000000000:user/portal"


def configured(**fields):
    config = server_config()
    config["buckets"][0] |= fields.get("bucket", {})
    config["users"][1] |= fields.get("user", {})
    config["roles"][0] |= fields.get("role", {})
    return config


def quota(root, *arguments):
    result = CliRunner().invoke(server_command, ["--root", str(root), "quota", *arguments])
    return result.exit_code, result.output


class TestConfiguration:
    def test_buckets_users_and_roles_get_theirs_at_each_start(self, tmp_path):
        given = {"max_bytes": 100, "max_objects": None}
        config = configured(
            bucket={"quota": given}, user={"quota": {"max_objects": 3}}, role={"quota": {"max_bytes": 5}}
        )
        for _ in range(2):
            with RunningServer(tmp_path / "s3", config) as server:
                storage = server._server.storage
                assert quotas.of_bucket(storage, BUCKET) == Quota(100, None)
                assert quotas.of_user(storage, PORTAL) == Quota(None, 3)
                assert quotas.of_user(storage, "arn:aws:iam::000000000000:role/uploads") == Quota(5, None)
                quotas.put_of_bucket(storage, BUCKET, Quota(1, 1))
        with RunningServer(tmp_path / "s3", server_config()) as server:
            assert quotas.of_bucket(server._server.storage, BUCKET) == Quota(1, 1)

    @pytest.mark.parametrize("wrong", [{"max_bytes": -1}, {"max": 1}, {}, [], "1GB"])
    @pytest.mark.parametrize(
        ("entry", "place"), [("bucket", "buckets[0]"), ("user", "users[1]"), ("role", "roles[0]")]
    )
    def test_what_is_no_quota_is_refused_by_its_place(self, wrong, entry, place):
        with pytest.raises(ConfigError) as refused:
            config_of_json(configured(**{entry: {"quota": wrong}}))
        assert str(refused.value).startswith(f"{place}.quota: ")

    def test_the_field_of_the_sum_is_not_one_of_the_file(self):
        with pytest.raises(ConfigError, match="unknown field user_quotas"):
            config_of_json(server_config() | {"user_quotas": []})

    def test_a_full_bucket_does_not_keep_the_server_from_starting(self, tmp_path, caplog):
        objects = [{"key": "a", "text": "12345"}, {"key": "b", "text": "123456"}]
        config = configured(bucket={"quota": {"max_bytes": 10}, "objects": objects})
        with RunningServer(tmp_path / "s3", config) as server:
            listed = client_of(server).list_objects_v2(Bucket=BUCKET)["Contents"]
        assert [entry["Key"] for entry in listed] == ["a"]
        assert "b of the configuration is not stored: Bucket quota exceeded" in caplog.text


class TestCommand:
    def test_limits_hold_from_the_next_request_on(self, s3_server, s3):
        root = s3_server._server.storage.root
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"12345")
        status, shown = quota(root, BUCKET, "--max-bytes", "5", "--max-objects", "2")
        assert (status, shown) == (0, "bucket test-bucket: 5 of 5 bytes, 1 of 2 objects\n")
        assert code_of(s3.put_object, Bucket=BUCKET, Key="l", Body=b"1") == "QuotaExceeded"
        # What is not named stays.
        assert quota(root, BUCKET, "--max-bytes", "none")[1] == (
            "bucket test-bucket: 5 of any number of bytes, 1 of 2 objects\n"
        )
        s3.put_object(Bucket=BUCKET, Key="l", Body=b"1" * 20_000)
        assert code_of(s3.put_object, Bucket=BUCKET, Key="m") == "QuotaExceeded"

    @pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
    def test_every_worker_minds_them(self, tmp_path):
        workers = Workers(tmp_path)
        try:
            assert quota(workers.root, BUCKET, "--max-objects", "0")[0] == 0
            for pid in workers.pids():
                with workers.only(pid) as s3:
                    assert code_of(s3.put_object, Bucket=BUCKET, Key="m") == "QuotaExceeded"
        finally:
            workers.stop()

    def test_users_and_roles(self, s3_server, s3):
        root = s3_server._server.storage.root
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"12345")
        assert quota(root, "--user", "portal", "--max-bytes", "1KiB")[0] == 0
        assert quota(root, "--user", "role/uploads", "--max-objects", "7")[0] == 0
        status, shown = quota(root, "--json")
        assert status == 0
        limits = {
            row["name"]: (row["max_bytes"], row["max_objects"], row["bytes"]) for row in json.loads(shown)
        }
        assert limits == {
            BUCKET: (None, None, 5),
            PORTAL: (1024, None, 5),
            "arn:aws:iam::000000000000:role/uploads": (None, 7, 0),
        }

    @pytest.mark.parametrize(
        "wrong",
        [
            ("--max-bytes", "1"),
            (BUCKET, "--user", "portal"),
            (BUCKET, "--max-bytes", "-1"),
            (BUCKET, "--max-bytes", "ten"),
            (BUCKET, "--max-bytes", "9000000P"),
            (BUCKET, "--max-objects", "1K"),
            ("no-such-bucket", "--max-bytes", "1"),
        ],
    )
    def test_what_cannot_be_meant_is_refused(self, s3_server, wrong):
        assert quota(s3_server._server.storage.root, *wrong)[0] == 2
        assert quotas.of_bucket(s3_server._server.storage, BUCKET) == Quota()

    def test_a_folder_of_no_server_is_refused(self, tmp_path):
        status, shown = quota(tmp_path, BUCKET, "--max-bytes", "1")
        assert status == 2
        assert "it has no metadata.sqlite3" in shown


def test_an_import_stores_what_fits_and_says_what_does_not(tmp_path):
    files = tmp_path / "files"
    files.mkdir()
    for name, size in (("a", 6), ("b", 6), ("c", 4)):
        (files / name).write_bytes(b"x" * size)
    with RunningServer(tmp_path / "s3", server_config()):
        pass
    storage = Storage(tmp_path / "s3")
    quotas.put_of_bucket(storage, BUCKET, Quota(10))
    done = import_folder(storage, files, BUCKET)
    assert done.files == 2
    assert len(done.failed) == 1
    assert done.failed[0].endswith("/b: Bucket quota exceeded: storage limit reached")
    assert usage.of_bucket(storage, BUCKET).object_bytes == 10
    storage.close()
