"""Users, groups and their keys, by boto3's own client: made, found, changed, deleted, and let in at once."""

from __future__ import annotations

import json

import pytest
from identity_callers import ACCOUNT, arn_of, iam_of, new_key, new_user, policy
from s3_callers import BUCKET, client_of, code_of, refusal_of

from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer


@pytest.fixture
def iam(s3_server):
    return iam_of(s3_server)


class TestUsers:
    def test_what_is_created_is_found(self, iam):
        made = iam.create_user(UserName="anna", Path="/lab/", Tags=[{"Key": "team", "Value": "x"}])["User"]
        assert made["Arn"] == arn_of("user", "anna", "/lab/")
        assert made["UserId"].startswith("AIDA")
        assert len(made["UserId"]) == 21
        found = iam.get_user(UserName="anna")["User"]
        assert found == made
        assert found["Tags"] == [{"Key": "team", "Value": "x"}]
        assert [u["UserName"] for u in iam.list_users(PathPrefix="/lab/")["Users"]] == ["anna"]
        assert iam.list_users(PathPrefix="/la/")["Users"] == []

    def test_names_are_unique_without_regard_to_case(self, iam):
        iam.create_user(UserName="Anna")
        assert refusal_of(iam.create_user, UserName="anna").status == 409
        assert code_of(iam.create_user, UserName="ADMIN") == "EntityAlreadyExists"
        assert code_of(iam.get_user, UserName="anna") == "NoSuchEntity"

    def test_what_is_not_there_is_404(self, iam):
        assert refusal_of(iam.get_user, UserName="nobody").status == 404
        for call in (iam.delete_user, iam.list_access_keys, iam.list_user_policies, iam.list_groups_for_user):
            assert code_of(call, UserName="nobody") == "NoSuchEntity"

    @pytest.mark.parametrize(
        "given",
        [
            {"UserName": "a b"},
            {"UserName": "x" * 65},
            {"UserName": "../admin"},
            {"UserName": "a/b"},
            {"UserName": "a\nb"},
            {"UserName": "ä"},
            {"UserName": "a", "Path": "lab"},
            {"UserName": "a", "Path": "/lab"},
            {"UserName": "a", "Path": "/l b/"},
            {"UserName": "a", "Path": "/" + "x" * 511 + "/"},
            {"UserName": "a", "Tags": [{"Key": "aws:x", "Value": ""}]},
            {"UserName": "a", "Tags": [{"Key": "", "Value": ""}]},
        ],
    )
    def test_names_and_paths_have_rules(self, s3_server, given):
        lenient = client_of(s3_server, "admin", "iam", parameter_validation=False)
        assert code_of(lenient.create_user, **given) == "ValidationError"

    def test_a_user_is_renamed_and_keeps_everything(self, s3_server, iam):
        key = new_user(iam, "anna", policy("s3:ListAllMyBuckets"))
        iam.update_user(UserName="anna", NewUserName="anne", NewPath="/lab/")
        assert code_of(iam.get_user, UserName="anna") == "NoSuchEntity"
        caller = client_of(s3_server, service="sts", **key).get_caller_identity()
        assert caller["Arn"] == arn_of("user", "anne", "/lab/")
        client_of(s3_server, **key).list_buckets()
        iam.create_user(UserName="anna")
        assert code_of(iam.update_user, UserName="anna", NewUserName="ANNE") == "EntityAlreadyExists"
        assert code_of(iam.update_user, UserName="anna", NewUserName="portal") == "EntityAlreadyExists"

    def test_a_user_goes_once_nothing_belongs_to_it(self, iam):
        new_user(iam, "anna", policy("s3:*"))
        iam.create_group(GroupName="lab")
        iam.add_user_to_group(GroupName="lab", UserName="anna")
        iam.attach_user_policy(UserName="anna", PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
        steps = [
            lambda: iam.delete_access_key(
                UserName="anna",
                AccessKeyId=iam.list_access_keys(UserName="anna")["AccessKeyMetadata"][0]["AccessKeyId"],
            ),
            lambda: iam.remove_user_from_group(GroupName="lab", UserName="anna"),
            lambda: iam.detach_user_policy(
                UserName="anna", PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
            ),
            lambda: iam.delete_user_policy(UserName="anna", PolicyName="own"),
        ]
        for step in steps:
            assert refusal_of(iam.delete_user, UserName="anna").code == "DeleteConflict"
            step()
        iam.delete_user(UserName="anna")
        assert code_of(iam.get_user, UserName="anna") == "NoSuchEntity"

    def test_no_page_leaves_out_what_differs_in_case_alone(self, iam):
        iam.create_user(UserName="anna")
        names = ["A", "B", "a", "b"]
        for name in names:
            iam.put_user_policy(UserName="anna", PolicyName=name, PolicyDocument=policy("s3:GetObject"))
        pages = iam.get_paginator("list_user_policies").paginate(
            UserName="anna", PaginationConfig={"PageSize": 1}
        )
        assert [name for page in pages for name in page["PolicyNames"]] == ["A", "a", "B", "b"]

    def test_lists_come_in_pages(self, iam):
        for number in range(7):
            iam.create_user(UserName=f"user-{number}")
        first = iam.list_users(MaxItems=4)
        assert (len(first["Users"]), first["IsTruncated"]) == (4, True)
        pages = iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 2})
        names = [user["UserName"] for page in pages for user in page["Users"]]
        assert names == ["admin", "portal", *(f"user-{number}" for number in range(7))]
        assert code_of(iam.list_users, Marker="!") == "ValidationError"
        lenient = iam.list_users(Marker=first["Marker"])
        assert [user["UserName"] for user in lenient["Users"]] == names[4:]

    def test_tags_are_added_replaced_and_removed(self, iam):
        iam.create_user(UserName="anna")
        iam.tag_user(UserName="anna", Tags=[{"Key": "team", "Value": "a"}, {"Key": "site", "Value": "b"}])
        iam.tag_user(UserName="anna", Tags=[{"Key": "Team", "Value": "c"}])
        iam.untag_user(UserName="anna", TagKeys=["SITE"])
        assert iam.list_user_tags(UserName="anna")["Tags"] == [{"Key": "Team", "Value": "c"}]
        many = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
        assert code_of(iam.tag_user, UserName="anna", Tags=many) == "LimitExceeded"


class TestGroups:
    def test_a_groups_policy_counts_while_a_user_is_in_it(self, s3_server, iam):
        key = new_user(iam, "anna")
        s3 = client_of(s3_server, **key)
        iam.create_group(GroupName="readers", Path="/lab/")
        iam.put_group_policy(GroupName="readers", PolicyName="read", PolicyDocument=policy("s3:*"))
        assert code_of(s3.list_objects_v2, Bucket=BUCKET) == "AccessDenied"
        iam.add_user_to_group(GroupName="readers", UserName="anna")
        s3.list_objects_v2(Bucket=BUCKET)
        assert [user["UserName"] for user in iam.get_group(GroupName="readers")["Users"]] == ["anna"]
        groups = iam.list_groups_for_user(UserName="anna")["Groups"]
        assert [group["Arn"] for group in groups] == [arn_of("group", "readers", "/lab/")]
        assert code_of(iam.delete_group, GroupName="readers") == "DeleteConflict"
        iam.remove_user_from_group(GroupName="readers", UserName="anna")
        assert code_of(s3.list_objects_v2, Bucket=BUCKET) == "AccessDenied"
        iam.delete_group_policy(GroupName="readers", PolicyName="read")
        iam.delete_group(GroupName="readers")
        assert iam.list_groups()["Groups"] == []

    def test_a_group_is_renamed(self, iam):
        iam.create_group(GroupName="readers")
        iam.update_group(GroupName="readers", NewGroupName="writers")
        assert [group["GroupName"] for group in iam.list_groups()["Groups"]] == ["writers"]
        assert code_of(iam.add_user_to_group, GroupName="writers", UserName="nobody") == "NoSuchEntity"

    def test_a_user_is_in_ten_groups_at_most(self, iam):
        iam.create_user(UserName="anna")
        for number in range(11):
            iam.create_group(GroupName=f"g{number}")
        for number in range(10):
            iam.add_user_to_group(GroupName=f"g{number}", UserName="anna")
        refused = refusal_of(iam.add_user_to_group, GroupName="g10", UserName="anna")
        assert (refused.status, refused.code) == (409, "LimitExceeded")
        assert len(iam.list_groups_for_user(UserName="anna")["Groups"]) == 10


class TestAccessKeys:
    def test_keys_are_rotated_without_a_gap(self, s3_server, iam):
        old = new_user(iam, "anna", policy("s3:ListAllMyBuckets"))
        new = new_key(iam, "anna")
        assert code_of(iam.create_access_key, UserName="anna") == "LimitExceeded"
        for key in (old, new):
            client_of(s3_server, **key).list_buckets()
        old_id = old["aws_access_key_id"]
        iam.update_access_key(UserName="anna", AccessKeyId=old_id, Status="Inactive")
        assert code_of(client_of(s3_server, **old).list_buckets) == "InvalidAccessKeyId"
        client_of(s3_server, **new).list_buckets()
        statuses = {
            key["AccessKeyId"]: key["Status"]
            for key in iam.list_access_keys(UserName="anna")["AccessKeyMetadata"]
        }
        assert statuses == {old_id: "Inactive", new["aws_access_key_id"]: "Active"}
        iam.update_access_key(UserName="anna", AccessKeyId=old_id, Status="Active")
        client_of(s3_server, **old).list_buckets()
        iam.delete_access_key(UserName="anna", AccessKeyId=old_id)
        assert code_of(client_of(s3_server, **old).list_buckets) == "InvalidAccessKeyId"

    def test_the_last_use_is_told(self, s3_server, iam):
        key = new_user(iam, "anna", policy("s3:ListAllMyBuckets"))
        key_id = key["aws_access_key_id"]
        before = iam.get_access_key_last_used(AccessKeyId=key_id)
        assert before["UserName"] == "anna"
        assert before["AccessKeyLastUsed"] == {"ServiceName": "N/A", "Region": "N/A"}
        client_of(s3_server, **key).list_buckets()
        used = iam.get_access_key_last_used(AccessKeyId=key_id)["AccessKeyLastUsed"]
        assert (used["ServiceName"], used["Region"]) == ("s3", "us-east-1")
        assert code_of(iam.get_access_key_last_used, AccessKeyId="AKIANOBODYATALL00") == "NoSuchEntity"

    def test_a_wrong_signature_is_no_use(self, s3_server, iam):
        key = new_user(iam, "anna", policy("s3:ListAllMyBuckets"))
        wrong = client_of(s3_server, **(key | {"aws_secret_access_key": "x" * 40}))
        assert code_of(wrong.list_buckets) == "SignatureDoesNotMatch"
        used = iam.get_access_key_last_used(AccessKeyId=key["aws_access_key_id"])["AccessKeyLastUsed"]
        assert used["ServiceName"] == "N/A"

    def test_a_secret_is_shown_once_and_kept_sealed(self, tmp_path):
        log = tmp_path / "access.log"
        with RunningServer(tmp_path / "s3", server_config(), log=log) as server:
            key = new_user(iam_of(server), "anna", policy("s3:ListAllMyBuckets"))
            client_of(server, **key).list_buckets()
            shown = json.dumps(iam_of(server).list_access_keys(UserName="anna"), default=str)
        secret = key["aws_secret_access_key"]
        assert len(secret) == 40
        assert secret not in shown
        kept = [path for path in (tmp_path / "s3").rglob("*") if path.is_file()] + [log]
        assert all(secret.encode() not in path.read_bytes() for path in kept)
        with RunningServer(tmp_path / "s3", server_config()) as server:
            client_of(server, **key).list_buckets()

    def test_another_users_key_is_not_touched(self, iam):
        key_id = new_user(iam, "anna")["aws_access_key_id"]
        iam.create_user(UserName="bert")
        assert code_of(iam.delete_access_key, UserName="bert", AccessKeyId=key_id) == "NoSuchEntity"
        change = {"UserName": "bert", "AccessKeyId": key_id, "Status": "Inactive"}
        assert code_of(iam.update_access_key, **change) == "NoSuchEntity"


class TestOneself:
    def test_calls_without_a_name_are_about_the_caller(self, s3_server, iam):
        own = policy("iam:*AccessKey*", "iam:GetUser", resource=arn_of("user", "${aws:username}"))
        me = client_of(s3_server, service="iam", **new_user(iam, "anna", own))
        assert me.get_user()["User"]["UserName"] == "anna"
        key_id = me.create_access_key()["AccessKey"]["AccessKeyId"]
        assert len(me.list_access_keys()["AccessKeyMetadata"]) == 2
        me.update_access_key(AccessKeyId=key_id, Status="Inactive")
        me.delete_access_key(AccessKeyId=key_id)
        assert len(me.list_access_keys()["AccessKeyMetadata"]) == 1
        for call in (me.list_access_keys, me.create_access_key, me.get_user):
            assert code_of(call, UserName="admin") == "AccessDenied"

    def test_a_user_without_policies_may_do_nothing(self, s3_server, iam):
        key = new_user(iam, "anna")
        me = client_of(s3_server, service="iam", **key)
        refused = refusal_of(me.list_access_keys)
        assert refused.error["Message"] == (
            f"User: {arn_of('user', 'anna')} is not authorized to perform: iam:ListAccessKeys on resource: "
            f"{arn_of('user', 'anna')}"
        )
        assert code_of(client_of(s3_server, **key).list_buckets) == "AccessDenied"
        assert client_of(s3_server, service="sts", **key).get_caller_identity()["Account"] == ACCOUNT


class TestUsersOfTheFile:
    def test_they_are_listed_beside_the_others_and_told_from_them(self, iam):
        iam.create_user(UserName="anna")
        users = {user["UserName"]: user for user in iam.list_users()["Users"]}
        assert sorted(users) == ["admin", "anna", "portal"]
        assert users["portal"]["Tags"] == [{"Key": "s3portal:source", "Value": "configuration-file"}]
        assert "Tags" not in users["anna"]
        assert iam.list_user_policies(UserName="portal")["PolicyNames"] == ["configuration-file"]
        document = iam.get_user_policy(UserName="portal", PolicyName="configuration-file")["PolicyDocument"]
        assert document == server_config()["users"][1]["policy"]
        keys = iam.list_access_keys(UserName="portal")["AccessKeyMetadata"]
        assert [key["AccessKeyId"] for key in keys] == ["portal-key"]
        role = iam.get_role(RoleName="uploads")["Role"]
        trusted = role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["AWS"]
        assert trusted == [arn_of("user", "admin"), arn_of("user", "portal")]

    def test_they_cannot_be_changed(self, s3_server):
        iam = client_of(s3_server, "admin", "iam", parameter_validation=False)
        document = policy("s3:*")
        iam.create_group(GroupName="lab")
        user, role = {"UserName": "portal"}, {"RoleName": "uploads"}
        aws = {"PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}
        for call, given in (
            (iam.create_access_key, user),
            (iam.delete_access_key, user | {"AccessKeyId": "portal-key"}),
            (iam.update_access_key, user | {"AccessKeyId": "portal-key", "Status": "Inactive"}),
            (iam.delete_user, user),
            (iam.update_user, user | {"NewUserName": "other"}),
            (iam.put_user_policy, user | {"PolicyName": "p", "PolicyDocument": document}),
            (iam.attach_user_policy, user | aws),
            (iam.tag_user, user | {"Tags": [{"Key": "a", "Value": "b"}]}),
            (iam.put_user_permissions_boundary, user | {"PermissionsBoundary": aws["PolicyArn"]}),
            (iam.add_user_to_group, user | {"GroupName": "lab"}),
            (iam.delete_role, role),
            (iam.put_role_policy, role | {"PolicyName": "p", "PolicyDocument": document}),
            (iam.attach_role_policy, role | aws),
            (iam.update_assume_role_policy, role | {"PolicyDocument": document}),
        ):
            refused = refusal_of(call, **given)
            assert (refused.status, refused.code) == (400, "UnmodifiableEntity")
            assert "configuration file" in refused.error["Message"]

    def test_accounts_do_not_see_each_other(self, tmp_path):
        config = server_config()
        config["accounts"] = [{"id": "111122223333"}]
        config["users"].append(
            config["users"][0]
            | {"name": "other", "account": "111122223333", "access_key_id": "other-key"}
            | {"secret_access_key": "other-secret"}
        )
        with RunningServer(tmp_path / "s3", config) as server:
            iam_of(server).create_user(UserName="anna")
            other = iam_of(server, "other")
            assert [user["UserName"] for user in other.list_users()["Users"]] == ["other"]
            assert code_of(other.get_user, UserName="anna") == "NoSuchEntity"
            other.create_user(UserName="anna")
            assert other.get_user(UserName="anna")["User"]["Arn"] == "arn:aws:iam::111122223333:user/anna"
