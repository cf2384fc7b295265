"""Replication in the console: connections and rules by administrators, pausing by those of the bucket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from console_visitor import ConsoleVisitor
from s3_clients import client_for

from s3portal.console.serving import ConsoleFrontEnd
from s3portal.server.gateway.audit import FILE
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer

BUCKET = "test-bucket"
PAGE = f"/ui/buckets/{BUCKET}/replication"


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("other") / "s3", server_config()) as server:
        yield server


@pytest.fixture
def connected(admin: ConsoleVisitor, other: RunningServer) -> ConsoleVisitor:
    user = other.users["admin"]
    admin.open("/ui/server/connections")
    page = admin.submit(
        "",
        name="second-site",
        endpoint=other.endpoint,
        access_key_id=user.access_key_id,
        secret_access_key=user.secret_access_key,
    )
    assert "The connection works" in page.text and user.secret_access_key not in page.text
    return admin


def test_a_connection_that_does_not_work_is_not_saved(admin: ConsoleVisitor, other: RunningServer) -> None:
    admin.open("/ui/server/connections")
    page = admin.submit(
        "", name="wrong", endpoint=other.endpoint, access_key_id="NOSUCHKEY00000000000", secret_access_key="x"
    )
    assert page.status_code == 400 and 'role="alert"' in page.text
    assert '<th scope="row">wrong</th>' not in admin.open("/ui/server/connections").text


def test_a_rule_is_made_paused_by_the_buckets_user_and_removed(
    connected: ConsoleVisitor, limited: ConsoleVisitor, running: RunningServer, other: RunningServer
) -> None:
    versions = {"Status": "Enabled"}
    client_for(running, "admin").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration=versions)
    client_for(other, "admin").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration=versions)
    connected.open(PAGE)
    page = connected.submit("/replication", connection="second-site", target_bucket=BUCKET).text
    assert "second-site / test-bucket" in page and ">active<" in page
    limited.open(PAGE)
    assert "Compare all" not in limited.text and "second-site" in limited.text
    assert ">paused<" in limited.submit("/pause").text
    assert ">active<" in limited.submit("/resume").text
    refused = limited.http.post(
        f"{limited.origin}{PAGE}/remove",
        data={"csrf_token": limited.token(), "rule_id": "copy"},
        headers={"Origin": limited.origin},
    )
    assert refused.status_code == 403
    connected.open(PAGE)
    connected.submit("/remove")
    assert "This bucket is not replicated" in connected.text


def test_a_bucket_that_is_not_there_is_said(connected: ConsoleVisitor) -> None:
    connected.open(PAGE)
    page = connected.submit("/replication", connection="second-site", target_bucket="no-such-bucket-there")
    assert page.status_code == 400 and "no-such-bucket-there" in page.text


def test_connections_are_for_administrators(limited: ConsoleVisitor, connected: ConsoleVisitor) -> None:
    assert limited.open("/ui/server/connections").status_code == 403
    connected.open("/ui/server/connections")
    assert "answers, and takes the key" in connected.submit("/test").text


def test_secrets_are_sealed_on_the_disk(
    connected: ConsoleVisitor, other: RunningServer, console: object
) -> None:
    folder: Path = console.folder  # type: ignore[attr-defined]
    secret = other.users["admin"].secret_access_key.encode()
    for path in folder.glob("*.sqlite*"):
        assert secret not in path.read_bytes(), path


def test_rules_take_the_permission_of_the_bucket_too(
    connected: ConsoleVisitor, console: ConsoleFrontEnd, running: RunningServer
) -> None:
    """Who administers users may read this bucket, and does not replicate it to a server of their own."""
    iam = client_for(running, "admin", "iam")
    iam.create_user(UserName="people-admin")
    statement = {"Effect": "Allow", "Action": ["iam:*", "s3:Get*", "s3:List*"], "Resource": "*"}
    iam.put_user_policy(
        UserName="people-admin",
        PolicyName="people",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    key = iam.create_access_key(UserName="people-admin")["AccessKey"]
    visitor = ConsoleVisitor(console.url)
    visitor.sign_in(key["AccessKeyId"], key["SecretAccessKey"])
    visitor.open(PAGE)
    page = visitor.submit("/replication", connection="second-site", target_bucket=BUCKET)
    assert page.status_code == 403 and "may not change this bucket" in page.text
    for what in ("remove", "compare"):
        refused = visitor.http.post(
            f"{visitor.origin}{PAGE}/{what}",
            data={"csrf_token": visitor.token(), "rule_id": "copy"},
            headers={"Origin": visitor.origin},
        )
        assert refused.status_code == 403
    assert "This bucket is not replicated" in connected.open(PAGE).text


def test_who_may_not_list_a_bucket_is_not_told_what_did_not_arrive(
    admin: ConsoleVisitor, console: ConsoleFrontEnd, running: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = running._server.view
    monkeypatch.setattr(
        type(view),
        "replication_failures",
        lambda self, bucket: [SimpleNamespace(key="hidden-name", problem="x", attempts=1)],
    )
    iam = client_for(running, "admin", "iam")
    iam.create_user(UserName="watcher")
    statement = {"Effect": "Allow", "Action": "s3:GetReplicationConfiguration", "Resource": "*"}
    iam.put_user_policy(
        UserName="watcher",
        PolicyName="watching",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    key = iam.create_access_key(UserName="watcher")["AccessKey"]
    visitor = ConsoleVisitor(console.url)
    visitor.sign_in(key["AccessKeyId"], key["SecretAccessKey"])
    page = visitor.open(PAGE)
    assert page.status_code == 200 and "hidden-name" not in page.text
    assert "hidden-name" in admin.open(PAGE).text


def test_what_no_request_does_is_in_the_audit_log_with_who_did_it(
    connected: ConsoleVisitor, running: RunningServer, other: RunningServer
) -> None:
    connected.open("/ui/server/connections")
    secret = "wrong-secret-of-nobody"
    connected.submit(
        "",
        name="refused",
        endpoint=other.endpoint,
        access_key_id="NOSUCHKEY00000000000",
        secret_access_key=secret,
    )
    lines = [
        line
        for line in (running._server.storage.root / FILE).read_text().splitlines()
        if "PutReplicationConnection" in line
    ]
    made, refused = (json.loads(line) for line in lines[-2:])
    assert made["parameters"] == {"Name": "second-site"} and made["outcome"] == "allowed"
    assert made["user"].endswith(":user/admin") and made["source_ip"] == "127.0.0.1"
    assert refused["parameters"] == {"Name": "refused"} and refused["outcome"] == "failed"
    assert secret not in lines[-1]
