"""Policies of users, groups and roles: inline, managed with versions, boundaries; each counts at once."""

from __future__ import annotations

import json

import pytest
from identity_callers import arn_of, iam_of, new_user, policy
from s3_callers import BUCKET, client_of, code_of, refusal_of

READ_ONLY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
FULL = "arn:aws:iam::aws:policy/AmazonS3FullAccess"


@pytest.fixture
def iam(s3_server):
    return iam_of(s3_server)


@pytest.fixture
def anna(s3_server, iam):
    """A client of S3 of a user who may do nothing yet."""
    return client_of(s3_server, **new_user(iam, "anna"))


class TestInline:
    def test_it_counts_from_the_moment_it_is_put_until_it_is_deleted(self, iam, anna):
        assert code_of(anna.list_objects_v2, Bucket=BUCKET) == "AccessDenied"
        iam.put_user_policy(UserName="anna", PolicyName="p", PolicyDocument=policy("s3:ListBucket"))
        anna.list_objects_v2(Bucket=BUCKET)
        iam.put_user_policy(UserName="anna", PolicyName="p", PolicyDocument=policy("s3:GetObject"))
        assert code_of(anna.list_objects_v2, Bucket=BUCKET) == "AccessDenied"
        iam.delete_user_policy(UserName="anna", PolicyName="p")
        assert iam.list_user_policies(UserName="anna")["PolicyNames"] == []
        assert code_of(iam.get_user_policy, UserName="anna", PolicyName="p") == "NoSuchEntity"
        assert code_of(iam.delete_user_policy, UserName="anna", PolicyName="p") == "NoSuchEntity"

    def test_what_was_put_is_given_back(self, iam, anna):
        document = policy("s3:GetObject", resource="arn:aws:s3:::ä/${aws:username}/*")
        iam.put_user_policy(UserName="anna", PolicyName="p", PolicyDocument=document)
        found = iam.get_user_policy(UserName="anna", PolicyName="p")
        assert found["PolicyDocument"] == json.loads(document)

    def test_a_deny_wins(self, iam, anna):
        iam.put_user_policy(UserName="anna", PolicyName="all", PolicyDocument=policy("s3:*"))
        anna.list_objects_v2(Bucket=BUCKET)
        deny = policy("s3:ListBucket", effect="Deny")
        iam.put_user_policy(UserName="anna", PolicyName="none", PolicyDocument=deny)
        assert code_of(anna.list_objects_v2, Bucket=BUCKET) == "AccessDenied"

    @pytest.mark.parametrize(
        "document",
        [
            "{",
            "[]",
            '{"Statement": []}',
            policy("s3:*").replace("Action", "Acton"),
            policy("s3:*", Principal="*"),
            policy("s3"),
            policy("s3:*", Condition={"StringEquals": {"aws:NoSuchKey": "x"}}),
            policy("s3:*", resource="bucket"),
            "[" * 20_000,
            '{"Version": "2012-10-17", "Version": "2012-10-17", "Statement": []}',
        ],
    )
    def test_what_is_no_policy_is_refused(self, iam, anna, document):
        given = {"UserName": "anna", "PolicyName": "p", "PolicyDocument": document}
        refused = refusal_of(iam.put_user_policy, **given)
        assert (refused.status, refused.code) == (400, "MalformedPolicyDocument")

    def test_all_of_a_user_have_2048_characters(self, iam, anna):
        resources = [f"arn:aws:s3:::{'x' * 50}{number:03}" for number in range(25)]
        document = policy("s3:GetObject", resource=resources)
        iam.put_user_policy(UserName="anna", PolicyName="p", PolicyDocument=document)
        assert code_of(
            iam.put_user_policy, UserName="anna", PolicyName="q", PolicyDocument=document
        ) == "LimitExceeded"  # fmt: skip
        assert iam.list_user_policies(UserName="anna")["PolicyNames"] == ["p"]


class TestManaged:
    def test_a_policy_of_aws_is_attached_and_detached(self, iam, anna):
        iam.attach_user_policy(UserName="anna", PolicyArn=READ_ONLY)
        anna.list_objects_v2(Bucket=BUCKET)
        assert code_of(anna.put_object, Bucket=BUCKET, Key="k", Body=b"x") == "AccessDenied"
        iam.attach_user_policy(UserName="anna", PolicyArn=FULL)
        anna.put_object(Bucket=BUCKET, Key="k", Body=b"x")
        attached = iam.list_attached_user_policies(UserName="anna")["AttachedPolicies"]
        assert [found["PolicyName"] for found in attached] == ["AmazonS3FullAccess", "AmazonS3ReadOnlyAccess"]
        assert iam.get_policy(PolicyArn=FULL)["Policy"]["AttachmentCount"] == 1
        entities = iam.list_entities_for_policy(PolicyArn=FULL)
        assert [user["UserName"] for user in entities["PolicyUsers"]] == ["anna"]
        for arn in (FULL, READ_ONLY):
            iam.detach_user_policy(UserName="anna", PolicyArn=arn)
        assert code_of(iam.detach_user_policy, UserName="anna", PolicyArn=FULL) == "NoSuchEntity"
        assert code_of(anna.list_objects_v2, Bucket=BUCKET) == "AccessDenied"

    def test_policies_of_aws_cannot_be_changed(self, iam):
        document = policy("s3:*")
        assert code_of(iam.delete_policy, PolicyArn=FULL) == "UnmodifiableEntity"
        version = {"PolicyArn": FULL, "PolicyDocument": document}
        assert code_of(iam.create_policy_version, **version) == "UnmodifiableEntity"

    def test_the_default_version_is_the_one_that_counts(self, iam, anna):
        made = iam.create_policy(PolicyName="p", Path="/lab/", PolicyDocument=policy("s3:ListBucket"))
        arn = made["Policy"]["Arn"]
        assert arn == arn_of("policy", "p", "/lab/")
        iam.attach_user_policy(UserName="anna", PolicyArn=arn)
        anna.list_objects_v2(Bucket=BUCKET)
        nothing = policy("s3:GetObject")
        second = iam.create_policy_version(PolicyArn=arn, PolicyDocument=nothing)["PolicyVersion"]
        assert (second["VersionId"], second["IsDefaultVersion"]) == ("v2", False)
        anna.list_objects_v2(Bucket=BUCKET)
        iam.set_default_policy_version(PolicyArn=arn, VersionId="v2")
        assert code_of(anna.list_objects_v2, Bucket=BUCKET) == "AccessDenied"
        versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
        assert [(v["VersionId"], v["IsDefaultVersion"]) for v in versions] == [("v2", True), ("v1", False)]
        found = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
        assert found["Document"] == json.loads(policy("s3:ListBucket"))
        assert code_of(iam.delete_policy_version, PolicyArn=arn, VersionId="v2") == "DeleteConflict"
        iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
        assert code_of(iam.get_policy_version, PolicyArn=arn, VersionId="v1") == "NoSuchEntity"

    def test_a_policy_has_five_versions_and_no_number_comes_twice(self, iam):
        arn = iam.create_policy(PolicyName="p", PolicyDocument=policy("s3:*"))["Policy"]["Arn"]
        for _ in range(4):
            iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy("s3:*"))
        version = {"PolicyArn": arn, "PolicyDocument": policy("s3:*")}
        assert code_of(iam.create_policy_version, **version) == "LimitExceeded"
        iam.delete_policy_version(PolicyArn=arn, VersionId="v5")
        assert iam.create_policy_version(**version)["PolicyVersion"]["VersionId"] == "v6"

    def test_a_policy_goes_once_nobody_has_it(self, iam, anna):
        arn = iam.create_policy(PolicyName="p", PolicyDocument=policy("s3:*"))["Policy"]["Arn"]
        assert code_of(iam.create_policy, PolicyName="P", PolicyDocument=policy("s3:*")) == (
            "EntityAlreadyExists"
        )
        iam.attach_user_policy(UserName="anna", PolicyArn=arn)
        assert code_of(iam.delete_policy, PolicyArn=arn) == "DeleteConflict"
        iam.detach_user_policy(UserName="anna", PolicyArn=arn)
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy("s3:*"))
        assert code_of(iam.delete_policy, PolicyArn=arn) == "DeleteConflict"
        iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
        iam.delete_policy(PolicyArn=arn)
        assert code_of(iam.get_policy, PolicyArn=arn) == "NoSuchEntity"
        assert code_of(iam.attach_user_policy, UserName="anna", PolicyArn=arn) == "NoSuchEntity"

    def test_lists_are_narrowed(self, iam, anna):
        arn = iam.create_policy(PolicyName="p", Path="/lab/", PolicyDocument=policy("s3:*"))["Policy"]["Arn"]
        iam.attach_user_policy(UserName="anna", PolicyArn=FULL)

        def names(**given):
            return [found["PolicyName"] for found in iam.list_policies(**given)["Policies"]]

        assert names(Scope="Local") == ["p"]
        assert "AmazonS3FullAccess" in names(Scope="AWS")
        assert "p" not in names(Scope="AWS")
        assert names(OnlyAttached=True) == ["AmazonS3FullAccess"]
        assert names(PathPrefix="/lab/") == ["p"]
        iam.put_user_permissions_boundary(UserName="anna", PermissionsBoundary=arn)
        assert names(PolicyUsageFilter="PermissionsBoundary") == ["p"]
        assert len(iam.list_policies(MaxItems=3)["Policies"]) == 3

    def test_what_cannot_be_attached_is_refused(self, iam, anna):
        for arn in (arn_of("policy", "none"), "arn:aws:iam::111122223333:policy/x", READ_ONLY + "x"):
            assert code_of(iam.attach_user_policy, UserName="anna", PolicyArn=arn) == "NoSuchEntity"


class TestBoundaries:
    def test_what_the_boundary_does_not_allow_is_not_allowed(self, iam, anna):
        arn = iam.create_policy(PolicyName="reading", PolicyDocument=policy("s3:Get*", "s3:List*"))
        arn = arn["Policy"]["Arn"]
        iam.attach_user_policy(UserName="anna", PolicyArn=FULL)
        anna.put_object(Bucket=BUCKET, Key="k", Body=b"x")
        iam.put_user_permissions_boundary(UserName="anna", PermissionsBoundary=arn)
        assert code_of(anna.put_object, Bucket=BUCKET, Key="k", Body=b"x") == "AccessDenied"
        anna.get_object(Bucket=BUCKET, Key="k")
        shown = iam.get_user(UserName="anna")["User"]["PermissionsBoundary"]
        assert shown["PermissionsBoundaryArn"] == arn
        assert code_of(iam.delete_policy, PolicyArn=arn) == "DeleteConflict"
        iam.delete_user_permissions_boundary(UserName="anna")
        anna.put_object(Bucket=BUCKET, Key="k", Body=b"x")

    def test_a_boundary_alone_allows_nothing(self, iam, anna):
        iam.put_user_permissions_boundary(UserName="anna", PermissionsBoundary=FULL)
        assert code_of(anna.list_objects_v2, Bucket=BUCKET) == "AccessDenied"

    def test_a_bucket_may_give_a_user_more_by_name_and_not_by_everybody(self, s3_server, iam, anna):
        boundary = iam.create_policy(PolicyName="b", PolicyDocument=policy("s3:GetObject"))["Policy"]["Arn"]
        iam.put_user_permissions_boundary(UserName="anna", PermissionsBoundary=boundary)
        admin = client_of(s3_server, "admin")
        for principal, code in (({"AWS": arn_of("user", "anna")}, None), ("*", "AccessDenied")):
            document = policy("s3:ListBucket", resource=f"arn:aws:s3:::{BUCKET}", Principal=principal)
            admin.put_bucket_policy(Bucket=BUCKET, Policy=document)
            if code is None:
                anna.list_objects_v2(Bucket=BUCKET)
            else:
                assert code_of(anna.list_objects_v2, Bucket=BUCKET) == code
