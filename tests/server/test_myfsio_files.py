"""MyFSIO's iam.json and bucket_policies.json: read at first start, and by every process when they change."""

from __future__ import annotations

import json
import logging

import pytest
from s3_callers import BUCKET, client_of, code_of, send
from two_workers import Workers

from s3portal.server.authority.policy import read_policy
from s3portal.server.authority.policy_patterns import Values
from s3portal.server.myfsio.actions import IAM_ACTIONS, S3_ACTIONS, action_named
from s3portal.server.myfsio.policies import policy_of_entries
from s3portal.server.myfsio.users import LOCALADMIN_KEY_FILE, read_users
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer

# The seed's table, and what release 0.2.1 has besides.
ALIASES = {
    "list": "s3:ListBucket s3:ListAllMyBuckets s3:ListBucketVersions s3:ListMultipartUploads s3:ListParts",
    "read": "s3:GetObject s3:GetObjectVersion s3:GetObjectTagging s3:HeadObject s3:HeadBucket "
    "s3:getobjectversiontagging s3:getobjectacl s3:getbucketversioning",
    "write": "s3:PutObject s3:CreateBucket s3:CreateMultipartUpload s3:UploadPart s3:CompleteMultipartUpload "
    "s3:AbortMultipartUpload s3:CopyObject s3:putobjecttagging s3:putbucketversioning",
    "delete": "s3:DeleteObject s3:DeleteObjectVersion s3:DeleteBucket s3:deleteobjecttagging",
    "share": "s3:PutObjectAcl s3:PutBucketAcl s3:GetBucketAcl",
    "policy": "s3:PutBucketPolicy s3:GetBucketPolicy s3:DeleteBucketPolicy",
    "replication": "s3:GetReplicationConfiguration s3:PutReplicationConfiguration s3:ReplicateObject "
    "s3:ReplicateTags s3:ReplicateDelete s3:deletereplicationconfiguration",
    "iam:list_users": "iam:ListUsers",
    "iam:create_user": "iam:CreateUser",
    "iam:delete_user": "iam:DeleteUser",
    "iam:rotate_key": "iam:RotateAccessKey",
    "iam:update_policy": "iam:PutUserPolicy",
    "iam:*": "iam:*",
}
ADMIN = [{"bucket": "*", "actions": [*S3_ACTIONS, "iam:*"]}]
PUBLIC = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": "*",
            "Action": ["s3:ListBucket", "s3:GetObject"],
            "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
        }
    ],
}


class NoContext:
    def get(self, key: str, /) -> Values | None:
        return None


def may(entries, action, resource):
    document, _ = policy_of_entries(entries)
    return document is not None and read_policy(document).allows(action, resource, NoContext())


def user(access_key, policies, secret="a-long-secret", name=None):
    return {
        "access_key": access_key,
        "secret_key": secret,
        "display_name": name or access_key,
        "policies": policies,
    }


class TestActions:
    @pytest.mark.parametrize("name", ALIASES)
    def test_every_alias_stands_for_its_action_in_any_case(self, name):
        for alias in (name, *ALIASES[name].split()):
            for spelled in (alias, alias.lower(), alias.upper(), f" {alias} "):
                assert action_named(spelled) == {name}

    def test_everything_and_nothing(self):
        assert action_named("*") == {*S3_ACTIONS, *IAM_ACTIONS}
        assert action_named("s3:Everything") == set()

    def test_a_policy_allows_what_it_says_in_its_bucket_alone(self):
        entries = [{"bucket": "User-Bucket", "actions": ["read", "write", "delete"]}]
        for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
            assert may(entries, action, "arn:aws:s3:::user-bucket/a")
            assert not may(entries, action, "arn:aws:s3:::user-bucket2/a")
        assert not may(entries, "s3:ListBucket", "arn:aws:s3:::user-bucket")
        assert not may(entries, "s3:ListAllMyBuckets", "*")
        assert not may(entries, "s3:PutBucketPolicy", "arn:aws:s3:::user-bucket")

    def test_read_only_everywhere(self):
        entries = [{"bucket": "*", "actions": ["list", "read"]}]
        assert may(entries, "s3:ListAllMyBuckets", "*")
        assert may(entries, "s3:GetObject", "arn:aws:s3:::any/key")
        assert not may(entries, "s3:PutObject", "arn:aws:s3:::any/key")
        assert not may(entries, "iam:ListUsers", "*")

    def test_users_are_managed_with_a_policy_for_all_buckets_only(self):
        assert may(ADMIN, "iam:CreateUser", "*")
        assert may(ADMIN, "kms:CreateKey", "*")
        assert not may([{"bucket": "one", "actions": ["iam:*", "list"]}], "iam:CreateUser", "*")

    def test_unknown_actions_allow_nothing_and_are_named(self):
        assert policy_of_entries([{"bucket": "*", "actions": ["s3:Nothing"]}]) == (None, ["s3:Nothing"])

    @pytest.mark.parametrize("wrong", [{}, [1], [{"bucket": "a/*", "actions": ["read"]}], [{"actions": 1}]])
    def test_what_is_no_policy_is_refused(self, wrong):
        with pytest.raises(ValueError, match="must be"):
            policy_of_entries(wrong)


class TestUsers:
    def test_names_are_ones_that_iam_allows_and_never_the_administrators(self):
        users = [
            user("key-1", [], name="Local Admin"),
            user("key-2", [], name="root"),
            user("key-3", [], name="ü"),
        ]
        users.append(user("key-4", [], name="Local Admin"))
        names = [found.name for found in read_users(json.dumps({"users": users}))]
        assert names == ["Local-Admin", "root-key-2", "key-3", "Local-Admin-key-4"]

    @pytest.mark.parametrize(
        "wrong", ["", "[]", "{}", "gAAAAABn", json.dumps({"users": [user("a b", [])]}), '{"users": [1]}']
    )
    def test_what_is_no_such_file_is_refused(self, wrong):
        with pytest.raises(ValueError, match=r"must be|encrypted"):
            read_users(wrong)


@pytest.fixture
def folder(tmp_path):
    config = tmp_path / "data" / ".myfsio.sys" / "config"
    config.mkdir(parents=True)
    return config


def write_users(folder, *users):
    (folder / "iam.json").write_text(json.dumps({"users": users}))


def write_policies(folder, **policies):
    (folder / "bucket_policies.json").write_text(json.dumps({"policies": policies}))


def configured(folder, **more):
    return server_config() | {"myfsio": {"folder": str(folder.parent.parent), **more}}


def client(server, access_key, secret="a-long-secret"):
    return client_of(server, aws_access_key_id=access_key, aws_secret_access_key=secret)


class TestAtWork:
    def test_users_come_change_and_go_with_the_file(self, tmp_path, folder, caplog):
        write_users(folder, user("reader-key", [{"bucket": BUCKET, "actions": ["list", "read"]}]))
        with RunningServer(tmp_path / "s3", configured(folder)) as server:
            reader = client(server, "reader-key")
            assert reader.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0
            assert code_of(reader.put_object, Bucket=BUCKET, Key="a") == "AccessDenied"
            write_users(folder, user("reader-key", [{"bucket": BUCKET, "actions": ["s3:PUTOBJECT"]}]))
            assert reader.put_object(Bucket=BUCKET, Key="a")
            assert code_of(reader.list_objects_v2, Bucket=BUCKET) == "AccessDenied"
            (folder / "iam.json").write_text("{")
            assert reader.put_object(Bucket=BUCKET, Key="a")
            assert "users of MyFSIO stay as they were" in caplog.text
            write_users(folder)
            assert code_of(reader.put_object, Bucket=BUCKET, Key="a") == "InvalidAccessKeyId"

    def test_policies_come_change_and_go_with_the_file(self, tmp_path, folder, caplog):
        write_policies(folder, **{BUCKET: PUBLIC, "not-there": PUBLIC | {"Statement": PUBLIC["Statement"]}})
        config = configured(folder)
        with RunningServer(tmp_path / "s3", config) as server:
            assert "the policy of not-there" in caplog.text
            assert send(server, "GET", f"/{BUCKET}")[0] == 403
            write_policies(folder, **{BUCKET: PUBLIC})
            assert send(server, "GET", f"/{BUCKET}")[0] == 200
            (folder / "bucket_policies.json").write_text('{"policies": {"test-bucket": {}}}')
            assert send(server, "GET", f"/{BUCKET}")[0] == 200
            assert "policies of buckets stay as they were: the policy of test-bucket" in caplog.text
            write_policies(folder)
            assert send(server, "GET", f"/{BUCKET}")[0] == 403

    def test_a_policy_put_by_a_request_stays_until_the_file_says_something_else(self, tmp_path, folder):
        write_policies(folder, **{BUCKET: PUBLIC})
        for start in range(2):
            with RunningServer(tmp_path / "s3", configured(folder)) as server:
                if start == 0:
                    assert send(server, "GET", f"/{BUCKET}")[0] == 200
                    client_of(server).delete_bucket_policy(Bucket=BUCKET)
                assert send(server, "GET", f"/{BUCKET}")[0] == 403

    def test_localadmin_only_where_asked_for_and_never_with_the_known_secret(self, tmp_path, folder, caplog):
        caplog.set_level(logging.INFO)
        write_users(folder, user("localadmin", ADMIN, secret="localadmin", name="Local Admin"))
        with RunningServer(tmp_path / "plain", configured(folder)) as server:
            assert code_of(client(server, "localadmin", "localadmin").list_buckets) == "InvalidAccessKeyId"
        with RunningServer(tmp_path / "asked", configured(folder, localadmin=True)) as server:
            assert code_of(client(server, "localadmin", "localadmin").list_buckets) == "SignatureDoesNotMatch"
            stored = json.loads((tmp_path / "asked" / LOCALADMIN_KEY_FILE).read_text())
            assert client(server, "localadmin", stored["secret_access_key"]).list_buckets()["Buckets"]
            write_users(folder, user("localadmin", ADMIN, secret="chosen-by-us", name="Local Admin"))
            assert client(server, "localadmin", "chosen-by-us").list_buckets()["Buckets"]
            assert (tmp_path / "asked" / LOCALADMIN_KEY_FILE).stat().st_mode & 0o077 == 0

    def test_without_a_file_localadmin_has_a_secret_of_its_own_and_nothing_is_wrong(
        self, tmp_path, folder, caplog
    ):
        with RunningServer(tmp_path / "s3", configured(folder, localadmin=True)) as server:
            stored = json.loads((tmp_path / "s3" / LOCALADMIN_KEY_FILE).read_text())
            assert client(server, "localadmin", stored["secret_access_key"]).list_buckets()["Buckets"]
        assert not [record for record in caplog.records if record.levelno >= logging.ERROR]

    def test_users_of_the_configuration_count_first(self, tmp_path, folder, caplog):
        write_users(folder, user("portal-key", ADMIN, secret="other-secret"))
        with RunningServer(tmp_path / "s3", configured(folder)) as server:
            assert client_of(server).list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0
            assert (
                code_of(client(server, "portal-key", "other-secret").list_buckets) == "SignatureDoesNotMatch"
            )
        assert "the configuration has a user" in caplog.text


def test_every_worker_sees_what_changes(tmp_path, folder):
    write_users(folder)
    write_policies(folder)
    workers = Workers(tmp_path, myfsio={"folder": str(folder.parent.parent)})
    try:
        write_users(folder, user("reader-key", [{"bucket": BUCKET, "actions": ["list", "read"]}]))
        write_policies(folder, **{BUCKET: PUBLIC})
        for pid in workers.pids():
            with workers.only(pid):
                assert client(workers, "reader-key").list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0
                assert send(workers, "GET", f"/{BUCKET}")[0] == 200
        write_users(folder)
        write_policies(folder)
        for pid in workers.pids():
            with workers.only(pid):
                refused = code_of(client(workers, "reader-key").list_objects_v2, Bucket=BUCKET)
                assert refused == "InvalidAccessKeyId"
                assert send(workers, "GET", f"/{BUCKET}")[0] == 403
    finally:
        workers.stop()
