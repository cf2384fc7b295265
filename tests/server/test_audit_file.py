"""The file of the audit log: lines of several writers, rotation, and where it is."""

from __future__ import annotations

import json
import os
import sys
import threading

import pytest
from audit_records import log_of
from s3_callers import BUCKET, client_of
from two_workers import Workers, at_once

from s3portal.server.config import config_of_json
from s3portal.server.config_values import ConfigError
from s3portal.server.gateway.audit import FILE
from s3portal.server.gateway.audit_reading import read_audit
from s3portal.server.gateway.json_lines import JsonLines, lines_backwards
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer


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
