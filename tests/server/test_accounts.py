"""Accounts: each sees and touches its own buckets only, and is named as their owner."""

from __future__ import annotations

import json

import pytest
from s3_callers import BUCKET, client_of, code_of, refusal_of, session_client, signed_send

from s3portal.server.access.session_tokens import Session, SessionSealer, role_id
from s3portal.server.bucket_settings.canonical_users import canonical_id
from s3portal.server.config import ConfigError, config_of_json
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer
from s3portal.server.wire.errors import S3Error

FIRST, SECOND = "000000000000", "111122223333"
ALL = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
THEIRS = "theirs"


def user(name, account=None):
    entry = {
        "name": name,
        "access_key_id": f"{name}-key",
        "secret_access_key": f"{name}-secret",
        "policy": ALL,
    }
    return entry | ({"account": account} if account else {})


def two_accounts():
    config = server_config()
    config["accounts"] = [{"id": SECOND, "name": "Hydrology"}]
    config["users"].append(user("hydro", SECOND))
    config["buckets"].append({"name": THEIRS, "account": SECOND})
    config["roles"].append(
        {
            "name": "guests",
            "account": SECOND,
            "policy": ALL,
            "trusted": ["hydro", f"arn:aws:iam::{FIRST}:user/admin"],
        }
    )
    return config


@pytest.fixture
def server(tmp_path):
    with RunningServer(tmp_path / "s3", two_accounts()) as running:
        yield running


@pytest.fixture
def hydro(server):
    return client_of(server, "hydro")


def names(client):
    return [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]


def test_each_account_lists_its_own_buckets_and_is_named_as_owner(server, hydro):
    admin = client_of(server, "admin")
    assert (names(admin), names(hydro)) == ([BUCKET], [THEIRS])
    assert admin.list_buckets()["Owner"] == {"ID": canonical_id(FIRST), "DisplayName": "s3portal"}
    assert hydro.list_buckets()["Owner"] == {"ID": canonical_id(SECOND), "DisplayName": "Hydrology"}


def test_whoever_creates_a_bucket_has_it_in_their_account(server, hydro):
    hydro.create_bucket(Bucket="new-one")
    hydro.create_bucket(Bucket="new-one")
    assert names(hydro) == ["new-one", THEIRS]
    refusal = refusal_of(client_of(server, "admin").create_bucket, Bucket="new-one")
    assert (refusal.status, refusal.code) == (409, "BucketAlreadyExists")
    assert names(client_of(server, "admin")) == [BUCKET]


def test_a_policy_gives_nothing_of_what_another_account_owns(server, hydro):
    hydro.put_object(Bucket=THEIRS, Key="k", Body=b"x")
    upload_id = hydro.create_multipart_upload(Bucket=THEIRS, Key="k")["UploadId"]
    admin = client_of(server, "admin")
    key = {"Bucket": THEIRS, "Key": "k"}
    for call, arguments in [
        (admin.get_object, key),
        (admin.put_object, key | {"Body": b"y"}),
        (admin.delete_object, key),
        (admin.list_objects_v2, {"Bucket": THEIRS}),
        (admin.delete_bucket, {"Bucket": THEIRS}),
        (admin.get_bucket_cors, {"Bucket": THEIRS}),
        (admin.list_parts, key | {"UploadId": upload_id}),
        (admin.upload_part, key | {"UploadId": upload_id, "PartNumber": 1, "Body": b"y"}),
        (admin.copy_object, {"Bucket": BUCKET, "Key": "stolen", "CopySource": f"{THEIRS}/k"}),
        (hydro.copy_object, {"Bucket": BUCKET, "Key": "planted", "CopySource": f"{THEIRS}/k"}),
    ]:
        assert code_of(call, **arguments) == "AccessDenied", call.__name__
    assert refusal_of(admin.head_object, **key).status == 403
    errors = admin.delete_objects(Bucket=THEIRS, Delete={"Objects": [{"Key": "k"}]})["Errors"]
    assert [error["Code"] for error in errors] == ["AccessDenied"]
    assert hydro.get_object(**key)["Body"].read() == b"x"
    assert "Contents" not in admin.list_objects_v2(Bucket=BUCKET)


def test_what_is_in_a_bucket_belongs_to_its_owner(server, hydro):
    owner = {"ID": canonical_id(SECOND), "DisplayName": "Hydrology"}
    hydro.put_object(Bucket=THEIRS, Key="one", Body=b"x")
    key = {"Bucket": THEIRS, "Key": "two"}
    upload_id = hydro.create_multipart_upload(**key)["UploadId"]
    part = hydro.upload_part(**key, UploadId=upload_id, PartNumber=1, Body=b"x")
    assert hydro.list_parts(**key, UploadId=upload_id)["Owner"] == owner
    assert hydro.list_multipart_uploads(Bucket=THEIRS)["Uploads"][0]["Owner"] == owner
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    hydro.complete_multipart_upload(**key, UploadId=upload_id, MultipartUpload=parts)
    listed = hydro.list_objects_v2(Bucket=THEIRS, FetchOwner=True)["Contents"]
    assert [entry["Owner"] for entry in listed] == [owner, owner]
    assert "Owner" not in hydro.list_objects_v2(Bucket=THEIRS)["Contents"][0]


def test_a_request_may_be_sure_whose_bucket_it_is(server, hydro):
    hydro.put_object(Bucket=THEIRS, Key="k", Body=b"x", ExpectedBucketOwner=SECOND)
    assert code_of(hydro.get_object, Bucket=THEIRS, Key="k", ExpectedBucketOwner=FIRST) == "AccessDenied"
    copy = {"Bucket": THEIRS, "Key": "copy", "CopySource": f"{THEIRS}/k"}
    hydro.copy_object(**copy, ExpectedSourceBucketOwner=SECOND)
    assert code_of(hydro.copy_object, **copy, ExpectedSourceBucketOwner=FIRST) == "AccessDenied"


def test_a_role_of_another_account_is_assumed_by_whom_it_trusts_by_arn(server):
    sts = client_of(server, "admin", "sts")
    role = {"RoleArn": f"arn:aws:iam::{SECOND}:role/guests", "RoleSessionName": "anna"}
    answer = sts.assume_role(**role)
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{SECOND}:assumed-role/guests/anna"
    assert session_client(server, answer["Credentials"], "sts").get_caller_identity()["Account"] == SECOND
    assert names(session_client(server, answer["Credentials"])) == [THEIRS]
    assert code_of(client_of(server, "portal", "sts").assume_role, **role) == "AccessDenied"
    # A name alone means somebody of the role's own account.
    uploads = {"RoleArn": f"arn:aws:iam::{FIRST}:role/uploads", "RoleSessionName": "anna"}
    assert code_of(client_of(server, "hydro", "sts").assume_role, **uploads) == "AccessDenied"


def test_a_configuration_without_accounts_is_as_before(s3_server, s3):
    assert client_of(s3_server, service="sts").get_caller_identity()["Account"] == FIRST
    assert client_of(s3_server, "admin").list_buckets()["Owner"] == {
        "ID": canonical_id(FIRST),
        "DisplayName": "s3portal",
    }
    assert signed_send(s3_server, "GET", f"/{BUCKET}", {"x-amz-expected-bucket-owner": FIRST})[0] == 200


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"accounts": [{"id": "1"}]}, r"accounts\[0\]: id must be the 12 digits of an account"),
        ({"accounts": [{"name": "x"}]}, r"accounts\[0\]: id is missing"),
        ({"accounts": [{"id": SECOND}, {"id": SECOND}]}, "accounts: 111122223333 is given twice"),
        ({"users": [user("anna", SECOND)]}, r"users\[0\]: 111122223333 is not among the accounts"),
        ({"buckets": [{"name": "one", "account": SECOND}]}, r"buckets\[0\]: 111122223333 is not among"),
        (
            {
                "accounts": [{"id": SECOND}],
                "users": [user("anna")],
                "roles": [{"name": "r", "policy": ALL, "trusted": ["anna"], "account": SECOND}],
            },
            "role r trusts anna: there is no such user",
        ),
    ],
)
def test_what_is_wrong_with_accounts_is_named(change, sentence):
    with pytest.raises(ConfigError, match=sentence):
        config_of_json(change)


def test_a_bucket_does_not_change_hands_by_the_configuration(tmp_path):
    with RunningServer(tmp_path / "s3", two_accounts()):
        pass
    config = two_accounts()
    config["buckets"][1]["account"] = FIRST
    with pytest.raises(ConfigError, match=f"bucket {THEIRS} belongs to account {SECOND}"):
        RunningServer(tmp_path / "s3", config)


class TestTokens:
    """Session tokens say how they are to be read."""

    def session(self, **changes):
        given = {
            "access_key_id": "ASIAXXXXXXXXXXXXXXXX",
            "role": "uploads",
            "role_id": role_id("uploads"),
            "name": "anna",
            "policy": "",
            "expires_at": 4_000_000_000,
        }
        return Session(**given | changes)

    def sealed(self, sealer, content):
        """A token whose content is given as it is, made as the server makes its own."""
        nonce = bytes(12)
        text = json.dumps(content).encode()
        from base64 import b64encode

        return b64encode(
            nonce + sealer._cipher.encrypt(nonce, text, content["access_key_id"].encode())
        ).decode()

    def test_a_token_of_this_version_names_its_account(self):
        sealer = SessionSealer(bytes(32))
        session = self.session(account_id=SECOND)
        assert sealer.open(sealer.seal(session), session.access_key_id) == session

    def test_a_token_from_before_versions_is_of_the_first_account(self, tmp_path):
        """Those of the last release are accepted until they expire."""
        content = {
            "access_key_id": "ASIAXXXXXXXXXXXXXXXX",
            "role": "uploads",
            "role_id": role_id("uploads"),
            "name": "anna",
            "policy": "",
            "expires_at": 4_000_000_000,
        }
        with RunningServer(tmp_path / "s3", server_config()) as server:
            sealer = server._server.sealer
            credentials = {
                "AccessKeyId": content["access_key_id"],
                "SecretAccessKey": sealer.secret_access_key(content["access_key_id"]),
                "SessionToken": self.sealed(sealer, content),
            }
            session_client(server, credentials).put_object(Bucket=BUCKET, Key="k", Body=b"x")
            expired = content | {"expires_at": 1_000_000_000}
            credentials["SessionToken"] = self.sealed(sealer, expired)
            s3 = session_client(server, credentials)
            assert code_of(s3.put_object, Bucket=BUCKET, Key="k") == "ExpiredToken"

    @pytest.mark.parametrize("version", [0, 5, "1", None])
    def test_a_token_of_a_version_that_is_not_known_is_invalid(self, version):
        sealer = SessionSealer(bytes(32))
        content = {"version": version, "access_key_id": "ASIAXXXXXXXXXXXXXXXX"}
        with pytest.raises(S3Error, match="InvalidToken"):
            sealer.open(self.sealed(sealer, content), "ASIAXXXXXXXXXXXXXXXX")
