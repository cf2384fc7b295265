"""The configuration and the command: what is wrong is named, nothing has a default password."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys

import boto3
import pytest
from click.testing import CliRunner
from s3_callers import BUCKET

from s3portal.server.command import server_command
from s3portal.server.config import (
    ConfigError,
    ServerConfig,
    add_environment,
    config_of_json,
    read_config_file,
)
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer


def changed(change):
    config = server_config()
    change(config)
    return config


def bad_user(**more):
    return changed(lambda config: config["users"][0].update(more))


def bad_role(**more):
    return changed(lambda config: config["roles"][0].update(more))


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ([], "the configuration must be a JSON object"),
        ({"user": []}, "unknown field user in the configuration; its fields are users, roles, buckets"),
        ({"users": {}}, "users must be a list"),
        (bad_user(policy={"Statement": []}), r"users\[0\].policy: Statement"),
        (changed(lambda config: config["users"][0].pop("policy")), r"users\[0\] has no policy"),
        (bad_user(secret_access_key="short"), r"users\[0\]: .* 8 characters"),
        (bad_user(access_key_id="a/b"), r"users\[0\]: an access key id"),
        (bad_user(access_key_id="ASIAX"), "are reserved for sessions"),
        (bad_user(name="a b"), r"users\[0\]: a name"),
        (bad_user(name="portal"), "portal is given twice"),
        (bad_user(access_key_id="portal-key"), "portal-key is given twice"),
        (bad_user(password="x"), r"unknown field password in users\[0\]"),
        (bad_role(trusted=["nobody"]), "trusts nobody: there is no such user"),
        (bad_role(max_session_s=60), "max_session_s must be 900 to 43200"),
        ({"buckets": [{"name": "Bad_Name"}]}, r"buckets\[0\]: 'Bad_Name'"),
        (
            {"buckets": [{"name": "abc", "cors": [{"AllowedOrigin": ["*"]}]}]},
            r"buckets\[0\].cors: .*AllowedOrigin",
        ),
        ({"faults": [{"operation": "Nothing", "status": 500}]}, r"faults\[0\]: 'Nothing'"),
    ],
)
def test_what_is_wrong_is_named(config, says):
    with pytest.raises(ConfigError, match=says):
        config_of_json(config)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "config.json"
    with pytest.raises(ConfigError, match=r"config\.json"):
        read_config_file(path)
    path.write_text("{")
    with pytest.raises(ConfigError, match=r"config\.json"):
        read_config_file(path)


def test_the_environment_adds_an_administrator_buckets_and_origins():
    config = add_environment(
        ServerConfig(),
        {
            "S3PORTAL_SERVER_ACCESS_KEY_ID": "key",
            "S3PORTAL_SERVER_SECRET_ACCESS_KEY": "secret-key",
            "S3PORTAL_SERVER_BUCKETS": "one-bucket, two-bucket",
            "S3PORTAL_SERVER_CORS_ORIGINS": "http://a.example.org",
        },
    )
    assert [(user.name, user.access_key_id) for user in config.users] == [("root", "key")]
    assert [bucket.name for bucket in config.buckets] == ["one-bucket", "two-bucket"]
    assert all(bucket.cors[0].allowed_origins == ("http://a.example.org",) for bucket in config.buckets)
    assert "ETag" in config.buckets[0].cors[0].expose_headers


def test_half_a_key_in_the_environment_is_an_error():
    with pytest.raises(ConfigError, match="set together"):
        add_environment(ServerConfig(), {"S3PORTAL_SERVER_ACCESS_KEY_ID": "key"})


def test_without_users_a_random_key_is_made_once_and_kept_private(tmp_path):
    keys = []
    for _ in range(2):
        with RunningServer(tmp_path / "s3", {}) as server:
            keys.append((server.users["root"].access_key_id, server.users["root"].secret_access_key))
    with RunningServer(tmp_path / "other", {}) as server:
        keys.append((server.users["root"].access_key_id, server.users["root"].secret_access_key))
    assert keys[0] == keys[1] != keys[2]
    assert len(keys[0][1]) >= 40
    for name in ("root-access-key.json", "server-key"):
        assert stat.S_IMODE((tmp_path / "s3" / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "s3").stat().st_mode) == 0o700


def test_buckets_of_the_configuration_are_there_and_keep_what_is_in_them(tmp_path):
    from s3_callers import client_of

    with RunningServer(tmp_path / "s3", server_config()) as server:
        client_of(server).put_object(Bucket=BUCKET, Key="k", Body=b"x")
    with RunningServer(tmp_path / "s3", server_config()) as server:
        client_of(server).head_object(Bucket=BUCKET, Key="k")
        assert client_of(server).get_bucket_cors(Bucket=BUCKET)["CORSRules"][0]["MaxAgeSeconds"] == 3000


class TestCommand:
    def start(self, tmp_path, *options, **environ):
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "s3portal.server",
                "--root",
                str(tmp_path / "s3"),
                "--port",
                "0",
                *options,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | environ,
        )

    @pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
    def test_it_says_where_it_is_and_stops_when_told(self, tmp_path, signum):
        log = tmp_path / "log.jsonl"
        process = self.start(
            tmp_path,
            "--log",
            str(log),
            S3PORTAL_SERVER_ACCESS_KEY_ID="some-key",
            S3PORTAL_SERVER_SECRET_ACCESS_KEY="some-secret",
            S3PORTAL_SERVER_BUCKETS="my-bucket",
        )
        endpoint = process.stdout.readline().split()[2].rstrip(",")
        assert "one machine: development, tests, small sites" in process.stdout.readline()
        s3 = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="some-key",
            aws_secret_access_key="some-secret",
        )
        assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["my-bucket"]
        process.send_signal(signum)
        process.communicate(timeout=60)
        assert process.returncode == 0
        assert json.loads(log.read_text())["operation"] == "ListBuckets"

    def test_it_tells_where_the_generated_key_is(self, tmp_path):
        process = self.start(tmp_path)
        lines = [process.stdout.readline() for _ in range(3)]
        process.terminate()
        process.communicate(timeout=60)
        assert str(tmp_path / "s3" / "root-access-key.json") in lines[2]
        secret = json.loads((tmp_path / "s3" / "root-access-key.json").read_text())["secret_access_key"]
        assert secret not in "".join(lines)

    def test_help_says_what_it_is_for(self):
        assert "one machine: development, tests, small sites" in " ".join(
            CliRunner().invoke(server_command, ["--help"]).output.split()
        )

    def test_a_taken_port_a_used_folder_and_a_bad_file_are_clear_errors(self, tmp_path):
        with RunningServer(tmp_path / "s3", {}) as server:
            run = CliRunner().invoke
            used = run(server_command, ["--root", str(tmp_path / "s3"), "--port", "0"])
            taken = run(server_command, ["--root", str(tmp_path / "other"), "--port", str(server.port)])
        missing = run(
            server_command, ["--root", str(tmp_path / "third"), "--config", str(tmp_path / "no.json")]
        )
        for result, says in ((used, "another server is using"), (taken, "in use"), (missing, "no.json")):
            assert (result.exit_code, says in result.output) == (1, True), result.output
            assert "Traceback" not in result.output

    def test_what_cannot_be_used_is_named_without_a_traceback(self, tmp_path):
        file, other, lost, locked = (tmp_path / name for name in ("file", "other", "lost", "locked"))
        file.write_text("")
        other.mkdir()
        (other / "metadata.sqlite3").write_text("no database, but long enough to have been one" * 30)
        lost.mkdir()
        (lost / "root-access-key.json").write_text("{}")
        for root, options, says in (
            (file, [], f"{file} cannot be used: File exists"),
            (other, [], f"The database in {other} cannot be used"),
            (lost, [], "root-access-key.json no longer holds an access key"),
            (locked, ["--host", "192.0.2.1"], "Cannot listen on 192.0.2.1:0"),
            (lost, ["--config", str(lost / "no.json")], "no.json cannot be read: No such file or directory"),
            (locked, ["--log", str(tmp_path)], f"{tmp_path} cannot be used: Is a directory"),
        ):
            result = CliRunner().invoke(server_command, ["--root", str(root), "--port", "0", *options])
            assert (result.exit_code, says in result.output) == (1, True), result.output
            assert "Traceback" not in result.output

    @pytest.mark.parametrize("origin", ["data.example.org", "https://data.example.org/", "http://a.org/path"])
    def test_an_origin_that_lets_no_page_in_stops_the_start(self, origin):
        with pytest.raises(ConfigError, match=r"S3PORTAL_SERVER_CORS_ORIGINS.*is not an origin"):
            add_environment(ServerConfig(), {"S3PORTAL_SERVER_CORS_ORIGINS": origin})
        rule = {"AllowedOrigins": [origin], "AllowedMethods": ["PUT"]}
        with pytest.raises(ConfigError, match=r"buckets\[0\]\.cors.*is not an origin"):
            config_of_json({"buckets": [{"name": "my-bucket", "cors": [rule]}]})

    @pytest.mark.parametrize(
        "origin", ["https://data.example.org", "http://127.0.0.1:*", "*", "http://[::1]:5000"]
    )
    def test_an_origin_as_browsers_send_it_is_taken(self, origin):
        config = add_environment(
            ServerConfig(), {"S3PORTAL_SERVER_CORS_ORIGINS": origin, "S3PORTAL_SERVER_BUCKETS": "b-1"}
        )
        assert config.buckets[0].cors[0].allowed_origins == (origin,)
