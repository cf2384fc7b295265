"""GetSessionToken, GetFederationToken, GetAccessKeyInfo: what a user hands to itself and to others."""

from __future__ import annotations

import pytest
from identity_callers import ACCOUNT, arn_of, iam_of, new_user, policy
from s3_callers import BUCKET, client_of, code_of, send, session_client

MAY = policy("s3:*", "sts:GetFederationToken", "iam:*", "sts:AssumeRole", "sts:GetAccessKeyInfo")


@pytest.fixture
def iam(s3_server):
    return iam_of(s3_server)


@pytest.fixture
def key(iam):
    return new_user(iam, "anna", MAY)


@pytest.fixture
def sts(s3_server, key):
    return client_of(s3_server, service="sts", **key)


class TestSessionToken:
    def test_it_may_what_the_user_may_but_for_iam_and_sts(self, s3_server, sts):
        session = sts.get_session_token()["Credentials"]
        session_client(s3_server, session).put_object(Bucket=BUCKET, Key="k", Body=b"x")
        own = session_client(s3_server, session, "sts")
        assert own.get_caller_identity()["Arn"] == arn_of("user", "anna")
        assert code_of(own.get_session_token) == "AccessDenied"
        assert code_of(own.get_federation_token, Name="bert") == "AccessDenied"
        assert code_of(own.get_access_key_info, AccessKeyId="portal-key-000000") == "AccessDenied"
        assert code_of(session_client(s3_server, session, "iam").list_users) == "AccessDenied"

    def test_it_needs_no_permission_and_heeds_a_deny(self, s3_server, iam):
        sts = client_of(s3_server, service="sts", **new_user(iam, "carl"))
        sts.get_session_token()
        deny = policy("sts:GetSessionToken", effect="Deny")
        iam.put_user_policy(UserName="carl", PolicyName="p", PolicyDocument=deny)
        assert code_of(sts.get_session_token) == "AccessDenied"

    def test_a_deny_may_limit_how_long_it_lasts(self, s3_server, iam):
        long = {"NumericGreaterThan": {"sts:DurationSeconds": "900"}}
        deny = policy("sts:GetSessionToken", effect="Deny", Condition=long)
        limited = client_of(s3_server, service="sts", **new_user(iam, "brief", deny))
        limited.get_session_token(DurationSeconds=900)
        assert code_of(limited.get_session_token, DurationSeconds=901) == "AccessDenied"
        assert code_of(limited.get_session_token) == "AccessDenied"

    def test_it_lasts_up_to_36_hours(self, s3_server, sts):
        for seconds in (899, 129_601):
            lenient = client_of(s3_server, service="sts", parameter_validation=False, **_key_of(sts))
            assert code_of(lenient.get_session_token, DurationSeconds=seconds) == "ValidationError"
        session = sts.get_session_token(DurationSeconds=900)["Credentials"]
        s3 = session_client(s3_server, session)
        url = s3.generate_presigned_url("list_objects_v2", {"Bucket": BUCKET}, ExpiresIn=7200)
        assert send(s3_server, "GET", url)[0] == 200
        s3_server.advance_clock(901)
        assert b"<Code>ExpiredToken</Code>" in send(s3_server, "GET", url)[2]

    @pytest.mark.parametrize("end", ["inactive", "deleted"])
    def test_it_ends_with_the_key_that_asked_for_it(self, s3_server, iam, sts, key, end):
        s3 = session_client(s3_server, sts.get_session_token()["Credentials"])
        s3.list_buckets()
        given = {"UserName": "anna", "AccessKeyId": key["aws_access_key_id"]}
        if end == "deleted":
            iam.delete_access_key(**given)
            assert code_of(s3.list_buckets) == "InvalidToken"
        else:
            iam.update_access_key(**given, Status="Inactive")
            assert code_of(s3.list_buckets) == "InvalidToken"
            iam.update_access_key(**given, Status="Active")
            s3.list_buckets()

    def test_users_of_the_file_have_them_too(self, s3_server):
        session = client_of(s3_server, "portal", "sts").get_session_token()["Credentials"]
        session_client(s3_server, session).list_objects_v2(Bucket=BUCKET)


def _key_of(client):
    credentials = client._request_signer._credentials
    return {
        "aws_access_key_id": credentials.access_key,
        "aws_secret_access_key": credentials.secret_key,
    }


class TestFederationToken:
    def test_it_may_what_user_and_policy_both_allow(self, s3_server, sts):
        narrow = policy("s3:PutObject", "kms:*", resource="*")
        answer = sts.get_federation_token(Name="guest", Policy=narrow)
        arn = f"arn:aws:sts::{ACCOUNT}:federated-user/guest"
        assert answer["FederatedUser"] == {"FederatedUserId": f"{ACCOUNT}:guest", "Arn": arn}
        s3 = session_client(s3_server, answer["Credentials"])
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")
        assert code_of(s3.get_object, Bucket=BUCKET, Key="k") == "AccessDenied"
        own = session_client(s3_server, answer["Credentials"], "sts")
        assert own.get_caller_identity()["Arn"] == arn
        assert code_of(own.get_session_token) == "AccessDenied"
        assert code_of(own.assume_role, RoleArn=arn_of("role", "uploads"), RoleSessionName="x1") == (
            "AccessDenied"
        )
        assert code_of(session_client(s3_server, answer["Credentials"], "iam").list_users) == "AccessDenied"

    def test_without_a_policy_only_a_bucket_gives_it_something(self, s3_server, sts):
        answer = sts.get_federation_token(Name="guest")
        s3 = session_client(s3_server, answer["Credentials"])
        assert code_of(s3.list_objects_v2, Bucket=BUCKET) == "AccessDenied"
        document = policy(
            "s3:ListBucket",
            resource=f"arn:aws:s3:::{BUCKET}",
            Principal={"AWS": answer["FederatedUser"]["Arn"]},
        )
        client_of(s3_server, "admin").put_bucket_policy(Bucket=BUCKET, Policy=document)
        s3.list_objects_v2(Bucket=BUCKET)

    def test_it_is_allowed_by_the_name_of_the_guest(self, s3_server, iam):
        arn = f"arn:aws:sts::{ACCOUNT}:federated-user/guest-*"
        key = new_user(iam, "carl", policy("sts:GetFederationToken", resource=arn))
        sts = client_of(s3_server, service="sts", **key)
        sts.get_federation_token(Name="guest-1")
        assert code_of(sts.get_federation_token, Name="admin") == "AccessDenied"
        tags = [{"Key": "team", "Value": "x"}]
        assert code_of(sts.get_federation_token, Name="guest-1", Tags=tags) == "AccessDenied"

    def test_it_ends_with_the_user(self, s3_server, iam):
        key = new_user(iam, "carl", policy("sts:GetFederationToken", "s3:*"))
        sts = client_of(s3_server, service="sts", **key)
        session = sts.get_federation_token(Name="guest", Policy=policy("s3:*"))["Credentials"]
        s3 = session_client(s3_server, session)
        s3.list_buckets()
        iam.delete_access_key(UserName="carl", AccessKeyId=key["aws_access_key_id"])
        iam.delete_user_policy(UserName="carl", PolicyName="own")
        iam.delete_user(UserName="carl")
        assert code_of(s3.list_buckets) == "InvalidToken"


def test_sessions_of_roles_cannot_ask_for_tokens(s3_server):
    answer = client_of(s3_server, "portal", "sts").assume_role(
        RoleArn=arn_of("role", "uploads"), RoleSessionName="session"
    )
    session = session_client(s3_server, answer["Credentials"], "sts")
    assert code_of(session.get_session_token) == "AccessDenied"
    assert code_of(session.get_federation_token, Name="guest") == "AccessDenied"


def test_the_account_of_a_key_is_told(s3_server, sts, key):
    assert sts.get_access_key_info(AccessKeyId=key["aws_access_key_id"])["Account"] == ACCOUNT
    assert code_of(sts.get_access_key_info, AccessKeyId="AKIAIOSFODNN7EXAMPLE") == "ValidationError"
