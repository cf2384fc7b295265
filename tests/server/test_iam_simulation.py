"""Simulations answer what the decision itself would; summaries count what is there."""

from __future__ import annotations

import pytest
from identity_callers import arn_of, iam_of, new_user, policy, trust
from s3_callers import BUCKET, client_of, code_of

OBJECT = f"arn:aws:s3:::{BUCKET}/k"


@pytest.fixture
def iam(s3_server):
    return iam_of(s3_server)


def decisions(answer):
    return {
        (found["EvalActionName"], found["EvalResourceName"]): found["EvalDecision"]
        for found in answer["EvaluationResults"]
    }


def test_a_policy_is_tried_before_it_is_given_to_anybody(iam):
    allow, deny = policy("s3:*", resource=OBJECT), policy("s3:DeleteObject", effect="Deny")
    answer = iam.simulate_custom_policy(
        PolicyInputList=[allow, deny],
        ActionNames=["s3:GetObject", "s3:DeleteObject"],
        ResourceArns=[OBJECT, OBJECT + "2"],
    )
    assert decisions(answer) == {
        ("s3:GetObject", OBJECT): "allowed",
        ("s3:GetObject", OBJECT + "2"): "implicitDeny",
        ("s3:DeleteObject", OBJECT): "explicitDeny",
        ("s3:DeleteObject", OBJECT + "2"): "explicitDeny",
    }
    matched = answer["EvaluationResults"][0]["MatchedStatements"]
    assert [found["SourcePolicyId"] for found in matched] == ["PolicyInputList.1"]


def test_conditions_get_the_values_of_the_call_and_miss_others(iam):
    by_address = policy("s3:GetObject", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})
    given = {"PolicyInputList": [by_address], "ActionNames": ["s3:GetObject"]}
    without = iam.simulate_custom_policy(**given)["EvaluationResults"][0]
    assert (without["EvalDecision"], without["MissingContextValues"]) == ("implicitDeny", ["aws:sourceip"])
    entry = {"ContextKeyName": "aws:SourceIp", "ContextKeyType": "ip", "ContextKeyValues": ["10.1.2.3"]}
    within = iam.simulate_custom_policy(**given, ContextEntries=[entry])["EvaluationResults"][0]
    assert (within["EvalDecision"], within["MissingContextValues"]) == ("allowed", [])
    assert code_of(
        iam.simulate_custom_policy, **given, ContextEntries=[entry | {"ContextKeyName": "aws:Nothing"}]
    ) == "InvalidInput"  # fmt: skip


def test_a_users_own_policies_groups_and_boundary_are_asked(s3_server, iam):
    s3 = client_of(s3_server, **new_user(iam, "anna", policy("s3:GetObject")))
    iam.create_group(GroupName="writers")
    iam.attach_group_policy(GroupName="writers", PolicyArn="arn:aws:iam::aws:policy/AmazonS3FullAccess")
    iam.add_user_to_group(GroupName="writers", UserName="anna")
    boundary = iam.create_policy(PolicyName="b", PolicyDocument=policy("s3:Get*"))["Policy"]["Arn"]
    iam.put_user_permissions_boundary(UserName="anna", PermissionsBoundary=boundary)
    answer = iam.simulate_principal_policy(
        PolicySourceArn=arn_of("user", "anna"),
        ActionNames=["s3:PutObject", "s3:GetObject"],
        ResourceArns=[OBJECT],
    )
    assert list(decisions(answer).values()) == ["implicitDeny", "allowed"]
    details = [
        found["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"]
        for found in answer["EvaluationResults"]
    ]
    assert details == [False, True]
    assert code_of(s3.put_object, Bucket=BUCKET, Key="k", Body=b"") == "AccessDenied"


def test_variables_of_the_user_have_its_own_values(iam):
    home = policy(
        "s3:PutObject", resource=f"arn:aws:s3:::{BUCKET}/${{aws:PrincipalTag/team}}/${{aws:username}}/*"
    )
    new_user(iam, "anna", home, Tags=[{"Key": "Team", "Value": "blue"}])
    given = {
        "PolicySourceArn": arn_of("user", "anna"),
        "ActionNames": ["s3:PutObject"],
        "ResourceArns": [f"arn:aws:s3:::{BUCKET}/blue/{name}/k" for name in ("anna", "bert")],
    }
    assert list(decisions(iam.simulate_principal_policy(**given)).values()) == ["allowed", "implicitDeny"]
    entry = {"ContextKeyName": "aws:username", "ContextKeyType": "string", "ContextKeyValues": ["bert"]}
    other = iam.simulate_principal_policy(**given, ContextEntries=[entry])
    assert list(decisions(other).values()) == ["implicitDeny", "allowed"]


def test_users_of_the_file_can_be_asked_about(iam):
    answer = iam.simulate_principal_policy(
        PolicySourceArn=arn_of("user", "portal"),
        ActionNames=["s3:GetObject", "iam:CreateUser"],
        ResourceArns=[OBJECT],
    )
    assert list(decisions(answer).values()) == ["allowed", "implicitDeny"]


def test_the_policy_of_a_bucket_is_part_of_the_question(iam):
    given = {
        "PolicyInputList": [policy("iam:GetUser")],
        "ActionNames": ["s3:GetObject"],
        "ResourceArns": [OBJECT],
        "CallerArn": arn_of("user", "anna"),
    }
    own = policy("s3:GetObject", resource=OBJECT, Principal={"AWS": arn_of("user", "anna")})
    assert list(decisions(iam.simulate_custom_policy(**given)).values()) == ["implicitDeny"]
    answer = iam.simulate_custom_policy(**given, ResourcePolicy=own)
    assert list(decisions(answer).values()) == ["allowed"]
    answer = iam.simulate_custom_policy(**given, ResourcePolicy=own, ResourceOwner="111122223333")
    assert list(decisions(answer).values()) == ["implicitDeny"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"ActionNames": ["nonsense"]}, "InvalidInput"),
        ({"PolicyInputList": ["{"]}, "InvalidInput"),
        ({"ActionNames": []}, "ValidationError"),
        ({"ActionNames": ["s3:GetObject"] * 129}, "ValidationError"),
    ],
)
def test_what_cannot_be_asked(s3_server, given, code):
    lenient = client_of(s3_server, "admin", "iam", parameter_validation=False)
    asked = {"PolicyInputList": [policy("s3:*")], "ActionNames": ["s3:GetObject"]} | given
    assert code_of(lenient.simulate_custom_policy, **asked) == code


def test_nobody_is_asked_about_without_permission(s3_server, iam):
    me = client_of(s3_server, service="iam", **new_user(iam, "anna", policy("s3:*")))
    given = {"PolicySourceArn": arn_of("user", "portal"), "ActionNames": ["s3:GetObject"]}
    assert code_of(me.simulate_principal_policy, **given) == "AccessDenied"
    missing = given | {"PolicySourceArn": arn_of("user", "nobody")}
    assert code_of(iam.simulate_principal_policy, **missing) == "NoSuchEntity"
    assert code_of(
        iam.simulate_principal_policy, **(given | {"PolicySourceArn": arn_of("bucket", "xyz")})
    ) == ("InvalidInput")


def test_the_summary_and_the_details_have_everybody(iam):
    new_user(iam, "anna", policy("s3:GetObject"))
    iam.create_group(GroupName="lab")
    iam.add_user_to_group(GroupName="lab", UserName="anna")
    iam.create_role(RoleName="worker", AssumeRolePolicyDocument=trust(arn_of("user", "anna")))
    arn = iam.create_policy(PolicyName="p", PolicyDocument=policy("s3:*"))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="worker", PolicyArn=arn)
    counts = iam.get_account_summary()["SummaryMap"]
    assert [counts[name] for name in ("Users", "Groups", "Roles", "Policies")] == [3, 1, 2, 1]
    assert counts["AccessKeysPerUserQuota"] == 2
    details = iam.get_account_authorization_details()
    assert [user["UserName"] for user in details["UserDetailList"]] == ["admin", "anna", "portal"]
    assert details["UserDetailList"][1]["GroupList"] == ["lab"]
    assert details["UserDetailList"][1]["UserPolicyList"][0]["PolicyName"] == "own"
    assert details["RoleDetailList"][1]["AttachedManagedPolicies"] == [{"PolicyName": "p", "PolicyArn": arn}]
    assert arn in [found["Arn"] for found in details["Policies"]]
    local = iam.get_account_authorization_details(Filter=["LocalManagedPolicy"])
    assert ([found["Arn"] for found in local["Policies"]], local["UserDetailList"]) == ([arn], [])
    pages = iam.get_paginator("get_account_authorization_details").paginate(PaginationConfig={"PageSize": 2})
    assert sum(len(found["UserDetailList"]) for found in pages) == 3


def test_what_no_user_has_here_is_answered_as_none(iam):
    iam.create_user(UserName="anna")
    assert iam.list_mfa_devices(UserName="anna")["MFADevices"] == []
    assert iam.list_account_aliases()["AccountAliases"] == []
    assert code_of(iam.get_login_profile, UserName="anna") == "NoSuchEntity"
