"""Whoever gets the name of a user or role that is gone, or called otherwise now, is somebody else."""

from __future__ import annotations

import json

import pytest
from identity_callers import arn_of, iam_of, new_key, new_user, policy, trust
from s3_callers import BUCKET, client_of, code_of, session_client

ROOT = "arn:aws:iam::000000000000:root"
ROLE = arn_of("role", "worker")


@pytest.fixture
def iam(s3_server):
    return iam_of(s3_server)


@pytest.fixture
def admin(s3_server):
    return client_of(s3_server, "admin")


@pytest.fixture
def kms(s3_server):
    return client_of(s3_server, "admin", "kms")


def statements_for(*arns, action, resource="*"):
    statement = {"Effect": "Allow", "Principal": {"AWS": list(arns)}, "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def remove(iam, name):
    for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=name)


class Given:
    """What policies of others give to a user: a role, a bucket, a key."""

    def __init__(self, server, iam, admin, kms, arn):
        self.server = server
        iam.create_role(RoleName="worker", AssumeRolePolicyDocument=trust(arn, ROOT))
        # Names may be written in more than one way.
        escaped = arn.replace("/", "\\/")
        text = statements_for("arn", action="s3:ListBucket", resource=f"arn:aws:s3:::{BUCKET}")
        admin.put_bucket_policy(Bucket=BUCKET, Policy=text.replace("arn", escaped, 1))
        made = kms.create_key(
            Policy=statements_for(arn, action="kms:Encrypt"), BypassPolicyLockoutSafetyCheck=True
        )
        self.key_id = made["KeyMetadata"]["KeyId"]

    def calls(self, key):
        """What somebody may do by it alone, as calls."""

        def of(service):
            return client_of(self.server, service=service, **key)

        return [
            (of("sts").assume_role, {"RoleArn": ROLE, "RoleSessionName": "session"}),
            (of("s3").list_objects_v2, {"Bucket": BUCKET}),
            (of("kms").encrypt, {"KeyId": self.key_id, "Plaintext": b"x"}),
        ]

    def check_all(self, key):
        for call, arguments in self.calls(key):
            call(**arguments)

    def check_nothing(self, key):
        codes = [code_of(call, **arguments) for call, arguments in self.calls(key)]
        assert codes == ["AccessDenied", "AccessDenied", "AccessDeniedException"]


@pytest.fixture
def key(iam):
    return new_user(iam, "anna")


@pytest.fixture
def given(s3_server, iam, admin, kms, key):
    return Given(s3_server, iam, admin, kms, arn_of("user", "anna"))


def test_a_new_user_of_a_deleted_ones_name_gets_nothing(iam, admin, key, given):
    given.check_all(key)
    user_id = iam.get_user(UserName="anna")["User"]["UserId"]
    remove(iam, "anna")
    given.check_nothing(new_user(iam, "anna"))
    (of_bucket,) = json.loads(admin.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    assert of_bucket["Principal"] == {"AWS": [user_id]}
    (of_role,) = iam.get_role(RoleName="worker")["Role"]["AssumeRolePolicyDocument"]["Statement"]
    assert of_role["Principal"] == {"AWS": [user_id, ROOT]}
    # What is shown can be put again.
    admin.put_bucket_policy(Bucket=BUCKET, Policy=admin.get_bucket_policy(Bucket=BUCKET)["Policy"])


def test_a_user_takes_along_what_was_given_to_it(iam, key, given):
    iam.update_user(UserName="anna", NewUserName="anne", NewPath="/lab/")
    given.check_all(key)
    given.check_nothing(new_user(iam, "anna"))
    iam.update_user(UserName="anne", NewPath="/")
    given.check_all(key)


def test_somebody_elses_name_that_begins_like_it_stays(iam, key, given):
    iam.create_user(UserName="ann")
    remove(iam, "ann")
    given.check_all(key)


def test_a_new_role_of_a_deleted_ones_name_gets_nothing(s3_server, iam, admin, kms):
    sts = client_of(s3_server, service="sts", **new_user(iam, "anna"))

    def session():
        trusted = trust(arn_of("user", "anna"))
        iam.create_role(RoleName="worker", AssumeRolePolicyDocument=trusted)
        return session_client(
            s3_server, sts.assume_role(RoleArn=ROLE, RoleSessionName="session")["Credentials"]
        )

    s3 = session()
    of_session = "arn:aws:sts::000000000000:assumed-role/worker/session"
    for arn in (ROLE, of_session):
        document = statements_for(arn, action="s3:ListBucket", resource=f"arn:aws:s3:::{BUCKET}")
        admin.put_bucket_policy(Bucket=BUCKET, Policy=document)
        s3.list_objects_v2(Bucket=BUCKET)
        iam.delete_role(RoleName="worker")
        s3 = session()
        assert code_of(s3.list_objects_v2, Bucket=BUCKET) == "AccessDenied"
        assert "AROA" in admin.get_bucket_policy(Bucket=BUCKET)["Policy"]


def test_keys_and_sessions_are_not_inherited(s3_server, iam):
    key = new_user(iam, "anna", policy("s3:*"))
    session = client_of(s3_server, service="sts", **key).get_session_token()["Credentials"]
    old = [client_of(s3_server, **key), session_client(s3_server, session)]
    for s3 in old:
        s3.list_objects_v2(Bucket=BUCKET)
    iam.delete_user_policy(UserName="anna", PolicyName="own")
    remove(iam, "anna")
    client_of(s3_server, **new_user(iam, "anna", policy("s3:*"))).list_objects_v2(Bucket=BUCKET)
    new_key(iam, "anna")
    assert [code_of(s3.list_objects_v2, Bucket=BUCKET) for s3 in old] == [
        "InvalidAccessKeyId",
        "InvalidToken",
    ]
