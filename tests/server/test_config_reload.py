"""Users and roles of the configuration file change with the file, in every process, and never by halves."""

from __future__ import annotations

import json
import logging

import pytest
from identity_callers import arn_of, iam_of, new_user
from s3_callers import BUCKET, client_of, code_of, session_client
from two_workers import Workers

from s3portal.server.pytest_plugin import ROLE_ARN, server_config
from s3portal.server.testing import RunningServer

NEW_KEY = {"access_key_id": "new-key", "secret_access_key": "new-secret"}


def with_user(name="newcomer", **more):
    """The configuration of the tests with one more user, who may do everything."""
    config = server_config()
    config["users"].append(config["users"][0] | {"name": name} | NEW_KEY | more)
    return config


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(server_config()))
    return path


@pytest.fixture
def server(tmp_path, file):
    with RunningServer(tmp_path / "s3", file) as server:
        yield server


def newcomer(server):
    keys = {f"aws_{name}": value for name, value in NEW_KEY.items()}
    return client_of(server, **keys)


def test_a_user_comes_and_goes_with_the_file(server, file):
    assert code_of(newcomer(server).list_buckets) == "InvalidAccessKeyId"
    file.write_text(json.dumps(with_user()))
    newcomer(server).list_buckets()
    assert "newcomer" in [user["UserName"] for user in iam_of(server).list_users()["Users"]]
    file.write_text(json.dumps(server_config()))
    assert code_of(newcomer(server).list_buckets) == "InvalidAccessKeyId"


def test_a_policy_changes_with_the_file(server, file):
    portal = client_of(server)
    portal.list_objects_v2(Bucket=BUCKET)
    config = server_config()
    config["users"][1]["policy"]["Statement"][0]["Action"] = "s3:PutObject"
    file.write_text(json.dumps(config))
    assert code_of(portal.list_objects_v2, Bucket=BUCKET) == "AccessDenied"


def test_sessions_end_with_their_user_and_their_role(server, file):
    sts = client_of(server, "portal", "sts")
    answer = sts.assume_role(RoleArn=ROLE_ARN, RoleSessionName="session")
    s3 = session_client(server, answer["Credentials"])
    s3.list_objects_v2(Bucket=BUCKET)
    config = server_config()
    config["roles"] = []
    file.write_text(json.dumps(config))
    assert code_of(s3.list_objects_v2, Bucket=BUCKET) == "InvalidToken"
    file.write_text(json.dumps(server_config()))
    s3.list_objects_v2(Bucket=BUCKET)
    config = server_config()
    del config["users"][1]
    config["roles"][0]["trusted"] = ["admin"]
    file.write_text(json.dumps(config))
    assert code_of(s3.list_objects_v2, Bucket=BUCKET) == "InvalidToken"


@pytest.mark.parametrize(
    "text",
    ["", "{", '{"users": 1}', '{"users": [{"name": "x"}]}', '{"user": []}', "[" * 10_000, "\udcff"],
    ids=["empty", "cut", "wrong", "incomplete", "misspelled", "deep", "not text"],
)
def test_a_mistake_is_logged_and_the_old_state_stays(server, file, caplog, text):
    with caplog.at_level(logging.ERROR):
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
        client_of(server).list_objects_v2(Bucket=BUCKET)
    assert "users, roles and replication stay as they were" in caplog.text
    file.write_text(json.dumps(with_user()))
    newcomer(server).list_buckets()


def test_a_file_that_is_gone_changes_nothing(server, file, caplog):
    with caplog.at_level(logging.ERROR):
        file.unlink()
        client_of(server).list_objects_v2(Bucket=BUCKET)
    assert "users, roles and replication stay as they were" in caplog.text
    temporary = file.with_suffix(".new")
    temporary.write_text(json.dumps(with_user()))
    temporary.rename(file)
    newcomer(server).list_buckets()


def test_who_is_in_the_file_counts_before_one_of_the_same_name(server, file):
    iam = iam_of(server)
    key = new_user(iam, "newcomer")
    file.write_text(json.dumps(with_user()))
    shown = {user["UserName"]: user for user in iam.list_users()["Users"]}
    assert shown["newcomer"]["UserId"] == "new-key"
    assert code_of(iam.create_access_key, UserName="newcomer") == "UnmodifiableEntity"
    # The other one's key is still the other one's.
    assert code_of(client_of(server, **key).list_buckets) == "AccessDenied"
    file.write_text(json.dumps(server_config()))
    assert iam.get_user(UserName="newcomer")["User"]["Arn"] == arn_of("user", "newcomer")


def test_every_worker_sees_the_file_and_what_iam_changes(tmp_path):
    server = Workers(tmp_path)
    try:
        one, other = server.pids()
        file = tmp_path / "config.json"
        file.write_text(json.dumps(with_user()))
        for pid in (one, other):
            with server.only(pid):
                newcomer(server).list_buckets()
        with server.only(one):
            key = new_user(iam_of(server), "anna")
            iam_of(server).attach_user_policy(
                UserName="anna", PolicyArn="arn:aws:iam::aws:policy/AmazonS3FullAccess"
            )
        for pid in (one, other):
            with server.only(pid):
                client_of(server, **key).list_objects_v2(Bucket=BUCKET)
        with server.only(other):
            given = {"UserName": "anna", "AccessKeyId": key["aws_access_key_id"]}
            iam_of(server).update_access_key(**given, Status="Inactive")
        for pid in (one, other):
            with server.only(pid):
                assert code_of(client_of(server, **key).list_buckets) == "InvalidAccessKeyId"
    finally:
        assert server.stop() == 0
