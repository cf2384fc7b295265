"""What s3portal server replication changes is in the server's audit log, with who did it, and no secrets."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from replicating_servers import HERE, THERE, replicating_config
from s3_callers import client_of

from s3portal.server.audited import SHELL, shell_user
from s3portal.server.command import server_command
from s3portal.server.gateway.audit import FILE
from s3portal.server.gateway.audit_reading import read_audit
from s3portal.server.gateway.json_lines import JsonLines
from s3portal.server.testing import RunningServer


@pytest.fixture
def servers(tmp_path):
    with (
        RunningServer(tmp_path / "target", replicating_config(THERE)) as target,
        RunningServer(tmp_path / "s3", replicating_config(HERE)) as source,
    ):
        yield source, target


@pytest.fixture
def run(servers, monkeypatch):
    root = servers[0]._server.storage.root
    monkeypatch.setenv("S3PORTAL_SERVER_REPLICATION_SECRET", "admin-secret")

    def run(*arguments, status=0):
        result = CliRunner().invoke(server_command, ["--root", str(root), "replication", *arguments])
        assert result.exit_code == status, result.output

    return run


def noted(server):
    return list(read_audit(server._server.storage.root / FILE))[::-1]


def test_every_change_is_noted(servers, run):
    source, target = servers
    connect = ("connect", "peer", target.endpoint, "--access-key-id", "admin-key")
    steps = [
        (connect, "PutReplicationConnection", {"Name": "peer"}),
        (("add", HERE, "peer", THERE), "PutBucketReplication", {"RuleId": "peer", "TargetBucket": THERE}),
        (("pause", HERE, "peer"), "PutBucketReplication", {"RuleId": "peer", "Status": "Disabled"}),
        (("resume", HERE, "peer"), "PutBucketReplication", {"RuleId": "peer", "Status": "Enabled"}),
        (("compare", HERE, "peer"), "CompareReplica", {"RuleId": "peer"}),
        (("remove", HERE, "peer"), "PutBucketReplication", {"RuleId": "peer", "Change": "Removed"}),
        (("disconnect", "peer"), "DeleteReplicationConnection", {"Name": "peer"}),
        (("accept", "portal"), "PutReplicationUser", {"UserName": "portal"}),
        (("accept", "portal", "--remove"), "DeleteReplicationUser", {"UserName": "portal"}),
    ]
    for arguments, action, parameters in steps:
        run(*arguments)
        record = noted(source)[-1]
        assert (record.action, record.outcome, record.status) == (action, "allowed", 200)
        assert parameters.items() <= record.parameters.items()
        assert (record.user, record.source_ip) == (shell_user(), SHELL)
        assert record.bucket == (HERE if HERE in arguments else None)
    assert len(noted(source)) == len(steps)
    for path in source._server.storage.root.glob("audit*.jsonl"):
        assert b"admin-secret" not in path.read_bytes()


def test_what_fails_is_noted_with_why(servers, run):
    source, _ = servers
    run("disconnect", "peer", status=1)
    run("pause", "nowhere", "rule", status=1)
    failed = [(one.action, one.outcome, one.reason) for one in noted(source)]
    assert failed == [
        ("DeleteReplicationConnection", "failed", "there is no connection peer"),
        ("PutBucketReplication", "failed", "The specified bucket does not exist"),
    ]


def test_what_only_looks_is_not_noted(servers, run):
    for arguments in (("status",), ("failures", HERE), ("connections",), ("accept",)):
        run(*arguments)
    assert noted(servers[0]) == []


def test_it_is_read_like_any_other_line(servers, run):
    source, _ = servers
    run("accept", "portal")
    client_of(source, "admin").put_object(Bucket=HERE, Key="k", Body=b"")
    actions = [one.action for one in noted(source)]
    assert actions == ["PutReplicationUser", "PutObject"]


def test_a_server_without_an_audit_log_stays_without(servers, run, tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"audit": False}))
    run("--config", str(config), "accept", "portal")
    assert not (servers[0]._server.storage.root / FILE).exists()


def test_a_file_that_root_begins_belongs_to_whom_the_folder_does(tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("os.fchown", lambda descriptor, uid, gid: given.append((uid, gid)))
    monkeypatch.setattr("s3portal.server.gateway.json_lines._is_roots", lambda descriptor: True)
    JsonLines(tmp_path / "log.jsonl", limit_bytes=1000, files=2).append(b"{}")
    owner = tmp_path.stat()
    assert given == [(owner.st_uid, owner.st_gid)]
