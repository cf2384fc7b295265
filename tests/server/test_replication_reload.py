"""Replication in the configuration file changes with the file, as users do."""

from __future__ import annotations

import json
import logging
import os
import time

import pytest
from replicating_servers import (
    HERE,
    THERE,
    client,
    connection_to,
    keys_in,
    replicating_config,
    replicator_of,
    rule_to,
    statuses,
)

from s3portal.server.replication import states
from s3portal.server.storage import replication_connections
from s3portal.server.testing import RunningServer


class Source:
    """A server with a configuration file, and the file."""

    def __init__(self, folder, target):
        self.file, self.target = folder / "config.json", target
        self.write()
        self.server = RunningServer(folder / "source", self.file)

    def write(self, **replication):
        config = replicating_config(HERE)
        config["replication"] = {"users": ["admin"], **replication}
        self.file.write_text(json.dumps(config))
        # Long enough ago for its time to tell the next change from this one.
        os.utime(self.file, (then := time.time() - 60, then))

    @property
    def rules(self):
        return [(report.bucket, report.target_bucket) for report in states.reports(self.storage)]

    @property
    def storage(self):
        return self.server._server.storage

    @property
    def connections(self):
        return [found.name for found in replication_connections.find_all(self.storage)]


@pytest.fixture
def source(tmp_path):
    with RunningServer(tmp_path / "target", replicating_config(THERE)) as target:
        source = Source(tmp_path, target)
        with source.server:
            yield source


def test_a_connection_and_a_rule_come_and_go_with_the_file(source):
    peer = connection_to(source.target)
    source.write(connections=[peer], rules=[rule_to(HERE, THERE)])
    source.server.run_replication()
    client(source.server).put_object(Bucket=HERE, Key="k", Body=b"1")
    source.server.run_replication()
    assert keys_in(source.target) == {"k"}
    source.write(connections=[peer])
    source.server.run_replication()
    assert (source.rules, source.connections) == ([], ["peer"])
    source.write()
    source.server.run_replication()
    assert source.connections == []


def test_a_rule_that_was_paused_stays_so_and_others_stay(source):
    peer = connection_to(source.target)
    source.write(connections=[peer], rules=[rule_to(HERE, THERE)])
    source.server.run_replication()
    replicator_of(source.server).pause(HERE, "to-peer")
    source.write(connections=[peer], rules=[rule_to(HERE, THERE, prefix="a/")])
    source.server.run_replication()
    (report,) = states.reports(source.storage)
    assert not report.enabled


@pytest.mark.parametrize(
    "replication",
    [
        {"connections": [{"name": "x"}]},
        {"rules": [rule_to("nowhere", THERE)]},
        {"rules": [rule_to(HERE, THERE, "nobody")]},
    ],
)
def test_a_mistake_is_logged_once_and_changes_nothing(source, caplog, replication):
    peer = connection_to(source.target)
    source.write(connections=[peer], rules=[rule_to(HERE, THERE)])
    source.server.run_replication()
    with caplog.at_level(logging.ERROR):
        source.write(**({"connections": [connection_to(source.target, "other")]} | replication))
        for _ in range(3):
            source.server.run_replication()
    assert len([one for one in caplog.records if "stay as they were" in one.message]) == 1
    assert (source.rules, source.connections) == ([(HERE, THERE)], ["peer"])


def test_who_may_replicate_here_changes_with_the_file(source, tmp_path):
    """The server with the file is the target now: what it takes for replicas is what its file says."""
    config = replicating_config(THERE)
    config["replication"] |= {"connections": [connection_to(source.server)], "rules": [rule_to(THERE, HERE)]}
    with RunningServer(tmp_path / "sender", config) as sender:
        for users, key, status in (([], "a", None), (["admin"], "b", "REPLICA"), ([], "c", None)):
            source.write(users=users)
            client(sender).put_object(Bucket=THERE, Key=key, Body=b"1")
            sender.run_replication()
            assert statuses(client(source.server), HERE, key) == status
