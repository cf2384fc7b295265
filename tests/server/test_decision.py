"""The decision over a call: three answers, what decided, and the actions that a request needs."""

from __future__ import annotations

import json

import pytest
from s3_callers import BUCKET, MIB, client_of, code_of, refusal_of, send, session_client, signed_send

from s3portal.server.authority.actions import actions_of_headers
from s3portal.server.authority.callers import ANONYMOUS, Caller
from s3portal.server.authority.decision import Answer, BucketFacts, decide
from s3portal.server.authority.policy import read_policy
from s3portal.server.pytest_plugin import ROLE_ARN, server_config
from s3portal.server.storage import buckets
from s3portal.server.testing import RunningServer

MINE, OTHERS = "000000000000", "111122223333"
KEY = "arn:aws:s3:::b/k"


def policy(name, *statements):
    return read_policy({"Version": "2012-10-17", "Statement": list(statements)}, name)


def statement(effect="Allow", action="s3:*", resource="*", **more):
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def caller(*identity, session=()):
    return Caller("anna", "arn", "id", MINE, tuple(identity), tuple(session))


def decided(who, action="s3:GetObject", resource=KEY, owner=MINE):
    return decide(who, action, resource, {}, BucketFacts("b", owner) if owner else None)


READS = policy("anna's policy", statement(action="s3:GetObject"))
LISTS = policy("the session policy", statement(action="s3:ListBucket"))
NEVER = policy(
    "the guard", statement(action="s3:GetObject"), statement("Deny", "s3:Get*", KEY, Sid="NotThisOne")
)


class TestDecide:
    @pytest.mark.parametrize(
        ("who", "answer", "by", "number"),
        [
            (caller(READS), Answer.ALLOWED, "anna's policy", 1),
            (caller(LISTS), Answer.NOT_MENTIONED, "the session policy", None),
            (caller(NEVER), Answer.DENIED, "the guard", 2),
            # Several policies of one caller add up, a denial in any of them wins.
            (caller(LISTS, READS), Answer.ALLOWED, "anna's policy", 1),
            (caller(READS, NEVER), Answer.DENIED, "the guard", 2),
            # A session has what both allow.
            (caller(READS, session=[READS]), Answer.ALLOWED, "anna's policy", 1),
            (caller(READS, session=[LISTS]), Answer.NOT_MENTIONED, "the session policy", None),
            (caller(LISTS, session=[READS]), Answer.NOT_MENTIONED, "the session policy", None),
            (caller(READS, session=[NEVER]), Answer.DENIED, "the guard", 2),
            (caller(NEVER, session=[READS]), Answer.DENIED, "the guard", 2),
            (caller(), Answer.NOT_MENTIONED, "any policy", None),
            (ANONYMOUS, Answer.NOT_MENTIONED, "a policy for everybody", None),
        ],
    )
    def test_three_answers_and_what_decided(self, who, answer, by, number):
        decision = decided(who)
        assert (decision.answer, decision.policy) == (answer, by)
        assert (decision.statement.number if decision.statement else None) == number
        assert decision.allowed == (answer is Answer.ALLOWED)

    def test_what_another_account_owns_is_not_given_by_ones_own_policies(self):
        assert decided(caller(READS), owner=OTHERS).answer is Answer.NOT_MENTIONED
        assert OTHERS in str(decided(caller(READS), owner=OTHERS))
        assert decided(caller(READS), owner=None).allowed

    def test_the_reason_is_a_sentence(self):
        assert str(decided(caller(NEVER))) == (
            f"s3:GetObject on {KEY} is denied by statement 2 (NotThisOne) of the guard"
        )
        assert str(decided(caller(READS), action="s3:PutObject")) == (
            f"s3:PutObject on {KEY} is not allowed: no statement of anna's policy allows it"
        )


@pytest.mark.parametrize(
    ("headers", "actions"),
    [
        ({}, []),
        ({"x-amz-tagging": "a=b"}, ["s3:PutObjectTagging"]),
        ({"x-amz-tagging": ""}, []),
        ({"x-amz-acl": "private"}, []),
        ({"x-amz-acl": "public-read"}, ["s3:PutObjectAcl"]),
        ({"x-amz-acl": "public-read", "x-amz-grant-read": "id=1"}, ["s3:PutObjectAcl"]),
        ({"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": "2030"},
         ["s3:PutObjectRetention"]),
        ({"x-amz-object-lock-legal-hold": "OFF"}, []),
        ({"x-amz-tagging": "a=b", "x-amz-object-lock-legal-hold": "ON"},
         ["s3:PutObjectTagging", "s3:PutObjectLegalHold"]),
    ],
)  # fmt: skip
def test_headers_ask_for_further_actions(headers, actions):
    assert actions_of_headers(headers) == actions


@pytest.fixture
def narrow(tmp_path):
    """A server whose users ``writer`` and ``reader`` have no more than the actions on current objects."""
    config = server_config()
    objects = f"arn:aws:s3:::{BUCKET}/*"
    for name, actions in (("writer", ["s3:PutObject"]), ("reader", ["s3:GetObject", "s3:DeleteObject"])):
        config["users"].append(
            {
                "name": name,
                "access_key_id": f"{name}-key",
                "secret_access_key": f"{name}-secret",
                "policy": {"Statement": [statement(action=actions, resource=objects)]},
            }
        )
    with RunningServer(tmp_path / "s3", config) as server:
        yield server


def test_tags_need_their_own_permission_whichever_call_brings_them(narrow):
    s3 = client_of(narrow, "writer")
    key = {"Bucket": BUCKET, "Key": "k"}
    s3.put_object(**key)
    s3.create_multipart_upload(**key)
    for call in (s3.put_object, s3.create_multipart_upload):
        assert code_of(call, **key, Tagging="a=b") == "AccessDenied"
        getattr(client_of(narrow), call.__name__)(**key, Tagging="a=b")
        assert code_of(call, **key, ACL="bucket-owner-full-control") == "AccessDenied"


def test_a_version_needs_the_action_on_versions(narrow):
    client_of(narrow).put_object(Bucket=BUCKET, Key="k", Body=b"x")
    reader, version = client_of(narrow, "reader"), {"Bucket": BUCKET, "Key": "k", "VersionId": "null"}
    reader.get_object(Bucket=BUCKET, Key="k")
    for call in (reader.get_object, reader.delete_object):
        assert code_of(call, **version) == "AccessDenied"
    assert refusal_of(reader.head_object, **version).status == 403
    errors = reader.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "k", "VersionId": "null"}]})
    assert [error["Code"] for error in errors["Errors"]] == ["AccessDenied"]
    everything = client_of(narrow)
    assert everything.get_object(**version)["Body"].read() == b"x"
    everything.delete_object(**version)
    reader.delete_object(Bucket=BUCKET, Key="k")


def test_the_log_says_why_somebody_may_not(narrow):
    code_of(client_of(narrow, "reader").put_object, Bucket=BUCKET, Key="k")
    assert narrow.requests[-1].denied == (
        f"s3:PutObject on arn:aws:s3:::{BUCKET}/k is not allowed: no statement of the policy of user reader "
        "allows it"
    )
    send(narrow, "GET", f"/{BUCKET}/k")
    assert narrow.requests[-1].denied == (
        f"s3:GetObject on arn:aws:s3:::{BUCKET}/k is not allowed: no statement of a policy for everybody "
        "allows it"
    )


def test_a_denial_is_told_with_its_statement(tmp_path):
    config = server_config()
    config["users"][1]["policy"]["Statement"].append(
        statement("Deny", "s3:DeleteObject", f"arn:aws:s3:::{BUCKET}/kept/*", Sid="Kept")
    )
    with RunningServer(tmp_path / "s3", config) as server:
        assert code_of(client_of(server).delete_object, Bucket=BUCKET, Key="kept/k") == "AccessDenied"
        assert server.requests[-1].denied.endswith(
            "is denied by statement 3 (Kept) of the policy of user portal"
        )
        narrow = json.dumps({"Statement": statement(action="s3:PutObject")})
        role = {"RoleArn": ROLE_ARN, "RoleSessionName": "anna", "Policy": narrow}
        credentials = client_of(server, service="sts").assume_role(**role)["Credentials"]
        assert code_of(session_client(server, credentials).list_objects_v2, Bucket=BUCKET) == "AccessDenied"
        assert server.requests[-1].denied.endswith("no statement of the session policy allows it")


class TestAnonymous:
    """Nobody has proven to be anybody: a caller like others, whom no policy mentions."""

    @pytest.mark.parametrize(
        ("method", "target", "status", "code"),
        [
            ("GET", "/", 403, b"AccessDenied"),
            ("GET", f"/{BUCKET}", 403, b"AccessDenied"),
            ("GET", f"/{BUCKET}/k", 403, b"AccessDenied"),
            ("PUT", f"/{BUCKET}/k", 403, b"AccessDenied"),
            ("GET", f"/{BUCKET}?tagging", 403, b"AccessDenied"),
            ("PATCH", f"/{BUCKET}", 403, b"AccessDenied"),
            ("POST", f"/{BUCKET}?delete", 403, b"AccessDenied"),
            ("PUT", "/no-such-bucket", 403, b"AccessDenied"),
            ("GET", "/no-such-bucket", 404, b"NoSuchBucket"),
            ("GET", "/no-such-bucket/k", 404, b"NoSuchBucket"),
        ],
    )
    def test_learns_nothing_but_that_a_bucket_is_not_there(self, s3_server, method, target, status, code):
        got, _, body = send(s3_server, method, target)
        assert (got, code in body) == (status, True)
        assert s3_server.requests[-1].user is None

    def test_a_form_without_a_policy_stores_nothing(self, s3_server, s3):
        for field in ("", 'Content-Disposition: form-data; name="key"\r\n\r\nk\r\n--b\r\n'):
            body = f'--b\r\n{field}Content-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--\r\n'
            form = {"Content-Type": "multipart/form-data; boundary=b"}
            assert send(s3_server, "POST", f"/{BUCKET}", form, body.encode())[0] == 403
        assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)

    def test_a_body_is_not_waited_for(self, s3_server):
        assert send(s3_server, "PUT", f"/{BUCKET}/k", body=b"x" * MIB)[0] == 403


def test_the_row_of_the_bucket_is_read_once_a_call(s3_server, s3, monkeypatch):
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    read, find = [], buckets.find

    def counted(storage, name):
        read.append(name)
        return find(storage, name)

    monkeypatch.setattr(buckets, "find", counted)
    origin = {"Origin": "http://127.0.0.1:1"}
    for method, path in (("GET", f"/{BUCKET}/k"), ("HEAD", f"/{BUCKET}"), ("GET", f"/{BUCKET}?location")):
        read.clear()
        status, headers, _ = signed_send(s3_server, method, path, origin)
        assert (status, headers["access-control-allow-origin"]) == (200, "http://127.0.0.1:1")
        assert read == [BUCKET]
