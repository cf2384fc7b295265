"""Roles that are made by IAM: whom they trust, on what conditions, and what their sessions hand on."""

from __future__ import annotations

import json

import pytest
from identity_callers import arn_of, iam_of, new_user, policy, trust
from s3_callers import BUCKET, client_of, code_of, refusal_of, session_client

from s3portal.server.pytest_plugin import ROLE_ARN, server_config
from s3portal.server.testing import RunningServer

ROOT = "arn:aws:iam::000000000000:root"
ROLE = arn_of("role", "worker", "/lab/")


@pytest.fixture
def iam(s3_server):
    return iam_of(s3_server)


@pytest.fixture
def anna(s3_server, iam):
    """STS, as a user who may do nothing."""
    return client_of(s3_server, service="sts", **new_user(iam, "anna"))


@pytest.fixture
def role(iam, anna):
    """A role that trusts anna and may do everything with objects."""
    made = iam.create_role(
        RoleName="worker", Path="/lab/", AssumeRolePolicyDocument=trust(arn_of("user", "anna"))
    )
    iam.put_role_policy(RoleName="worker", PolicyName="own", PolicyDocument=policy("s3:*", "iam:GetRole"))
    return made["Role"]


def assume(sts, arn=ROLE, **given):
    return sts.assume_role(**({"RoleArn": arn, "RoleSessionName": "session"} | given))


class TestTrust:
    def test_who_is_named_needs_no_permission_of_its_own(self, s3_server, anna, role):
        assert role["Arn"] == ROLE
        answer = assume(anna)
        assert answer["AssumedRoleUser"]["Arn"] == "arn:aws:sts::000000000000:assumed-role/worker/session"
        assert answer["AssumedRoleUser"]["AssumedRoleId"] == f"{role['RoleId']}:session"
        session = answer["Credentials"]
        session_client(s3_server, session).list_objects_v2(Bucket=BUCKET)
        found = session_client(s3_server, session, "iam").get_role(RoleName="worker")["Role"]
        assert found["RoleId"] == role["RoleId"]

    def test_nobody_else_may(self, s3_server, iam, role):
        other = client_of(s3_server, service="sts", **new_user(iam, "bert", policy("sts:*")))
        refused = refusal_of(assume, sts=other)
        assert (refused.status, refused.code) == (403, "AccessDenied")
        assert refused.error["Message"] == (
            f"User: {arn_of('user', 'bert')} is not authorized to perform: sts:AssumeRole on resource: {ROLE}"
        )
        assert code_of(assume, sts=other, arn=arn_of("role", "worker")) == "AccessDenied"
        assert code_of(assume, sts=other, arn=arn_of("role", "none")) == "AccessDenied"

    def test_a_role_that_trusts_the_account_leaves_it_to_the_callers_policies(self, iam, anna, role):
        iam.update_assume_role_policy(RoleName="worker", PolicyDocument=trust(ROOT))
        assert code_of(assume, sts=anna) == "AccessDenied"
        allowed = policy("sts:AssumeRole", resource=ROLE)
        iam.put_user_policy(UserName="anna", PolicyName="p", PolicyDocument=allowed)
        assume(anna)

    def test_a_deny_of_either_side_is_final(self, iam, anna, role):
        deny = policy("sts:AssumeRole", effect="Deny")
        iam.put_user_policy(UserName="anna", PolicyName="p", PolicyDocument=deny)
        assert code_of(assume, sts=anna) == "AccessDenied"
        iam.delete_user_policy(UserName="anna", PolicyName="p")
        both = json.loads(trust(arn_of("user", "anna")))
        denial = {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"}
        both["Statement"].append(denial | {"Condition": {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}})
        iam.update_assume_role_policy(RoleName="worker", PolicyDocument=json.dumps(both))
        assert code_of(assume, sts=anna) == "AccessDenied"

    def test_an_external_id_is_wanted_by_a_condition(self, iam, anna, role):
        condition = {"StringEquals": {"sts:ExternalId": "agreed"}}
        document = trust(arn_of("user", "anna"), Condition=condition)
        iam.update_assume_role_policy(RoleName="worker", PolicyDocument=document)
        assert code_of(assume, sts=anna) == "AccessDenied"
        assert code_of(assume, sts=anna, ExternalId="wrong") == "AccessDenied"
        assume(anna, ExternalId="agreed")

    def test_a_session_is_named_as_the_condition_says(self, iam, anna, role):
        condition = {"StringLike": {"sts:RoleSessionName": "${aws:username}"}}
        document = trust(arn_of("user", "anna"), Condition=condition)
        iam.update_assume_role_policy(RoleName="worker", PolicyDocument=document)
        assert code_of(assume, sts=anna) == "AccessDenied"
        assume(anna, RoleSessionName="anna")

    @pytest.mark.parametrize(
        "document",
        [
            "{",
            trust(arn_of("user", "nobody")),
            trust(arn_of("user", "anna"), action="s3:GetObject"),
            trust(arn_of("user", "anna"), action="*"),
            trust(arn_of("user", "anna"), Resource="*"),
            policy("sts:AssumeRole"),
            trust(arn_of("user", "anna")).replace("Principal", "NotPrincipal"),
            trust("anna"),
            trust(arn_of("user", "*")),
            trust(arn_of("user", "anna"), Condition={"StringEquals": {"sts:NoSuchKey": "x"}}),
        ],
    )
    def test_what_is_no_trust_policy_is_refused(self, iam, anna, document):
        given = {"RoleName": "worker", "AssumeRolePolicyDocument": document}
        assert code_of(iam.create_role, **given) == "MalformedPolicyDocument"

    def test_another_account_needs_both(self, tmp_path):
        config, account = server_config(), "111122223333"
        config["accounts"] = [{"id": account}]
        keys = {"name": "other", "access_key_id": "other-key", "secret_access_key": "other-secret"}
        config["users"].append(config["users"][0] | keys | {"account": account})
        with RunningServer(tmp_path / "s3", config) as server:
            iam, there = iam_of(server), iam_of(server, "other")
            key = new_user(there, "carl")
            carl = client_of(server, service="sts", **key)
            document = trust(f"arn:aws:iam::{account}:user/carl")
            iam.create_role(RoleName="worker", Path="/lab/", AssumeRolePolicyDocument=document)
            assert code_of(assume, sts=carl) == "AccessDenied"
            allowed = policy("sts:AssumeRole", resource=ROLE)
            there.put_user_policy(UserName="carl", PolicyName="p", PolicyDocument=allowed)
            assume(carl)


class TestLimits:
    def test_a_session_lasts_as_long_as_the_role_lets_it(self, iam, anna, role):
        assert code_of(assume, sts=anna, DurationSeconds=3601) == "ValidationError"
        iam.update_role(RoleName="worker", MaxSessionDuration=7200, Description="longer")
        assume(anna, DurationSeconds=7200)
        assert iam.get_role(RoleName="worker")["Role"]["Description"] == "longer"
        lenient = {"RoleName": "worker", "MaxSessionDuration": 43200}
        iam.update_role(**lenient)
        assert code_of(assume, sts=anna, DurationSeconds=43201) == "ValidationError"

    def test_a_condition_may_limit_how_long_it_is_asked_for(self, iam, anna, role):
        short = trust(
            arn_of("user", "anna"), Condition={"NumericLessThanEquals": {"sts:DurationSeconds": "1800"}}
        )
        iam.update_assume_role_policy(RoleName="worker", PolicyDocument=short)
        assume(anna, DurationSeconds=1800)
        assert code_of(assume, sts=anna, DurationSeconds=1801) == "AccessDenied"
        # Without the parameter it would be an hour.
        assert code_of(assume, sts=anna) == "AccessDenied"

    def test_managed_policies_narrow_a_session_and_may_change_meanwhile(self, s3_server, iam, anna, role):
        arn = iam.create_policy(PolicyName="p", PolicyDocument=policy("s3:ListBucket"))["Policy"]["Arn"]
        answer = assume(anna, PolicyArns=[{"arn": arn}])
        assert answer["PackedPolicySize"] > 0
        s3 = session_client(s3_server, answer["Credentials"])
        s3.list_objects_v2(Bucket=BUCKET)
        assert code_of(s3.put_object, Bucket=BUCKET, Key="k", Body=b"") == "AccessDenied"
        put = policy("s3:PutObject")
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=put, SetAsDefault=True)
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"")
        iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
        iam.delete_policy(PolicyArn=arn)
        assert code_of(s3.put_object, Bucket=BUCKET, Key="k", Body=b"") == "AccessDenied"

    def test_inline_and_managed_session_policies_add_up(self, s3_server, iam, anna, role):
        arn = iam.create_policy(PolicyName="p", PolicyDocument=policy("s3:ListBucket"))["Policy"]["Arn"]
        answer = assume(anna, PolicyArns=[{"arn": arn}], Policy=policy("s3:PutObject"))
        s3 = session_client(s3_server, answer["Credentials"])
        s3.list_objects_v2(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"")
        assert code_of(s3.get_object, Bucket=BUCKET, Key="k") == "AccessDenied"

    def test_a_boundary_of_the_role_holds_for_its_sessions(self, s3_server, iam, anna, role):
        s3 = session_client(s3_server, assume(anna)["Credentials"])
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"")
        boundary = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
        iam.put_role_permissions_boundary(RoleName="worker", PermissionsBoundary=boundary)
        assert code_of(s3.put_object, Bucket=BUCKET, Key="k", Body=b"") == "AccessDenied"
        s3.get_object(Bucket=BUCKET, Key="k")


class TestHandedOn:
    def chain(self, iam, *actions):
        """Gives the role ``worker`` a second one to go on to."""
        document = trust(ROLE, action=["sts:AssumeRole", *actions])
        iam.create_role(RoleName="second", AssumeRolePolicyDocument=document)
        tagged = policy("s3:*", resource=f"arn:aws:s3:::{BUCKET}/${{aws:PrincipalTag/team}}/*")
        iam.put_role_policy(RoleName="second", PolicyName="own", PolicyDocument=tagged)
        both = trust(
            arn_of("user", "anna"), action=["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
        )
        iam.update_assume_role_policy(RoleName="worker", PolicyDocument=both)
        return arn_of("role", "second")

    @pytest.mark.parametrize("transitive", [True, False])
    def test_transitive_tags_go_on_and_others_do_not(self, s3_server, iam, anna, role, transitive):
        second = self.chain(iam)
        tags = [{"Key": "Team", "Value": "blue"}, {"Key": "site", "Value": "x"}]
        first = assume(anna, Tags=tags, TransitiveTagKeys=["team"] if transitive else [])["Credentials"]
        sts = session_client(s3_server, first, "sts")
        s3 = session_client(s3_server, assume(sts, second)["Credentials"])
        again = {"sts": sts, "arn": second, "Tags": [{"Key": "TEAM", "Value": "red"}]}
        if transitive:
            s3.put_object(Bucket=BUCKET, Key="blue/k", Body=b"")
            assert code_of(assume, **again) == "InvalidParameterValue"
        else:
            assert code_of(s3.put_object, Bucket=BUCKET, Key="blue/k", Body=b"") == "AccessDenied"
            assert code_of(assume, **again) == "AccessDenied"

    def test_only_a_tag_that_is_given_can_be_transitive(self, iam, anna, role):
        assert code_of(assume, sts=anna, TransitiveTagKeys=["team"]) == "InvalidParameterValue"

    def test_tags_need_the_permission_to_tag(self, iam, anna, role):
        assert code_of(assume, sts=anna, Tags=[{"Key": "team", "Value": "x"}]) == "AccessDenied"

    def test_a_source_identity_stays_through_all_roles(self, s3_server, iam, anna, role):
        second = self.chain(iam, "sts:SetSourceIdentity")
        condition = {"StringEquals": {"aws:SourceIdentity": "anna@example.org"}}
        document = policy("s3:ListBucket", Condition=condition)
        iam.put_role_policy(RoleName="second", PolicyName="list", PolicyDocument=document)
        answer = assume(anna, SourceIdentity="anna@example.org")
        assert answer["SourceIdentity"] == "anna@example.org"
        sts = session_client(s3_server, answer["Credentials"], "sts")
        assert code_of(assume, sts=sts, arn=second, SourceIdentity="bert") == "AccessDenied"
        session_client(s3_server, assume(sts, second)["Credentials"]).list_objects_v2(Bucket=BUCKET)
        plain = session_client(s3_server, assume(anna)["Credentials"], "sts")
        other = session_client(s3_server, assume(plain, second)["Credentials"])
        assert code_of(other.list_objects_v2, Bucket=BUCKET) == "AccessDenied"

    def test_a_source_identity_needs_its_permission(self, iam, anna, role):
        assert code_of(assume, sts=anna, SourceIdentity="anna") == "AccessDenied"
        assert code_of(assume, sts=anna, SourceIdentity="a b") == "ValidationError"

    def test_a_chained_session_lasts_an_hour_at_most(self, s3_server, iam, anna, role):
        second = self.chain(iam)
        iam.update_role(RoleName="second", MaxSessionDuration=43200)
        sts = session_client(s3_server, assume(anna)["Credentials"], "sts")
        assert code_of(assume, sts=sts, arn=second, DurationSeconds=3601) == "ValidationError"


class TestTheEnd:
    def test_sessions_end_with_their_role_for_good(self, s3_server, iam, anna, role):
        s3 = session_client(s3_server, assume(anna)["Credentials"])
        s3.list_objects_v2(Bucket=BUCKET)
        iam.delete_role_policy(RoleName="worker", PolicyName="own")
        assert code_of(s3.list_objects_v2, Bucket=BUCKET) == "AccessDenied"
        iam.delete_role(RoleName="worker")
        assert code_of(s3.list_objects_v2, Bucket=BUCKET) == "InvalidToken"
        given = {"RoleName": "worker", "Path": "/lab/"}
        iam.create_role(**given, AssumeRolePolicyDocument=trust(arn_of("user", "anna")))
        iam.put_role_policy(RoleName="worker", PolicyName="own", PolicyDocument=policy("s3:*"))
        assert code_of(s3.list_objects_v2, Bucket=BUCKET) == "InvalidToken"

    def test_sessions_end_with_the_user_who_began_them_and_survive_a_new_key(self, s3_server, iam):
        key = new_user(iam, "bert")
        document = trust(arn_of("user", "bert"))
        iam.create_role(RoleName="worker", Path="/lab/", AssumeRolePolicyDocument=document)
        iam.put_role_policy(RoleName="worker", PolicyName="own", PolicyDocument=policy("s3:*"))
        sts = client_of(s3_server, service="sts", **key)
        s3 = session_client(s3_server, assume(sts)["Credentials"])
        iam.create_access_key(UserName="bert")
        iam.delete_access_key(UserName="bert", AccessKeyId=key["aws_access_key_id"])
        s3.list_objects_v2(Bucket=BUCKET)
        for left in iam.list_access_keys(UserName="bert")["AccessKeyMetadata"]:
            iam.delete_access_key(UserName="bert", AccessKeyId=left["AccessKeyId"])
        iam.delete_user(UserName="bert")
        assert code_of(s3.list_objects_v2, Bucket=BUCKET) == "InvalidToken"
        iam.create_user(UserName="bert")
        assert code_of(s3.list_objects_v2, Bucket=BUCKET) == "InvalidToken"

    def test_a_deny_by_issue_time_ends_earlier_sessions_alone(self, s3_server, iam, anna, role):
        earlier = session_client(s3_server, assume(anna)["Credentials"])
        earlier.list_objects_v2(Bucket=BUCKET)
        s3_server.advance_clock(60)
        now = s3_server.clock.now()
        condition = {"DateLessThan": {"aws:TokenIssueTime": f"{now:%Y-%m-%dT%H:%M:%SZ}"}}
        revoke = policy("*", effect="Deny", Condition=condition)
        iam.put_role_policy(RoleName="worker", PolicyName="revoke", PolicyDocument=revoke)
        assert code_of(earlier.list_objects_v2, Bucket=BUCKET) == "AccessDenied"
        s3_server.advance_clock(1)
        session_client(s3_server, assume(anna)["Credentials"]).list_objects_v2(Bucket=BUCKET)

    def test_a_role_of_the_file_still_wants_both(self, s3_server, iam, anna):
        assert code_of(assume, sts=anna, arn=ROLE_ARN) == "AccessDenied"
        iam.put_user_policy(UserName="anna", PolicyName="p", PolicyDocument=policy("sts:*"))
        assert code_of(assume, sts=anna, arn=ROLE_ARN) == "AccessDenied"
