"""By whom another server replicates: nobody else passes for such a user, by a name that one can choose."""

from __future__ import annotations

import itertools

import pytest
from identity_callers import ACCOUNT, iam_of, new_key, new_user, policy
from s3_callers import BUCKET, client_of

from s3portal.server.storage import replication_users
from s3portal.server.storage.replicas import MODIFIED_HEADER, VERSION_HEADER
from s3portal.server.storage.versioning import new_version_id

AGENT = "S3ReplicationAgent/1.0"
NUMBERS = itertools.count(1_000_000)
EVERYTHING = policy("s3:*", "sts:*")


@pytest.fixture
def iam(s3_server):
    return iam_of(s3_server)


@pytest.fixture
def replicator(s3_server, iam):
    admin = client_of(s3_server, "admin")
    admin.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    key = new_user(iam, "replicator", EVERYTHING)
    replication_users.add(s3_server._server.storage, ACCOUNT, "replicator")
    return key


def is_believed(server, key):
    """Whether a version is stored with the id that another server says."""
    s3 = client_of(server, user_agent=AGENT, **key)
    version_id = new_version_id(next(NUMBERS))

    def add_headers(request, **_):
        request.headers.add_header(MODIFIED_HEADER, "1700000000000")
        request.headers.add_header(VERSION_HEADER, version_id)

    s3.meta.events.register("before-sign.s3.PutObject", add_headers)
    return s3.put_object(Bucket=BUCKET, Key=version_id, Body=b"x")["VersionId"] == version_id


def keys_of(credentials):
    return {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }


def test_a_guest_of_its_name_is_somebody_else(s3_server, iam, replicator):
    assert is_believed(s3_server, replicator)
    anna = new_user(iam, "anna", EVERYTHING)
    assert not is_believed(s3_server, anna)
    sts = client_of(s3_server, service="sts", **anna)
    guest = sts.get_federation_token(Name="replicator", Policy=policy("s3:*"))["Credentials"]
    assert not is_believed(s3_server, keys_of(guest))
    own = client_of(s3_server, service="sts", **replicator).get_session_token()["Credentials"]
    assert is_believed(s3_server, keys_of(own))


def test_a_new_user_of_its_name_is_somebody_else(s3_server, iam, replicator):
    iam.update_user(UserName="replicator", NewUserName="copier")
    assert is_believed(s3_server, replicator)
    assert not is_believed(s3_server, new_user(iam, "replicator", EVERYTHING))
    iam.delete_access_key(UserName="copier", AccessKeyId=replicator["aws_access_key_id"])
    iam.delete_user_policy(UserName="copier", PolicyName="own")
    iam.delete_user(UserName="copier")
    iam.create_user(UserName="copier")
    iam.put_user_policy(UserName="copier", PolicyName="own", PolicyDocument=EVERYTHING)
    assert not is_believed(s3_server, new_key(iam, "copier"))
