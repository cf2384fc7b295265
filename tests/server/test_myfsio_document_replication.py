"""MyFSIO's document, section 9, *Site Replication*, sentence by sentence, with users of its iam.json."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager

import pytest
from click.testing import CliRunner
from myfsio_callers import ask
from replicating_servers import client as admin_of
from replicating_servers import history_of, keys_in, replicator_of, report_of
from s3_callers import client_of, code_of

from s3portal.server.command import server_command
from s3portal.server.gateway.audit import FILE
from s3portal.server.gateway.audit_reading import read_audit
from s3portal.server.gateway.replication_agent import AGENT
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer

SOURCE, TARGET = "my-bucket", "backup-bucket"
ALL = ["list", "read", "write", "delete", "share", "policy", "replication"]
USERS = {
    "boss": [{"bucket": "*", "actions": [*ALL, "iam:*"]}],
    "copier": [{"bucket": SOURCE, "actions": ["list", "read", "write", "delete", "replication"]}],
    "writer": [{"bucket": SOURCE, "actions": ["list", "read", "write", "delete"]}],
    # As the script setup_target.py makes it.
    "replication-user": [{"bucket": TARGET, "actions": ["write", "read", "list"]}],
    # For deletions, which the script's user is not let.
    "mirror": [{"bucket": "*", "actions": ["write", "read", "list", "delete"]}],
}


def client(server, user):
    keys = {"aws_access_key_id": f"{user}-key", "aws_secret_access_key": f"{user}-secret"}
    return client_of(server, **keys)


@contextmanager
def instance(folder, bucket, *, versioned=False, accepted=("mirror",)):
    """Yields a server with MyFSIO's users, as it is after a move."""
    folder.mkdir()
    entries = [
        {"access_key": f"{name}-key", "secret_key": f"{name}-secret", "display_name": name, "policies": given}
        for name, given in USERS.items()
    ]
    (folder / "iam.json").write_text(json.dumps({"users": entries}))
    config = server_config()
    config["buckets"] = [{"name": bucket, **({"versioning": "Enabled"} if versioned else {})}]
    config["myfsio"] = {"iam_file": str(folder / "iam.json")}
    config["replication"] = {"users": list(accepted)}
    with RunningServer(folder / "s3", config) as server:
        yield server


@pytest.fixture
def sites(tmp_path, monkeypatch):
    """Two instances without versions, as MyFSIO's buckets are unless told otherwise."""
    monkeypatch.delenv("S3PORTAL_SERVER_REPLICATION_SECRET", raising=False)
    with ExitStack() as running:
        source = running.enter_context(instance(tmp_path / "source", SOURCE))
        yield source, running.enter_context(instance(tmp_path / "target", TARGET))


def command(server, *arguments, secret=None):
    root = server._server.storage.root
    result = CliRunner().invoke(
        server_command,
        ["--root", str(root), "replication", *arguments],
        env={"S3PORTAL_SERVER_REPLICATION_SECRET": secret} if secret else {},
    )
    assert result.exit_code == 0, result.output
    return result.output


def enable(source, target, user="mirror", *, here=SOURCE, there=TARGET):
    """The setup guide: add a connection, choose the target bucket, enable."""
    command(
        source, "connect", "secondary-site", target.endpoint, "--access-key-id", f"{user}-key",
        secret=f"{user}-secret",
    )  # fmt: skip
    return command(source, "add", here, "secondary-site", there)


def pause(server, user, status, bucket=SOURCE):
    """What the Replication tab does: the rules as they are shown, with another status."""
    s3 = client(server, user)
    document = s3.get_bucket_replication(Bucket=bucket)["ReplicationConfiguration"]
    document["Rules"][0]["Status"] = status
    s3.put_bucket_replication(Bucket=bucket, ReplicationConfiguration=document)


class TestSetupGuide:
    def test_headless_setup_of_the_target(self, tmp_path):
        """Option B without its script: bucket and user over the API, by AWS's own clients."""
        with (
            instance(tmp_path / "source", SOURCE) as source,
            instance(tmp_path / "target", "other") as target,
        ):
            keys = {"aws_access_key_id": "boss-key", "aws_secret_access_key": "boss-secret"}
            client(target, "boss").create_bucket(Bucket=TARGET)
            iam = client_of(target, service="iam", **keys)
            iam.create_user(UserName="made")
            actions = [f"s3:{name}Object" for name in ("Put", "Get", "Delete")]
            actions += ["s3:PutObjectTagging", "s3:ListBucket"]
            resources = [f"arn:aws:s3:::{TARGET}", f"arn:aws:s3:::{TARGET}/*"]
            statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            iam.put_user_policy(UserName="made", PolicyName="replication", PolicyDocument=policy)
            made = iam.create_access_key(UserName="made")["AccessKey"]
            command(
                source, "connect", "secondary-site", target.endpoint,
                "--access-key-id", made["AccessKeyId"], secret=made["SecretAccessKey"],
            )  # fmt: skip
            command(source, "add", SOURCE, "secondary-site", TARGET)
            client(source, "copier").put_object(Bucket=SOURCE, Key="k", Body=b"1")
            source.run_replication()
            assert keys_in(target, TARGET) == {"k"}

    def test_the_scripts_user_without_delete_is_enough_for_copies(self, sites):
        source, target = sites
        assert "may not delete" in enable(source, target, "replication-user")
        client(source, "copier").put_object(Bucket=SOURCE, Key="k", Body=b"1")
        source.run_replication()
        assert "k" in keys_in(target, TARGET)
        client(source, "copier").delete_object(Bucket=SOURCE, Key="k")
        source.run_replication()
        assert "k" in keys_in(target, TARGET)
        assert report_of(source).failed == 1

    def test_verification(self, sites):
        """Upload a file to the source bucket; it appears in the target bucket."""
        source, target = sites
        enable(source, target)
        client(source, "copier").put_object(
            Bucket=SOURCE, Key="folder/file.csv", Body=b"1,2\n", Metadata={"colour": "green"},
            ContentType="text/csv", Tagging="kept=yes",
        )  # fmt: skip
        source.run_replication()
        there = client(target, "boss").get_object(Bucket=TARGET, Key="folder/file.csv")
        assert (there["Body"].read(), there["ContentType"]) == (b"1,2\n", "text/csv")
        assert there["Metadata"] == {"colour": "green"}
        assert there["TagCount"] == 1

    def test_versions_are_those_of_the_source(self, tmp_path):
        with (
            instance(tmp_path / "source", SOURCE, versioned=True) as source,
            instance(tmp_path / "target", TARGET, versioned=True) as target,
        ):
            enable(source, target)
            copier = client(source, "copier")
            for body in (b"1", b"2"):
                copier.put_object(Bucket=SOURCE, Key="k", Body=body)
            copier.delete_object(Bucket=SOURCE, Key="k")
            source.run_replication()
            assert history_of(admin_of(target), TARGET) == history_of(admin_of(source), SOURCE)
            assert len(history_of(admin_of(target), TARGET)["k"]) == 3

    def test_any_s3_compatible_target_will_do(self, tmp_path):
        """One that does not know the user as a replicating one, as AWS and MinIO."""
        with (
            instance(tmp_path / "source", SOURCE) as source,
            instance(tmp_path / "target", TARGET, accepted=()) as target,
        ):
            enable(source, target)
            client(source, "copier").put_object(Bucket=SOURCE, Key="k", Body=b"1")
            source.run_replication()
            assert keys_in(target, TARGET) == {"k"}


class TestPermissionModel:
    def test_users_with_replication_pause_and_resume_what_is_there(self, sites):
        source, target = sites
        enable(source, target)
        pause(source, "copier", "Disabled")
        client(source, "copier").put_object(Bucket=SOURCE, Key="later", Body=b"1")
        source.run_replication()
        assert keys_in(target, TARGET) == set()
        assert not report_of(source).enabled
        pause(source, "copier", "Enabled")
        source.run_replication()
        assert keys_in(target, TARGET) == {"later"}

    def test_only_administrators_make_change_and_delete_rules(self, sites):
        source, target = sites
        enable(source, target)
        copier, boss = client(source, "copier"), client(source, "boss")
        document = copier.get_bucket_replication(Bucket=SOURCE)["ReplicationConfiguration"]
        for change in (
            {"ID": "another"},
            {"Destination": {"Bucket": "arn:aws:s3:::elsewhere"}},
            {"Filter": {"Prefix": "a/"}},
        ):
            changed = {**document, "Rules": [document["Rules"][0] | change]}
            boss.put_bucket_versioning(Bucket=SOURCE, VersioningConfiguration={"Status": "Enabled"})
            given = {"Bucket": SOURCE, "ReplicationConfiguration": changed}
            assert code_of(copier.put_bucket_replication, **given) == "AccessDenied"
        assert code_of(copier.delete_bucket_replication, Bucket=SOURCE) == "AccessDenied"
        assert report_of(source).target_bucket == TARGET
        boss.delete_bucket_replication(Bucket=SOURCE)
        missing = "ReplicationConfigurationNotFoundError"
        assert code_of(boss.get_bucket_replication, Bucket=SOURCE) == missing

    def test_without_the_permission_nothing_is_shown(self, sites):
        source, target = sites
        enable(source, target)
        writer = client(source, "writer")
        assert code_of(writer.get_bucket_replication, Bucket=SOURCE) == "AccessDenied"
        document = client(source, "copier").get_bucket_replication(Bucket=SOURCE)
        given = {"Bucket": SOURCE, "ReplicationConfiguration": document["ReplicationConfiguration"]}
        assert code_of(writer.put_bucket_replication, **given) == "AccessDenied"

    def test_who_pauses_sees_no_credentials(self, sites):
        source, target = sites
        enable(source, target)
        shown = client(source, "copier").get_bucket_replication(Bucket=SOURCE)
        assert "mirror" not in json.dumps(shown["ReplicationConfiguration"])


class TestBothDirections:
    @pytest.fixture
    def linked(self, sites):
        source, target = sites
        enable(source, target)
        enable(target, source, here=TARGET, there=SOURCE)
        return source, target

    def test_each_side_has_what_the_other_got_and_nothing_goes_round(self, linked):
        source, target = linked
        client(source, "boss").put_object(Bucket=SOURCE, Key="from-a", Body=b"1")
        client(target, "boss").put_object(Bucket=TARGET, Key="from-b", Body=b"2")
        for server in (source, target, source, target):
            server.run_replication()
        assert keys_in(source, SOURCE) == keys_in(target, TARGET) == {"from-a", "from-b"}
        sent = [report_of(server).sent_objects for server in linked]
        assert sent == [1, 1]
        for server in (source, target, source, target):
            server.run_replication()
        assert [report_of(server).sent_objects for server in linked] == sent
        assert (
            client(target, "boss").head_object(Bucket=TARGET, Key="from-a")["ReplicationStatus"] == "REPLICA"
        )

    def test_it_is_known_by_the_user_agent_of_a_connections_user_alone(self, linked):
        source, target = linked
        client(source, "boss").put_object(Bucket=SOURCE, Key="k", Body=b"1")
        source.run_replication()
        noted = read_audit(target._server.storage.root / FILE)
        (put,) = [one for one in noted if (one.action, one.key) == ("PutObject", "k")]
        assert put.user_agent.startswith(AGENT) and put.user.endswith("user/mirror")
        # Somebody else with its name: their object is one of this side, and goes over.
        agent = {"User-Agent": f"{AGENT}1.0"}
        assert ask(target, "PUT", f"/{TARGET}/mine", user="boss", **agent)[0] == 200
        target.run_replication()
        assert "mine" in keys_in(source, SOURCE)

    def test_deletions_go_over_both_ways(self, linked):
        source, target = linked
        for key in ("a", "b"):
            client(source, "boss").put_object(Bucket=SOURCE, Key=key, Body=b"1")
        source.run_replication()
        client(source, "boss").delete_object(Bucket=SOURCE, Key="a")
        client(target, "boss").delete_object(Bucket=TARGET, Key="b")
        for server in (source, target, source, target):
            server.run_replication()
        assert keys_in(source, SOURCE) == keys_in(target, TARGET) == set()


def test_deleting_a_bucket_removes_its_configuration(sites):
    source, target = sites
    enable(source, target)
    boss = client(source, "boss")
    boss.delete_bucket(Bucket=SOURCE)
    assert command(source, "status") == "No bucket is replicated.\n"
    boss.create_bucket(Bucket=SOURCE)
    missing = "ReplicationConfigurationNotFoundError"
    assert code_of(boss.get_bucket_replication, Bucket=SOURCE) == missing
    # The connection is free again.
    replicator_of(source).remove_connection("secondary-site")
