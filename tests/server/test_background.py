"""The background jobs: the integrity scan, and that one process of several runs them."""

from __future__ import annotations

import json
import logging
import os
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner
from s3_callers import BUCKET, client_of

from s3portal.server.background.integrity_scan import IntegrityScan
from s3portal.server.background.runner import Background
from s3portal.server.command import server_command
from s3portal.server.config import config_of_json
from s3portal.server.gateway.access_log import AccessLog
from s3portal.server.pytest_plugin import server_config
from s3portal.server.running import S3Server
from s3portal.server.storage import damage, job_states
from s3portal.server.storage.storage import Storage
from s3portal.server.testing import RunningServer

LARGE = os.urandom(40_000)


def flip_a_bit(root, key):
    """Changes a bit in the only file of an object, in place."""
    result = CliRunner().invoke(server_command, ["--root", str(root), "where", f"{BUCKET}/{key}", "--json"])
    path = json.loads(result.output)[0]["places"][0]["file"]
    with Path(path).open("r+b") as file:
        file.seek(12_345)
        byte = file.read(1)[0]
        file.seek(12_345)
        file.write(bytes((byte ^ 4,)))


def fsck(root, *options):
    result = CliRunner().invoke(server_command, ["fsck", str(root), "--json", *options])
    return result.exit_code, [(f["kind"], f["key"]) for f in json.loads(result.output)["findings"]]


class TestIntegrityScan:
    @pytest.fixture
    def root(self, s3_server, s3, tmp_path):
        for key in ("a", "b", "c"):
            s3.put_object(Bucket=BUCKET, Key=key, Body=LARGE)
        return tmp_path / "s3"

    def test_a_flipped_bit_is_logged_and_shown_by_fsck_until_the_object_is_stored_again(
        self, s3_server, s3, root, caplog
    ):
        s3_server.run_integrity_scan()
        assert caplog.messages == []
        flip_a_bit(root, "b")
        with caplog.at_level(logging.ERROR):
            s3_server.run_integrity_scan()
        assert [f"integrity scan: {BUCKET}/b: " in message for message in caplog.messages] == [True]
        assert fsck(root) == (1, [("wrong-bytes", "b")])
        assert fsck(root, "--deep") == (1, [("wrong-bytes", "b")])
        s3.put_object(Bucket=BUCKET, Key="b", Body=LARGE)
        assert fsck(root) == (0, [])

    def test_damage_that_was_repaired_is_forgotten(self, s3_server, root):
        flip_a_bit(root, "b")
        s3_server.run_integrity_scan()
        flip_a_bit(root, "b")
        assert fsck(root)[0] == 1
        s3_server.run_integrity_scan()
        assert fsck(root) == (0, [])

    def test_a_round_continues_where_it_stopped(self, s3_server, root, monkeypatch):
        monkeypatch.setattr("s3portal.server.background.integrity_scan.BODIES_BETWEEN_NOTES", 1)
        storage = s3_server._server.storage
        stopping, checked = threading.Event(), []
        scan = IntegrityScan(storage, bytes_per_s=10**15, round_s=3600)
        check = scan._check

        def check_two(body, damaged, pace):
            if len(checked) == 2:
                stopping.set()
            check(body, damaged, pace)
            checked.append(body.key)

        monkeypatch.setattr(scan, "_check", check_two)
        assert scan.run(stopping) == 0.0
        assert checked == ["a", "b"]
        stopping.clear()
        monkeypatch.setattr(scan, "_check", lambda body, damaged, pace: checked.append(body.key))
        # Within the hour no round is due any more.
        assert 0 < scan.run(stopping) <= 3600
        assert checked == ["a", "b", "c"]
        assert 0 < scan.run(stopping) <= 3600
        assert checked == ["a", "b", "c"]
        assert job_states.read(storage, scan.name)["position"] is None

    def test_what_is_deleted_meanwhile_is_no_damage(self, s3_server, s3, root, caplog):
        storage = s3_server._server.storage
        scan = IntegrityScan(storage, bytes_per_s=10**15, round_s=0)
        check = scan._check

        def delete_first(body, damaged, pace):
            s3.delete_object(Bucket=BUCKET, Key=body.key)
            check(body, damaged, pace)

        scan._check = delete_first
        scan.run(threading.Event())
        assert (caplog.messages, damage.find_all(storage)) == ([], [])


class Recorded:
    """A job that tells when it runs."""

    name = "recorded"

    def __init__(self):
        self.ran = threading.Event()

    def run(self, stopping):
        self.ran.set()
        stopping.wait()
        return 0.0


class TestRunner:
    def test_one_of_several_runs_the_jobs_and_the_next_takes_over(self, tmp_path, monkeypatch):
        monkeypatch.setattr("s3portal.server.background.runner.POLL_S", 0.01)
        jobs = [Recorded(), Recorded()]
        first, second = (Background(tmp_path / "background", [job]) for job in jobs)
        first.start()
        assert jobs[0].ran.wait(60)
        second.start()
        assert first.is_leader.is_set()
        assert not second.is_leader.is_set()
        first.stop()
        assert jobs[1].ran.wait(60)
        second.stop()

    def test_a_job_that_fails_is_logged_and_tried_again(self, tmp_path, monkeypatch, caplog):
        monkeypatch.setattr("s3portal.server.background.runner.AFTER_FAILURE_S", 0.0)
        calls = []
        again = threading.Event()

        class Failing(Recorded):
            def run(self, stopping):
                calls.append(1)
                if len(calls) == 2:
                    again.set()
                    stopping.wait()
                    return 0.0
                raise ValueError("broken")

        background = Background(tmp_path / "background", [Failing()])
        background.start()
        assert again.wait(60)
        background.stop()
        assert "the recorded job failed and is tried again" in caplog.text

    def test_a_server_runs_the_jobs_it_is_told_to(self, tmp_path, monkeypatch):
        ran = threading.Event()
        monkeypatch.setattr(IntegrityScan, "_note", lambda scan, state, position: ran.set())
        config = config_of_json(server_config())
        server = S3Server(
            tmp_path / "s3",
            config,
            host="127.0.0.1",
            port=0,
            access_log=AccessLog(None),
            jobs=["integrity-scan"],
        )
        thread = threading.Thread(target=server.serve)
        thread.start()
        assert ran.wait(60)
        server.stop()
        thread.join()

    def test_a_server_of_a_test_runs_none_by_itself(self, tmp_path):
        config = server_config()
        with RunningServer(tmp_path / "s3", config) as server:
            client_of(server).put_object(Bucket=BUCKET, Key="a", Body=LARGE)
            assert server._server._background._jobs == []
        text = CliRunner().invoke(server_command, ["--help"]).output
        assert "--no-integrity-scan" in text
        storage = Storage(tmp_path / "s3")
        assert job_states.read(storage, "integrity-scan") == {}
        storage.close()
