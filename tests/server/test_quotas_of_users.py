"""Quotas of users, and who may ask for quotas and change them."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from earlier_folder import unpack
from quota_callers import PORTAL, ask, upload, used
from s3_callers import BUCKET, client_of, refusal_of, send, session_client

from s3portal.server.pytest_plugin import ROLE_ARN, server_config
from s3portal.server.storage import quotas, usage
from s3portal.server.storage.records import Quota
from s3portal.server.testing import RunningServer


class TestUsers:
    def test_a_user_has_one_quota_for_all_buckets(self, s3_server):
        admin, storage = client_of(s3_server, "admin"), s3_server._server.storage
        admin.create_bucket(Bucket="other-bucket")
        arn = "arn:aws:iam::000000000000:user/admin"
        quotas.put_of_user(storage, arn, Quota(10, 2))
        admin.put_object(Bucket=BUCKET, Key="k", Body=b"12345")
        admin.put_object(Bucket="other-bucket", Key="k", Body=b"12345")
        refused = refusal_of(admin.put_object, Bucket=BUCKET, Key="k", Body=b"123456")
        assert refused.error["Message"] == "User quota exceeded: storage limit reached"
        refused = refusal_of(admin.put_object, Bucket=BUCKET, Key="new")
        assert refused.error["Message"] == "User quota exceeded: object limit reached"
        # Another user's objects are another's, and one that is replaced is the replacer's from then on.
        client_of(s3_server).put_object(Bucket=BUCKET, Key="k", Body=b"123456")
        assert usage.of_user(storage, arn) == usage.UserUsage(1, 5, 0)
        assert usage.of_user(storage, PORTAL) == usage.UserUsage(1, 6, 0)
        admin.put_object(Bucket=BUCKET, Key="new", Body=b"54321")
        admin.delete_object(Bucket=BUCKET, Key="k")
        assert usage.of_user(storage, PORTAL) == usage.UserUsage()

    def test_sessions_count_for_their_role(self, s3_server):
        sts, storage = client_of(s3_server, service="sts"), s3_server._server.storage
        granted = sts.assume_role(RoleArn=ROLE_ARN, RoleSessionName="one")["Credentials"]
        quotas.put_of_user(storage, ROLE_ARN, Quota(5, None))
        s3 = session_client(s3_server, granted)
        s3.complete_multipart_upload(**upload(s3, "k", b"12345"))
        assert refusal_of(s3.put_object, Bucket=BUCKET, Key="l", Body=b"1").code == "QuotaExceeded"
        assert usage.of_user(storage, ROLE_ARN) == usage.UserUsage(1, 5, 0)
        assert usage.of_user(storage, PORTAL) == usage.UserUsage()

    def test_unfinished_parts_are_their_beginners(self, s3_server, s3):
        storage = s3_server._server.storage
        begun = upload(s3, "k", b"12345")
        assert usage.of_user(storage, PORTAL) == usage.UserUsage(0, 0, 5)
        s3.abort_multipart_upload(**{name: begun[name] for name in ("Bucket", "Key", "UploadId")})
        assert usage.of_user(storage, PORTAL) == usage.UserUsage()


def test_what_an_earlier_release_stored_counts_for_its_bucket_and_for_no_user(tmp_path):
    with RunningServer(unpack(tmp_path, 4), server_config()) as server:
        storage = server._server.storage
        with storage.database.read() as connection:
            assert usage.users_in(connection) == {}
        there = used(server)
        assert there > 0
        quotas.put_of_bucket(storage, BUCKET, Quota(there))
        quotas.put_of_user(storage, PORTAL, Quota(5))
        s3 = client_of(server)
        assert refusal_of(s3.put_object, Bucket=BUCKET, Key="new", Body=b"1").code == "QuotaExceeded"
        upload = s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"][0]
        s3.abort_multipart_upload(Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"])
        found = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
        largest = max(found, key=lambda entry: entry["Size"])
        s3.put_object(Bucket=BUCKET, Key=largest["Key"], Body=b"12345")
        assert usage.of_user(storage, PORTAL) == usage.UserUsage(1, 5, 0)
        s3.delete_object(Bucket=BUCKET, Key=largest["Key"])


class TestAskingAndChanging:
    def test_what_was_put_is_shown_with_what_is_used(self, s3_server, s3):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"12345")
        body = b'{"max_bytes": 104857600, "max_objects": 1000}'
        assert ask(s3_server, "PUT", f"/{BUCKET}?quota", body) == (204, b"")
        for user in ("admin", "portal"):
            status, answer = ask(s3_server, "GET", f"/{BUCKET}?quota", user=user)
            shown = json.loads(answer)
            assert status == 200
            assert (shown["max_bytes"], shown["max_objects"]) == (104857600, 1000)
            assert shown["quota"] == {"max_bytes": 104857600, "max_objects": 1000}
            assert (shown["usage"]["bytes"], shown["usage"]["objects"]) == (5, 1)
        removed = b'{"max_bytes": null, "max_objects": null}'
        assert ask(s3_server, "PUT", f"/{BUCKET}?quota", removed)[0] == 204
        shown = json.loads(ask(s3_server, "GET", f"/{BUCKET}?quota")[1])
        assert shown["quota"] == {"max_bytes": None, "max_objects": None}

    def test_only_administrators_change_quotas(self, s3_server):
        for method in ("PUT", "DELETE"):
            status, answer = ask(s3_server, method, f"/{BUCKET}?quota", b'{"max_bytes": 1}', user="portal")
            assert status == 403
            assert b"AccessDenied" in answer
        assert ask(s3_server, "PUT", "/?quota-user=portal", b'{"max_bytes": 1}', user="portal")[0] == 403
        assert send(s3_server, "PUT", f"/{BUCKET}?quota", {}, b'{"max_bytes": 1}')[0] == 403
        assert quotas.of_bucket(s3_server._server.storage, BUCKET) == Quota()

    @pytest.mark.parametrize("action", ["iam:*", "iam:ListUsers", "iam:listusers"])
    def test_who_may_list_users_is_one(self, tmp_path, action):
        config = server_config()
        config["users"].append(user_who_may(action))
        with RunningServer(tmp_path / "s3", config) as server:
            assert ask(server, "PUT", f"/{BUCKET}?quota", b'{"max_objects": 7}', user="warden")[0] == 204
            assert ask(server, "GET", f"/{BUCKET}?quota", user="warden")[0] == 200
            assert quotas.of_bucket(server._server.storage, BUCKET) == Quota(None, 7)

    def test_who_may_not_see_the_bucket_sees_no_usage(self, tmp_path):
        config = server_config()
        config["users"].append(user_who_may("s3:GetObject"))
        with RunningServer(tmp_path / "s3", config) as server:
            assert ask(server, "GET", f"/{BUCKET}?quota", user="warden")[0] == 403
            assert send(server, "GET", f"/{BUCKET}?quota")[0] == 403

    @pytest.mark.parametrize(
        "body",
        [
            *(b"", b"{}", b"[]", b"null", b"{", b'{"max_bytes": -1}', b'{"max_bytes": true}'),
            *(b'{"max_bytes": 1.5}', b'{"max_bytes": "1"}', b'{"max_bytes": 9223372036854775808}'),
            *(b'{"max_bytes": 1, "more": 2}', b"\xff", b'{"max_bytes": 1, "max_bytes": 2}'),
        ],
    )
    def test_what_is_no_quota_is_refused(self, s3_server, body):
        status, answer = ask(s3_server, "PUT", f"/{BUCKET}?quota", body)
        assert status == 400
        assert b"<Code>InvalidArgument</Code>" in answer
        assert quotas.of_bucket(s3_server._server.storage, BUCKET) == Quota()

    def test_a_user_sees_the_own_quota_and_administrators_see_all(self, s3_server, s3):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"12345")
        assert ask(s3_server, "PUT", "/?quota-user=portal", b'{"max_bytes": 6}')[0] == 204
        for target, user in (("/?quota-user", "portal"), ("/?quota-user=portal", "portal")):
            shown = json.loads(ask(s3_server, "GET", target, user=user)[1])
            assert (shown["user"], shown["max_bytes"], shown["usage"]["bytes"]) == (PORTAL, 6, 5)
        assert (
            json.loads(ask(s3_server, "GET", f"/?quota-user={quote(PORTAL, safe='')}")[1])["usage"]["objects"]
            == 1
        )
        assert ask(s3_server, "GET", "/?quota-user=admin", user="portal")[0] == 403
        other = "arn:aws:iam::111111111111:user/portal"
        assert ask(s3_server, "PUT", f"/?quota-user={quote(other, safe='')}", b'{"max_bytes": 6}')[0] == 403
        assert ask(s3_server, "PUT", "/?quota-user=a%20b", b'{"max_bytes": 6}')[0] == 400

    def test_a_bucket_of_another_name_has_no_quota_and_a_new_one_inherits_none(self, s3_server):
        admin = client_of(s3_server, "admin")
        assert ask(s3_server, "PUT", "/no-such-bucket?quota", b'{"max_bytes": 1}')[0] == 404
        admin.create_bucket(Bucket="again-bucket")
        assert ask(s3_server, "PUT", "/again-bucket?quota", b'{"max_bytes": 1}')[0] == 204
        admin.delete_bucket(Bucket="again-bucket")
        admin.create_bucket(Bucket="again-bucket")
        assert json.loads(ask(s3_server, "GET", "/again-bucket?quota")[1])["max_bytes"] is None


def user_who_may(action):
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return {
        "name": "warden",
        "access_key_id": "warden-key",
        "secret_access_key": "warden-secret",
        "policy": {"Version": "2012-10-17", "Statement": [statement]},
    }
