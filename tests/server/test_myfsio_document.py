"""MyFSIO's document, section by section: what it says works here, with its commands and examples.

Each class is a section; what other modules test at length is only touched here.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from myfsio_callers import ask, fetch
from s3_callers import BUCKET, client_of, code_of, send

from s3portal import __version__
from s3portal.console.command import server_command as with_console
from s3portal.server.command import server_command
from s3portal.server.config import config_of_json
from s3portal.server.config_myfsio import MyfsioConfig
from s3portal.server.config_values import ConfigError
from s3portal.server.kms.client_encryption import ClientEncryptionHelper
from s3portal.server.myfsio_environment import defaults_of, with_environment
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer

ROOT = Path(__file__).parents[2]
ADMIN_ACTIONS = ["list", "read", "write", "delete", "share", "policy", "replication", "iam:*"]
# The table of section 3.
VARIABLES = {
    "STORAGE_ROOT": "/srv/data",
    "MAX_UPLOAD_SIZE": "1073741824",
    "UI_PAGE_SIZE": "100",
    "SECRET_KEY": "change-me",
    "IAM_CONFIG": "/srv/iam.json",
    "BUCKET_POLICY_PATH": "/srv/policies.json",
    "API_BASE_URL": "https://s3.example.org",
    "AWS_REGION": "eu-central-1",
    "AWS_SERVICE": "s4",
    "ENCRYPTION_ENABLED": "true",
    "KMS_ENABLED": "true",
    "KMS_KEYS_PATH": "data/kms_keys.json",
    "ENCRYPTION_MASTER_KEY_PATH": "data/master.key",
}


def person(name, policies):
    return {
        "access_key": f"{name}-key",
        "secret_key": f"{name}-secret",
        "display_name": name,
        "policies": policies,
    }


USERS = {
    "boss": [{"bucket": "*", "actions": ADMIN_ACTIONS}],
    "reader": [{"bucket": "*", "actions": ["list", "read"]}],
    "single": [{"bucket": "user-bucket", "actions": ["read", "write", "delete"]}],
    "copier": [{"bucket": "my-bucket", "actions": ["list", "read", "write", "delete", "replication"]}],
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("document")
    file = folder / "iam.json"
    file.write_text(json.dumps({"users": [person(name, policies) for name, policies in USERS.items()]}))
    config = server_config() | {"myfsio": {"iam_file": str(file)}}
    with RunningServer(folder / "s3", config) as running:
        for name in ("user-bucket", "my-bucket", "test"):
            assert ask(running, "PUT", f"/{name}", user="boss")[0] == 200
        yield running


def client(server, name):
    keys = {"aws_access_key_id": f"{name}-key", "aws_secret_access_key": f"{name}-secret"}
    return client_of(server, **keys)


class TestSection2Quickstart:
    def test_health_and_version(self, server):
        status, _, body = send(server, "GET", "/healthz")
        assert (status, json.loads(body)["version"]) == (200, __version__)

    def test_ports_host_and_folder_are_the_variables_where_nothing_else_is_said(self, monkeypatch):
        for name, value in (("APP_PORT", "5000"), ("UI_PORT", "5100"), ("APP_HOST", "0.0.0.0")):
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("STORAGE_ROOT", "/app/data")
        options = {"port": 5000, "console_port": 5100, "host": "0.0.0.0", "root": Path("/app/data/.s3portal")}
        given = with_console.make_context("server", ["--myfsio"]).params
        assert {name: given[name] for name in options} == options
        monkeypatch.setenv("S3PORTAL_SERVER_MYFSIO", "1")
        assert with_console.make_context("server", []).params["port"] == 5000
        monkeypatch.delenv("S3PORTAL_SERVER_MYFSIO")
        assert with_console.make_context("server", ["--myfsio", "--port", "7000"]).params["port"] == 7000
        assert server_command.make_context("server", []).params["port"] == 9000

    def test_the_image_has_the_mount_points_and_ports(self):
        text = (ROOT / "Dockerfile").read_text()
        for line in ('VOLUME ["/app/data", "/app/logs"]', "EXPOSE 5000 5100", "STORAGE_ROOT=/app/data"):
            assert line in text


class TestSection3Configuration:
    def test_every_variable_has_an_effect_or_says_that_it_has_none(self):
        config, said = with_environment(MyfsioConfig(enabled=True), VARIABLES)
        assert config == MyfsioConfig(
            enabled=True,
            folder=Path("/srv/data"),
            iam_file=Path("/srv/iam.json"),
            bucket_policies_file=Path("/srv/policies.json"),
            api_base_url="https://s3.example.org",
            region="eu-central-1",
            upload_limit_bytes=1073741824,
        )
        silent = {
            "STORAGE_ROOT",
            "MAX_UPLOAD_SIZE",
            "IAM_CONFIG",
            "BUCKET_POLICY_PATH",
            "API_BASE_URL",
            "AWS_REGION",
        }
        assert {sentence.split()[0] for sentence in said} == set(VARIABLES) - silent
        assert with_environment(MyfsioConfig(), {}) == (MyfsioConfig(), [])
        assert defaults_of({}) == {}

    @pytest.mark.parametrize("wrong", [{"MAX_UPLOAD_SIZE": "1 GB"}, {"API_BASE_URL": "s3.example.org"}])
    def test_a_wrong_one_stops_the_start(self, wrong):
        with pytest.raises(ConfigError, match="must be"):
            with_environment(MyfsioConfig(), wrong)

    def test_the_files_are_where_storage_root_says(self):
        config, _ = with_environment(MyfsioConfig(), {"STORAGE_ROOT": "/app/data"})
        assert config.iam_path == Path("/app/data/.myfsio.sys/config/iam.json")
        assert config.bucket_policies_path == Path("/app/data/.myfsio.sys/config/bucket_policies.json")


class TestSection4Users:
    def test_full_control(self, server):
        boss = client(server, "boss")
        boss.put_object(Bucket="test", Key="a", Body=b"1")
        assert boss.get_object(Bucket="test", Key="a")["Body"].read() == b"1"
        boss.put_bucket_versioning(Bucket="my-bucket", VersioningConfiguration={"Status": "Suspended"})
        iam = client_of(
            server, service="iam", aws_access_key_id="boss-key", aws_secret_access_key="boss-secret"
        )
        names = [user["UserName"] for user in iam.list_users()["Users"]]
        assert set(USERS) <= set(names)

    def test_read_only(self, server):
        reader = client(server, "reader")
        assert reader.get_object(Bucket="test", Key="a")["Body"].read() == b"1"
        assert len(reader.list_buckets()["Buckets"]) >= 4
        assert code_of(reader.put_object, Bucket="test", Key="b") == "AccessDenied"

    def test_a_single_bucket_without_the_others(self, server):
        single = client(server, "single")
        single.put_object(Bucket="user-bucket", Key="a", Body=b"x")
        single.delete_object(Bucket="user-bucket", Key="a")
        assert code_of(single.list_buckets) == "AccessDenied"
        assert code_of(single.put_object, Bucket="test", Key="a") == "AccessDenied"

    def test_a_bucket_with_replication(self, server):
        copier = client(server, "copier")
        copier.put_object(Bucket="my-bucket", Key="a")
        assert code_of(copier.get_bucket_replication, Bucket="my-bucket") == (
            "ReplicationConfigurationNotFoundError"
        )
        assert code_of(client(server, "reader").get_bucket_replication, Bucket="my-bucket") == "AccessDenied"


class TestSection5Policies:
    def test_the_command(self, server):
        statement = {
            "Effect": "Allow",
            "Principal": "*",
            "Action": ["s3:ListBucket"],
            "Resource": ["arn:aws:s3:::test"],
        }
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        assert send(server, "GET", "/test")[0] == 403
        assert ask(server, "PUT", "/bucket-policy/test", policy, user="boss")[0] == 204
        assert send(server, "GET", "/test")[0] == 200
        assert ask(server, "DELETE", "/bucket-policy/test", user="boss")[0] == 204
        assert send(server, "GET", "/test")[0] == 403


class TestSection6Presigned:
    def test_a_url(self, server):
        asked = {"method": "GET", "expires_in": 900}
        url = ask(server, "POST", "/presign/test/a", asked, user="reader")[1]["url"]
        assert fetch(url) == (200, b"1")
        assert ask(server, "POST", "/presign/test/a", {"method": "PUT"}, user="reader")[0] == 403

    def test_the_multipart_example(self, server):
        s3 = client(server, "boss")
        upload_id = s3.create_multipart_upload(Bucket="test", Key="large.bin")["UploadId"]
        parts = []
        for number, chunk in enumerate([b"1" * 5 * 1024 * 1024, b"chunk2"], start=1):
            part = {"Bucket": "test", "Key": "large.bin", "PartNumber": number, "UploadId": upload_id}
            parts.append({"PartNumber": number, "ETag": s3.upload_part(**part, Body=chunk)["ETag"]})
        s3.complete_multipart_upload(
            Bucket="test", Key="large.bin", UploadId=upload_id, MultipartUpload={"Parts": parts}
        )
        assert s3.head_object(Bucket="test", Key="large.bin")["ContentLength"] == 5 * 1024 * 1024 + 6


class TestSection7Encryption:
    def test_keys_and_the_important_notes(self, server):
        s3 = client(server, "boss")
        s3.put_object(Bucket="test", Key="before", Body=b"plain")
        asked = {"alias": "my-key", "description": "Production encryption key"}
        key_id = ask(server, "POST", "/kms/keys", asked, user="boss")[1]["KeyId"]
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key_id}
        rule = {"ApplyServerSideEncryptionByDefault": default}
        s3.put_bucket_encryption(Bucket="test", ServerSideEncryptionConfiguration={"Rules": [rule]})
        # Users need nothing of the key itself: what they may do with the objects is enough.
        client(server, "boss").put_object(Bucket="test", Key="after", Body=b"sealed")
        assert client(server, "reader").get_object(Bucket="test", Key="after")["Body"].read() == b"sealed"
        assert "SSEKMSKeyId" not in s3.head_object(Bucket="test", Key="before")
        path = f"/kms/keys/{key_id}"
        assert ask(server, "POST", f"{path}/rotate", user="boss")[0] == 200
        assert s3.get_object(Bucket="test", Key="after")["Body"].read() == b"sealed"
        assert ask(server, "POST", f"{path}/disable", user="boss")[0] == 200
        assert code_of(s3.get_object, Bucket="test", Key="after") == "KMS.DisabledException"
        assert ask(server, "POST", f"{path}/enable", user="boss")[0] == 200
        assert s3.get_object(Bucket="test", Key="after")["Body"].read() == b"sealed"
        assert ask(server, "DELETE", f"{path}?waiting_period_days=30", user="boss")[0] == 200
        assert code_of(s3.get_object, Bucket="test", Key="after") == "KMS.KMSInvalidStateException"
        s3.delete_bucket_encryption(Bucket="test")

    def test_the_helper(self):
        key = ClientEncryptionHelper.generate_key()
        assert ClientEncryptionHelper.key_to_base64(key)
        encrypted, metadata = ClientEncryptionHelper.encrypt_for_upload(b"sensitive data", key)
        assert {"x-amz-key", "x-amz-iv", "x-amz-matdesc"} <= {
            name.removeprefix("x-amz-meta-") for name in metadata
        }
        assert ClientEncryptionHelper.decrypt_from_download(encrypted, metadata, key) == b"sensitive data"


class TestSection8Quotas:
    def test_set_shown_enforced_removed(self, server):
        path = "/bucket/user-bucket?quota"
        given = {"max_bytes": 104857600, "max_objects": 1}
        assert ask(server, "PUT", path, given, user="single")[0] == 403
        assert ask(server, "PUT", path, given, user="boss")[0] == 204
        assert ask(server, "GET", path, user="reader")[1]["quota"] == given
        boss = client(server, "boss")
        boss.put_object(Bucket="user-bucket", Key="one")
        status, body = ask(server, "PUT", "/user-bucket/two", user="boss")
        assert status == 400
        assert b"<Code>QuotaExceeded</Code>" in body
        assert b"<BucketName>user-bucket</BucketName>" in body
        removed = {"max_bytes": None, "max_objects": None}
        assert ask(server, "PUT", path, removed, user="boss")[0] == 204
        assert ask(server, "PUT", "/user-bucket/two", user="boss")[0] == 200


class TestSection12Troubleshooting:
    def test_a_large_upload_is_rejected_before_it_is_read(self, tmp_path):
        config, _ = with_environment(MyfsioConfig(enabled=True), {"MAX_UPLOAD_SIZE": "1000"})
        whole = replace(config_of_json(server_config()), myfsio=config)
        with RunningServer(tmp_path / "s3", whole) as limited:
            s3 = client_of(limited)
            s3.put_object(Bucket=BUCKET, Key="a", Body=b"x" * 1000)
            assert code_of(s3.put_object, Bucket=BUCKET, Key="b", Body=b"x" * 1001) == "EntityTooLarge"


class TestSection13Matrix:
    def test_each_line(self, server):
        document = {"max_bytes": None, "max_objects": None}
        policy = {"Version": "2012-10-17", "Statement": []}
        policy["Statement"].append(
            {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::line/*"}
        )
        for method, path, body, expected in (
            ("GET", "/", None, 200),
            ("PUT", "/line", None, 200),
            ("PUT", "/line/key", None, 200),
            ("GET", "/line", None, 200),
            ("GET", "/line/key", None, 200),
            ("POST", "/presign/line/key", {"method": "DELETE", "expires_in": 604800}, 200),
            ("PUT", "/bucket-policy/line", policy, 204),
            ("GET", "/bucket-policy/line", None, 200),
            ("DELETE", "/bucket-policy/line", None, 204),
            ("PUT", "/line?quota", document, 204),
            ("GET", "/line?quota", None, 200),
            ("DELETE", "/line/key", None, 204),
            ("DELETE", "/line", None, 204),
        ):
            assert ask(server, method, path, body, user="boss")[0] == expected, (method, path)
