"""Who tries to get more than it was given, or to break what reads its requests, by IAM and STS."""

from __future__ import annotations

import sqlite3
from collections import Counter

import pytest
from identity_callers import ACCOUNT, arn_of, iam_of, new_user, policy, trust
from s3_callers import BUCKET, client_of, code_of, refusal_of, send
from test_dialects import signed_for
from two_workers import at_once

from s3portal.server.pytest_plugin import server_config
from s3portal.server.storage.migrations import STEPS
from s3portal.server.testing import RunningServer

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


@pytest.fixture
def iam(s3_server):
    return iam_of(s3_server)


def client_with(server, iam, *documents):
    """A client of IAM of the user anna, who has these policies."""
    key = new_user(iam, "anna")
    for number, document in enumerate(documents):
        iam.put_user_policy(UserName="anna", PolicyName=f"p{number}", PolicyDocument=document)
    return client_of(server, service="iam", **key)


class TestMoreThanWasGiven:
    def test_nobody_gives_itself_what_it_may_not_give(self, s3_server, iam):
        me = client_with(s3_server, iam, policy("iam:Get*", "iam:List*", "iam:Simulate*"))
        iam.create_group(GroupName="admins")
        own = iam.create_policy(PolicyName="own", PolicyDocument=policy("s3:GetObject"))["Policy"]["Arn"]
        iam.attach_user_policy(UserName="anna", PolicyArn=own)
        everything = policy("*")
        for call, given in (
            (me.put_user_policy, {"UserName": "anna", "PolicyName": "x", "PolicyDocument": everything}),
            (me.attach_user_policy, {"UserName": "anna", "PolicyArn": ADMINISTRATOR}),
            (me.add_user_to_group, {"GroupName": "admins", "UserName": "anna"}),
            (me.put_group_policy, {"GroupName": "g", "PolicyName": "x", "PolicyDocument": everything}),
            (
                me.create_policy_version,
                {"PolicyArn": own, "PolicyDocument": everything, "SetAsDefault": True},
            ),
            (me.set_default_policy_version, {"PolicyArn": own, "VersionId": "v1"}),
            (me.create_access_key, {"UserName": "admin"}),
            (me.create_access_key, {}),
            (me.delete_user_policy, {"UserName": "anna", "PolicyName": "p0"}),
            (me.delete_user_permissions_boundary, {"UserName": "anna"}),
            (me.create_user, {"UserName": "another"}),
            (me.create_role, {"RoleName": "r", "AssumeRolePolicyDocument": trust(arn_of("user", "anna"))}),
            (me.update_assume_role_policy, {"RoleName": "uploads", "PolicyDocument": everything}),
            (me.update_user, {"UserName": "anna", "NewPath": "/admins/"}),
            (me.tag_user, {"UserName": "anna", "Tags": [{"Key": "team", "Value": "admins"}]}),
        ):
            refused = refusal_of(call, **given)
            assert (refused.status, refused.code) == (403, "AccessDenied")

    def test_a_permission_on_one_user_is_none_on_another(self, s3_server, iam):
        me = client_with(s3_server, iam, policy("iam:*", resource=arn_of("user", "team-*", "/team/")))
        me.create_user(UserName="team-1", Path="/team/")
        me.put_user_policy(UserName="team-1", PolicyName="p", PolicyDocument=policy("s3:GetObject"))
        assert code_of(me.create_user, UserName="team-2") == "AccessDenied"
        assert code_of(me.create_user, UserName="team-2", Path="/team/../") == "AccessDenied"
        assert code_of(me.create_access_key, UserName="anna") == "AccessDenied"
        # A new name or path would take a user out of the rules, or into them.
        assert code_of(me.update_user, UserName="team-1", NewUserName="boss") == "AccessDenied"
        assert code_of(me.update_user, UserName="team-1", NewPath="/") == "AccessDenied"

    def test_only_named_policies_are_attached(self, s3_server, iam):
        allowed = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
        condition = {"ArnEquals": {"iam:PolicyARN": allowed}}
        me = client_with(s3_server, iam, policy("iam:AttachUserPolicy", Condition=condition))
        me.attach_user_policy(UserName="anna", PolicyArn=allowed)
        assert code_of(me.attach_user_policy, UserName="anna", PolicyArn=ADMINISTRATOR) == "AccessDenied"

    def test_users_are_made_within_a_boundary_alone(self, s3_server, iam):
        boundary = iam.create_policy(PolicyName="b", PolicyDocument=policy("s3:*"))["Policy"]["Arn"]
        condition = {"StringEquals": {"iam:PermissionsBoundary": boundary}}
        actions = (
            "iam:CreateUser",
            "iam:PutUserPolicy",
            "iam:AttachUserPolicy",
            "iam:PutUserPermissionsBoundary",
        )
        me = client_with(s3_server, iam, policy(*actions, Condition=condition), policy("iam:CreateAccessKey"))
        assert code_of(me.create_user, UserName="free") == "AccessDenied"
        assert code_of(me.create_user, UserName="free", PermissionsBoundary=ADMINISTRATOR) == "AccessDenied"
        me.create_user(UserName="bound", PermissionsBoundary=boundary)
        me.put_user_policy(UserName="bound", PolicyName="p", PolicyDocument=policy("*"))
        wider = {"UserName": "bound", "PermissionsBoundary": ADMINISTRATOR}
        assert code_of(me.put_user_permissions_boundary, **wider) == "AccessDenied"
        own = {"UserName": "anna", "PolicyName": "p", "PolicyDocument": policy("*")}
        assert code_of(me.put_user_policy, **own) == "AccessDenied"
        key = me.create_access_key(UserName="bound")["AccessKey"]
        keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
        client_of(s3_server, **keys).list_objects_v2(Bucket=BUCKET)
        assert code_of(client_of(s3_server, service="iam", **keys).list_users) == "AccessDenied"

    def test_tags_are_given_only_where_they_may_be(self, s3_server, iam):
        condition = {"StringEquals": {"aws:RequestTag/team": "blue"}}
        me = client_with(
            s3_server, iam, policy("iam:CreateUser", "iam:TagUser", Condition=condition),
            policy("iam:DeleteUser", Condition={"StringEquals": {"aws:ResourceTag/team": "blue"}}),
        )  # fmt: skip
        blue, red = [{"Key": "Team", "Value": "blue"}], [{"Key": "team", "Value": "red"}]
        me.create_user(UserName="one", Tags=blue)
        assert code_of(me.create_user, UserName="two", Tags=red) == "AccessDenied"
        assert code_of(me.create_user, UserName="two") == "AccessDenied"
        iam.create_user(UserName="three", Tags=red)
        me.delete_user(UserName="one")
        assert code_of(me.delete_user, UserName="three") == "AccessDenied"

    def test_a_user_cannot_saw_off_its_own_branch(self, s3_server, iam):
        me = client_with(s3_server, iam, policy("iam:*"))
        assert code_of(me.delete_user, UserName="anna") == "DeleteConflict"
        me.delete_user_policy(UserName="anna", PolicyName="p0")
        assert code_of(me.list_users) == "AccessDenied"

    def test_who_is_not_there_looks_like_who_is_not_allowed(self, s3_server, iam):
        me = client_with(s3_server, iam)
        for name in ("admin", "nobody"):
            assert code_of(me.get_user, UserName=name) == "AccessDenied"


class TestHugeAndStrangeRequests:
    def sent(self, server, body):
        headers = signed_for(
            server, "iam", body, {"Content-Type": "application/x-www-form-urlencoded"}, "admin"
        )
        return send(server, "POST", "/", headers, body)

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (b"Action=CreateUser&Version=2010-05-08", b"ValidationError"),
            (b"Action=CreateUser&Version=2011-06-15&UserName=x", b"InvalidAction"),
            (b"Action=NoSuchAction&Version=2010-05-08", b"InvalidAction"),
            (b"Action=GetUser&Version=2010-05-08&UserName=%ff", b"InvalidURI"),
            (b"Action=GetUser&Version=2010-05-08&UserName=a%00b", b"ValidationError"),
            (b"Action=TagUser&Version=2010-05-08&UserName=x&Tags.member.99999.Key=a", b"ValidationError"),
            (b"Action=TagUser&Version=2010-05-08&UserName=x&Tags.member.x.Key=a", b"ValidationError"),
            (b"Action=ListUsers&Version=2010-05-08&MaxItems=0", b"ValidationError"),
            (b"Action=ListUsers&Version=2010-05-08&MaxItems=1001", b"ValidationError"),
            (b"Action=ListUsers&Version=2010-05-08&MaxItems=%EF%BC%91", b"ValidationError"),
            (b"Action=ListUsers&Version=2010-05-08&Marker=%F0%9F%98%80", b"ValidationError"),
            (b"Action=GetUser&UserName=" + b"x" * 65536, b"MaxMessageLengthExceeded"),
        ],
    )
    def test_it_is_refused_in_iams_words(self, shared_server, body, code):
        status, _, answer = self.sent(shared_server, body)
        assert status == 400
        assert b"<Code>" + code + b"</Code>" in answer
        if code != b"MaxMessageLengthExceeded":
            assert b"https://iam.amazonaws.com/doc/2010-05-08/" in answer

    def test_what_is_quoted_cannot_write_xml(self, shared_server):
        body = b"Action=GetUser&Version=2010-05-08&UserName=%3C%2FMessage%3E%3CCode%3E"
        answer = self.sent(shared_server, body)[2]
        assert answer.count(b"<Code>") == 1
        assert b"&lt;/Message&gt;" in answer

    def test_an_unsigned_call_learns_nothing(self, shared_server):
        for action in (b"ListUsers&Version=2010-05-08", b"NoSuchAction"):
            assert send(shared_server, "POST", "/", body=b"Action=" + action)[0] == 403

    def test_a_signature_for_sts_does_not_open_iam(self, shared_server):
        body = b"Action=ListUsers&Version=2010-05-08"
        status, _, answer = send(
            shared_server, "POST", "/", signed_for(shared_server, "sts", body, user="admin"), body
        )
        assert (status, b"InvalidAction" in answer) == (400, True)


class TestAtOnce:
    def test_many_who_create_the_same_leave_one(self, s3_server, iam):
        clients = [iam_of(s3_server) for _ in range(8)]

        def create(number):
            clients[number].create_user(UserName="anna")
            return "made"

        assert Counter(at_once(8, create)) == {"made": 1, "EntityAlreadyExists": 7}

    def test_many_keys_at_once_are_two(self, s3_server, iam):
        iam.create_user(UserName="anna")
        clients = [iam_of(s3_server) for _ in range(8)]

        def create(number):
            clients[number].create_access_key(UserName="anna")
            return "made"

        assert Counter(at_once(8, create)) == {"made": 2, "LimitExceeded": 6}


def test_a_folder_from_before_has_room_for_users(tmp_path):
    (tmp_path / "s3").mkdir()
    with sqlite3.connect(tmp_path / "s3" / "metadata.sqlite3") as connection:
        for statement in (statement for step in STEPS[:6] for statement in step):
            connection.execute(statement)
        connection.execute("PRAGMA user_version = 6")
        connection.execute(
            "INSERT INTO buckets (name, owner, created_at) VALUES ('earlier', ?, 0)", (ACCOUNT,)
        )
    connection.close()
    with RunningServer(tmp_path / "s3", server_config()) as server:
        key = new_user(iam_of(server), "anna", policy("s3:*"))
        names = [bucket["Name"] for bucket in client_of(server, **key).list_buckets()["Buckets"]]
        assert names == ["earlier", BUCKET]
