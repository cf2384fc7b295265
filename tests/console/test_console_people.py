"""Users, groups, roles, keys and policies in the console."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from console_visitor import ConsoleVisitor
from s3_clients import client_for

from s3portal.server.testing import RunningServer

READ = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:ListBucket"],
            "Resource": ["arn:aws:s3:::test-bucket", "arn:aws:s3:::test-bucket/*"],
        }
    ],
}


@pytest.fixture(scope="module")
def iam(running: RunningServer) -> Any:
    return client_for(running, "admin", "iam")


def value_of(page: str, field: str) -> str:
    return page.split(f'id="{field}" readonly value="')[1].split('"')[0]


def test_a_user_is_made_gets_a_key_once_and_a_policy_and_can_work(
    admin: ConsoleVisitor, running: RunningServer
) -> None:
    admin.open("/ui/people/users")
    assert admin.submit(name="anna").url.endswith("/ui/people/users/one?name=anna")
    page = admin.submit("/new-key?name=anna").text
    key_id, secret = value_of(page, "id"), value_of(page, "secret").replace("&#43;", "+")
    assert secret not in admin.open("/ui/people/users/one?name=anna").text and key_id in admin.text
    s3 = boto3.client(
        "s3",
        endpoint_url=running.endpoint,
        region_name="us-east-1",
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.list_objects_v2(Bucket="test-bucket")
    page = admin.http.post(
        f"{admin.origin}/ui/people/users/one/put-policy?name=anna",
        data={"csrf_token": admin.token(), "policy_name": "reading", "document": json.dumps(READ)},
        headers={"Origin": admin.origin},
    ).text
    assert "The user may do s3:GetObject, s3:ListBucket on test-bucket, test-bucket/*." in page
    s3.list_objects_v2(Bucket="test-bucket")
    admin.open("/ui/people/users/one?name=anna")
    assert "inactive" in admin.submit("/set-key?name=anna").text
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        s3.list_objects_v2(Bucket="test-bucket")
    admin.submit("/delete-key?name=anna")
    assert key_id not in admin.text


def test_a_deactivated_key_ends_its_sessions(
    admin: ConsoleVisitor, running: RunningServer, iam: Any, console: Any
) -> None:
    iam.create_user(UserName="berta")
    key = iam.create_access_key(UserName="berta")["AccessKey"]
    berta = ConsoleVisitor(console.url)
    assert berta.sign_in(key["AccessKeyId"], key["SecretAccessKey"]).status_code == 200
    iam.update_access_key(UserName="berta", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert "/ui/sign-in" in berta.open("/ui/buckets").url


def test_groups_have_members_and_roles_a_trust_policy(admin: ConsoleVisitor, iam: Any) -> None:
    iam.create_user(UserName="carla")
    admin.open("/ui/people/groups")
    admin.submit(name="readers")
    admin.submit("/add?name=readers", other="carla")
    assert [user["UserName"] for user in iam.get_group(GroupName="readers")["Users"]] == ["carla"]
    admin.submit("/remove?name=readers")
    assert iam.get_group(GroupName="readers")["Users"] == []
    admin.open("/ui/people/roles")
    admin.submit(name="uploading")
    assert "Trust policy (JSON)" in admin.text
    assert admin.submit("/put-trust?name=uploading", document="{}").status_code == 400


def test_a_policy_of_its_own_name_is_attached_changed_and_detached(admin: ConsoleVisitor, iam: Any) -> None:
    iam.create_user(UserName="dora")
    admin.open("/ui/people/policies")
    arn = admin.submit("", name="read-test-bucket", document=json.dumps(READ)).url.split("arn=")[1]
    admin.open("/ui/people/users/one?name=dora")
    admin.submit("/attach?name=dora", arn=arn.replace("%3A", ":").replace("%2F", "/"))
    assert "read-test-bucket" in admin.text
    for _ in range(6):
        admin.open(f"/ui/people/policies/one?arn={arn}")
        assert admin.submit("").status_code == 200
    assert admin.submit("/delete").status_code == 400
    admin.open("/ui/people/users/one?name=dora")
    admin.submit("/detach?name=dora")
    assert iam.list_attached_user_policies(UserName="dora")["AttachedPolicies"] == []


def test_only_the_typed_name_deletes_and_everything_goes_with_it(admin: ConsoleVisitor, iam: Any) -> None:
    iam.create_user(UserName="emil")
    iam.create_access_key(UserName="emil")
    iam.put_user_policy(UserName="emil", PolicyName="p", PolicyDocument=json.dumps(READ))
    admin.open("/ui/people/users/one?name=emil")
    assert admin.submit("/delete?name=emil", typed="other").status_code == 400
    assert "emil is deleted" in admin.submit("/delete?name=emil", typed="emil").text
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_user(UserName="emil")


def test_a_policy_that_cannot_be_is_refused_and_kept_in_the_form(admin: ConsoleVisitor, iam: Any) -> None:
    iam.create_user(UserName="frida")
    admin.open("/ui/people/users/one?name=frida")
    page = admin.http.post(
        f"{admin.origin}/ui/people/users/one/put-policy?name=frida",
        data={"csrf_token": admin.token(), "policy_name": "p", "document": '{"Statement": ]'},
        headers={"Origin": admin.origin},
    )
    assert page.status_code == 400 and "Line 1" in page.text and "{&#34;Statement&#34;: ]" in page.text


def test_users_of_the_configuration_file_are_shown_and_not_changed(admin: ConsoleVisitor) -> None:
    assert ">portal<" in admin.open("/ui/people/users").text
    admin.open("/ui/people/users/one?name=portal")
    page = admin.submit("/delete?name=portal", typed="portal")
    assert page.status_code == 400 and "configuration" in page.text


def test_a_limited_user_gets_no_further(limited: ConsoleVisitor) -> None:
    assert limited.open("/ui/people/users").status_code == 403
    answer = limited.http.post(
        f"{limited.origin}/ui/people/users",
        data={"csrf_token": limited.token(), "name": "mine"},
        headers={"Origin": limited.origin},
    )
    assert answer.status_code in (400, 403)


@pytest.mark.parametrize("name", ["<b>", "a/b", "x" * 200, ""])
def test_names_that_cannot_be_are_refused_with_a_sentence(admin: ConsoleVisitor, name: str) -> None:
    admin.open("/ui/people/users")
    page = admin.submit(name=name)
    assert page.status_code == 400 and 'role="alert"' in page.text and "<b>" not in page.text


def test_a_name_of_dots_is_a_name(admin: ConsoleVisitor, iam: Any) -> None:
    admin.open("/ui/people/users")
    assert admin.submit(name="..").url.endswith("/ui/people/users/one?name=..")
    assert "user/.." in admin.text
    admin.submit("/delete?name=..", typed="..")
    assert ">..<" not in admin.open("/ui/people/users").text
