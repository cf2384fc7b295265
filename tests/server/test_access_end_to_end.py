"""Anonymous callers, other accounts and sessions against a running server."""

from __future__ import annotations

import json

import pytest
from s3_callers import BUCKET, client_of, code_of, content_md5, refusal_of, send, session_client
from test_sts import assume

from s3portal.server.bucket_settings import acl
from s3portal.server.pytest_plugin import server_config
from s3portal.server.storage import buckets
from s3portal.server.testing import RunningServer

OTHERS = "111122223333"
OBJECTS = f"arn:aws:s3:::{BUCKET}/*"
HERE = f"arn:aws:s3:::{BUCKET}"


@pytest.fixture
def server(tmp_path):
    config = server_config()
    everything = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    config["accounts"] = [{"id": OTHERS, "name": "Others"}]
    config["users"] += [
        user("stranger", everything) | {"account": OTHERS},
        user("poor", [{"Effect": "Allow", "Action": "sts:*", "Resource": "*"}]) | {"tags": {"team": "blue"}},
    ]
    config["buckets"].append({"name": "other-bucket"})
    with RunningServer(tmp_path / "s3", config) as running:
        client_of(running).put_object(Bucket=BUCKET, Key="k", Body=b"x", ContentType="text/plain")
        yield running


def user(name, statements):
    policy = {"Version": "2012-10-17", "Statement": statements}
    return {
        "name": name,
        "access_key_id": f"{name}-key",
        "secret_access_key": f"{name}-secret",
        "policy": policy,
    }


def give(server, *statements):
    """Puts the bucket's policy."""
    told = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": OBJECTS}
    document = {"Version": "2012-10-17", "Statement": [told | statement for statement in statements]}
    client_of(server).put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(document))


def grant(server, *permissions):
    """Gives everybody permissions on the bucket by its ACL, as buckets of earlier versions may have it."""
    storage = server._server.storage
    grants = tuple(acl.Grant(acl.ALL_USERS, permission) for permission in permissions)
    buckets.put_setting(storage, BUCKET, "ownershipControls", None)
    buckets.put_setting(storage, BUCKET, acl.KIND, acl.write(acl.Acl(grants), "000000000000"))


class TestAnonymous:
    def test_a_public_policy_lets_everybody_read(self, server):
        assert send(server, "GET", f"/{BUCKET}/k")[0] == 403
        give(server, {})
        status, headers, body = send(server, "GET", f"/{BUCKET}/k")
        assert (status, body, headers["content-type"]) == (200, b"x", "text/plain")
        assert send(server, "HEAD", f"/{BUCKET}/k")[0] == 200
        assert send(server, "GET", f"/{BUCKET}")[0] == 403
        assert send(server, "PUT", f"/{BUCKET}/k", body=b"y")[0] == 403
        assert send(server, "DELETE", f"/{BUCKET}/k")[0] == 403

    def test_only_who_may_list_learns_that_a_key_is_missing(self, server):
        give(server, {})
        assert send(server, "GET", f"/{BUCKET}/no-such-key")[0] == 403
        give(server, {}, {"Action": "s3:ListBucket", "Resource": HERE})
        status, _, body = send(server, "GET", f"/{BUCKET}/no-such-key")
        assert (status, b"NoSuchKey" in body) == (404, True)

    def test_they_do_not_choose_the_headers_of_the_answer(self, server):
        give(server, {})
        for name in ("content-disposition", "content-type", "cache-control", "expires"):
            status, _, body = send(server, "GET", f"/{BUCKET}/k?response-{name}=x")
            assert (status, b"<Code>InvalidRequest</Code>" in body) == (400, True)

    def test_they_write_where_everybody_may(self, server):
        grant(server, "WRITE", "READ")
        assert send(server, "PUT", f"/{BUCKET}/new", body=b"new")[0] == 200
        assert b"<Key>new</Key>" in send(server, "GET", f"/{BUCKET}")[2]
        # The object is not everybody's for that.
        assert send(server, "GET", f"/{BUCKET}/new")[0] == 403
        assert send(server, "DELETE", f"/{BUCKET}/new")[0] == 403
        status, _, body = send(server, "GET", f"/{BUCKET}/no-such-key")
        assert (status, b"NoSuchKey" in body) == (404, True)

    def test_deletes_of_several_are_decided_one_by_one(self, server):
        give(server, {"Action": "s3:DeleteObject", "Resource": f"{HERE}/open/*"})
        listed = "".join(f"<Object><Key>{key}</Key></Object>" for key in ("open/a", "k"))
        asked = f"<Delete>{listed}</Delete>".encode()
        status, _, body = send(server, "POST", f"/{BUCKET}?delete", content_md5(asked), asked)
        assert status == 200
        assert b"<Deleted><Key>open/a</Key></Deleted>" in body
        assert b"<Error><Key>k</Key><Code>AccessDenied</Code>" in body

    def test_a_policy_asks_where_they_come_from(self, server):
        referer = {"StringLike": {"aws:Referer": "https://data.example.org/*"}}
        give(server, {"Condition": referer | {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}})
        assert send(server, "GET", f"/{BUCKET}/k", {"Referer": "https://data.example.org/page"})[0] == 200
        assert send(server, "GET", f"/{BUCKET}/k", {"Referer": "https://elsewhere.example.org/"})[0] == 403
        assert send(server, "GET", f"/{BUCKET}/k")[0] == 403


def test_a_bucket_is_shared_with_another_account(server):
    stranger = client_of(server, "stranger")
    assert code_of(stranger.get_object, Bucket=BUCKET, Key="k") == "AccessDenied"
    give(server, {"Principal": {"AWS": OTHERS}})
    assert stranger.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"x"
    assert code_of(stranger.list_objects_v2, Bucket=BUCKET) == "AccessDenied"
    # Both ends of a copy are decided on.
    mine = {"Bucket": "strangers-own"}
    stranger.create_bucket(**mine)
    stranger.copy_object(**mine, Key="copy", CopySource=f"{BUCKET}/k")
    assert code_of(stranger.copy_object, **mine, Key="copy", CopySource="other-bucket/k") == "AccessDenied"


def test_a_users_own_account_gives_it_a_bucket_by_policy(server):
    poor = client_of(server, "poor")
    assert code_of(poor.get_object, Bucket=BUCKET, Key="k") == "AccessDenied"
    arn = "arn:aws:iam::000000000000:user/poor"
    give(
        server, {"Principal": {"AWS": arn}, "Condition": {"StringEquals": {"aws:PrincipalTag/team": "blue"}}}
    )
    assert poor.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"x"
    give(server, {"Principal": {"AWS": arn}, "Condition": {"StringEquals": {"aws:PrincipalTag/team": "red"}}})
    assert code_of(poor.get_object, Bucket=BUCKET, Key="k") == "AccessDenied"


def test_a_session_is_named_by_its_role_or_by_itself(server):
    narrow = json.dumps({"Statement": {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}})
    given = assume(server, Policy=narrow)
    client = session_client(server, given["Credentials"])
    give(server, {"Principal": {"AWS": "arn:aws:iam::000000000000:role/uploads"}})
    assert code_of(client.get_object, Bucket=BUCKET, Key="k") == "AccessDenied"
    give(server, {"Principal": {"AWS": given["AssumedRoleUser"]["Arn"]}})
    assert client.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"x"


def test_a_denial_of_the_bucket_is_final_and_told(server):
    give(server, {"Effect": "Deny", "Sid": "NoReading"})
    assert code_of(client_of(server, "admin").get_object, Bucket=BUCKET, Key="k") == "AccessDenied"
    assert server.requests[-1].denied.endswith(
        f"is denied by statement 1 (NoReading) of the policy of bucket {BUCKET}"
    )


def test_a_policy_that_cannot_be_enforced_is_not_taken(server):
    for condition, says in (
        ({"StringEquals": {"aws:SourceVpc": "vpc-1"}}, "aws:SourceVpc"),
        ({"StringEquals": {"s3:prefix": "a"}}, "Conditions do not apply"),
    ):
        policy = {"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
                                "Resource": OBJECTS, "Condition": condition}}  # fmt: skip
        refused = refusal_of(client_of(server).put_bucket_policy, Bucket=BUCKET, Policy=json.dumps(policy))
        assert (refused.status, refused.code) == (400, "MalformedPolicy")
        assert refused.error["Message"].startswith("statement 1: ")
        assert says in refused.error["Message"]


class TestTags:
    def test_of_an_object_that_is_there(self, server):
        s3 = client_of(server)
        s3.put_object(Bucket=BUCKET, Key="open", Body=b"x", Tagging="access=public&team=blue")
        give(server, {"Condition": {"StringEquals": {"s3:ExistingObjectTag/access": "public"}}})
        assert send(server, "GET", f"/{BUCKET}/open")[0] == 200
        assert send(server, "GET", f"/{BUCKET}/k")[0] == 403
        s3.put_object_tagging(Bucket=BUCKET, Key="open", Tagging={"TagSet": []})
        assert send(server, "GET", f"/{BUCKET}/open")[0] == 403

    def test_that_a_request_brings(self, server):
        give(
            server,
            {
                "Principal": {"AWS": "arn:aws:iam::000000000000:user/poor"},
                "Action": ["s3:PutObject", "s3:PutObjectTagging"],
                "Condition": {
                    "StringEquals": {"s3:RequestObjectTag/team": "blue"},
                    "ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": ["team", "note"]},
                },
            },
        )
        poor = client_of(server, "poor")
        poor.put_object(Bucket=BUCKET, Key="new", Body=b"x", Tagging="team=blue")
        for tagging in ("team=red", "team=blue&other=1", ""):
            assert code_of(poor.put_object, Bucket=BUCKET, Key="new", Tagging=tagging) == "AccessDenied"
        for value, expected in (("blue", None), ("red", "AccessDenied")):
            tags = {"TagSet": [{"Key": "team", "Value": value}]}
            if expected:
                assert code_of(poor.put_object_tagging, Bucket=BUCKET, Key="new", Tagging=tags) == expected
            else:
                poor.put_object_tagging(Bucket=BUCKET, Key="new", Tagging=tags)
        assert client_of(server).get_object_tagging(Bucket=BUCKET, Key="new")["TagSet"][0]["Value"] == "blue"
