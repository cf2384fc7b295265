"""s3portal server replication, beside a server that runs."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from replicating_servers import HERE, THERE, client, replicating_config
from s3_callers import code_of

from s3portal.server.command import server_command
from s3portal.server.testing import RunningServer


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("command")
    with (
        RunningServer(folder / "target", replicating_config(THERE)) as target,
        RunningServer(folder / "s3", replicating_config(HERE)) as source,
    ):
        yield source, target


@pytest.fixture
def run(servers, monkeypatch):
    source, _ = servers
    root = source._server.storage.root
    monkeypatch.setenv("S3PORTAL_SERVER_REPLICATION_SECRET", "admin-secret")

    def run(*arguments, status=0):
        result = CliRunner().invoke(
            server_command, ["--root", str(root), "replication", *arguments], catch_exceptions=False
        )
        assert result.exit_code == status, result.output
        return result.output

    return run


def test_a_rule_from_its_connection_to_its_end(servers, run):
    source, target = servers
    here = client(source)
    assert run("status") == "No bucket is replicated.\n"
    run("connect", "peer", target.endpoint, "--access-key-id", "admin-key")
    listed = run("connections")
    assert listed == f"peer: {target.endpoint} as admin-key\n"
    assert run("test", "peer", THERE) == "It works.\n"
    here.put_object(Bucket=HERE, Key="k", Body=b"1")
    run("add", HERE, "peer", THERE, "--existing-objects", "--tag", "a=b")
    run("add", HERE, "peer", THERE, "--existing-objects")
    # The server reads its buckets again once its job notices.
    source.run_replication()
    source.run_replication()
    assert client(target).get_object(Bucket=THERE, Key="k")["Body"].read() == b"1"
    assert here.head_object(Bucket=HERE, Key="k")["ReplicationStatus"] == "COMPLETED"
    run("pause", HERE, "peer")
    here.put_object(Bucket=HERE, Key="bad/1", Body=b"22")
    source.run_replication()
    (report,) = json.loads(run("status", "--json"))
    assert (report["enabled"], report["waiting"], report["sent_objects"]) == (False, 1, 1)
    assert "paused, 1 changes sent (1 bytes), 1 waiting (2 bytes)" in run("status")
    deny = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
             "Resource": f"arn:aws:s3:::{THERE}/bad/*"}
        ],
    }  # fmt: skip
    client(target).put_bucket_policy(Bucket=THERE, Policy=json.dumps(deny))
    run("resume", HERE, "peer")
    source.run_replication()
    assert "1 refused" in run("status", status=1)
    assert "bad/1" in run("failures", HERE)
    client(target).delete_bucket_policy(Bucket=THERE)
    run("compare", HERE, "peer")
    assert "looks through existing objects" in run("status", status=1)
    run("resume", HERE, "peer")
    source.run_replication()
    assert "0 waiting" in run("status")
    assert "used by here/peer" in run("disconnect", "peer", status=1)
    run("remove", HERE, "peer")
    run("disconnect", "peer")
    assert run("connections") == ""
    source.run_replication()
    missing = "ReplicationConfigurationNotFoundError"
    assert code_of(here.get_bucket_replication, Bucket=HERE) == missing


def test_who_may_replicate_here(run):
    run("accept", "portal")
    assert run("accept") == "000000000000/portal\n"
    run("accept", "portal", "--remove")
    assert run("accept") == ""
    assert "was not accepted" in run("accept", "portal", "--remove", status=1)


@pytest.mark.parametrize(
    "arguments, problem",
    [
        (("connect", "a/b", "http://x", "--access-key-id", "k"), "not the name of a connection"),
        (("add", HERE, "nobody", THERE), "no connection nobody"),
        (("add", HERE, "nobody", THERE, "--tag", "x"), "KEY=VALUE"),
        (("pause", HERE, "nothing"), "has no rule nothing"),
        (("pause", "nowhere", "nothing"), "bucket does not exist"),
        (("--root", "/nonexistent", "status"), "not the folder of a server"),
    ],
)
def test_a_mistake_is_named(run, arguments, problem):
    assert problem in run(*arguments, status=2 if problem == "KEY=VALUE" else 1)
