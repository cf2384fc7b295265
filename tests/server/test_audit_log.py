"""The audit log: every change of every dialect, by whom, from where, let or not and why, and no secrets."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone

import pytest
from audit_records import PORTAL, log_of, records
from botocore.exceptions import ClientError, ConnectionClosedError
from s3_callers import BUCKET, client_of, code_of, send, session_client, signed_headers
from test_dialects import signed_for

from s3portal.server.gateway.audit import Outcome
from s3portal.server.pytest_plugin import ROLE_ARN, server_config
from s3portal.server.testing import RunningServer


class TestWhatIsNoted:
    def test_a_change_that_was_let(self, s3_server, s3):
        answer = s3.put_object(Bucket=BUCKET, Key="a key/ü", Body=b"x")
        (noted,) = records(s3_server)
        assert (noted.action, noted.outcome, noted.status) == ("PutObject", "allowed", 200)
        assert (noted.user, noted.account, noted.access_key_id) == (PORTAL, "000000000000", "portal-key")
        assert noted.request_id == answer["ResponseMetadata"]["RequestId"]
        assert noted.source_ip == "127.0.0.1"
        assert noted.resource == f"arn:aws:s3:::{BUCKET}/a key/ü"
        assert (noted.bucket, noted.key) == (BUCKET, "a key/ü")
        assert "Boto3" in noted.user_agent
        age = datetime.now(timezone.utc) - datetime.fromisoformat(noted.at)
        assert timedelta() <= age < timedelta(minutes=5)
        assert (noted.code, noted.reason, noted.policy, noted.statement) == (None,) * 4

    def test_a_refusal_has_its_statement(self, s3_server):
        admin = client_of(s3_server, "admin")
        deny = {
            **{"Sid": "NoWriting", "Effect": "Deny", "Principal": "*"},
            **{"Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
        admin.put_bucket_policy(Bucket=BUCKET, Policy=policy)
        assert code_of(client_of(s3_server).put_object, Bucket=BUCKET, Key="k") == "AccessDenied"
        allowed, refused = records(s3_server)
        assert (allowed.action, allowed.resource) == ("PutBucketPolicy", f"arn:aws:s3:::{BUCKET}")
        assert (refused.outcome, refused.status, refused.code) == ("refused", 403, "AccessDenied")
        assert "NoWriting" in refused.statement
        assert BUCKET in refused.policy
        assert refused.reason.startswith("s3:PutObject on arn:aws:s3:::test-bucket/k is denied by")

    def test_who_signs_wrong_is_noted_by_the_key(self, s3_server):
        wrong = client_of(s3_server, aws_access_key_id="portal-key", aws_secret_access_key="wrong-secret")
        assert code_of(wrong.put_object, Bucket=BUCKET, Key="k") == "SignatureDoesNotMatch"
        nobody = client_of(s3_server, aws_access_key_id="nobody-key", aws_secret_access_key="wrong-secret")
        assert code_of(nobody.put_object, Bucket=BUCKET, Key="k") == "InvalidAccessKeyId"
        assert send(s3_server, "PUT", f"/{BUCKET}/k")[0] == 403
        found = [(one.user, one.access_key_id, one.code, one.outcome) for one in records(s3_server)]
        assert found == [
            (None, "portal-key", "SignatureDoesNotMatch", "refused"),
            (None, "nobody-key", "InvalidAccessKeyId", "refused"),
            ("anonymous", None, "AccessDenied", "refused"),
        ]

    def test_what_failed_is_no_refusal(self, s3_server, s3):
        s3.put_object(Bucket=BUCKET, Key="k")
        assert code_of(s3.put_object, Bucket=BUCKET, Key="k", IfNoneMatch="*") == "PreconditionFailed"
        failed = records(s3_server)[-1]
        assert (failed.outcome, failed.status, failed.code) == ("failed", 412, "PreconditionFailed")

    def test_each_object_of_a_list_of_deletions(self, s3_server):
        admin = client_of(s3_server, "admin")
        for key in ("a", "b"):
            admin.put_object(Bucket=BUCKET, Key=key)
        deny = {
            **{"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject"},
            **{"Resource": f"arn:aws:s3:::{BUCKET}/b"},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
        admin.put_bucket_policy(Bucket=BUCKET, Policy=policy)
        named = {"Objects": [{"Key": key} for key in ("a", "b")]}
        admin.delete_objects(Bucket=BUCKET, Delete=named)
        deleted, refused = records(s3_server, action="DeleteObjects")
        assert (deleted.key, deleted.outcome) == ("a", "allowed")
        assert (refused.key, refused.outcome, refused.code) == ("b", "refused", "AccessDenied")
        assert refused.resource == f"arn:aws:s3:::{BUCKET}/b"
        assert "statement 1" in refused.statement
        assert deleted.request_id == refused.request_id

    def test_a_form_and_a_copy(self, s3_server, s3):
        form = s3.generate_presigned_post(BUCKET, "of-a-form")
        lines = [
            f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in form["fields"].items()
        ]
        body = "".join(lines) + '--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n1\r\n--x--\r\n'
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        assert send(s3_server, "POST", f"/{BUCKET}", kind, body.encode())[0] == 204
        s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/of-a-form")
        posted, copied = records(s3_server)
        assert (posted.action, posted.key, posted.user) == ("PostObject", "of-a-form", PORTAL)
        assert (copied.action, copied.copied_from) == ("CopyObject", f"{BUCKET}/of-a-form")

    def test_sessions_and_who_began_them(self, s3_server):
        sts = client_of(s3_server, service="sts")
        granted = sts.assume_role(RoleArn=ROLE_ARN, RoleSessionName="night-shift")["Credentials"]
        session_client(s3_server, granted).put_object(Bucket=BUCKET, Key="k")
        sts.get_caller_identity()
        assumed, put = records(s3_server)
        assert (assumed.action, assumed.user, assumed.resource) == ("AssumeRole", PORTAL, ROLE_ARN)
        assert assumed.parameters["RoleSessionName"] == "night-shift"
        assert put.user == "arn:aws:sts::000000000000:assumed-role/uploads/night-shift"

    def test_iam(self, s3_server):
        iam = client_of(s3_server, "admin", service="iam")
        iam.create_user(UserName="new")
        iam.list_users()
        key = iam.create_access_key(UserName="new")["AccessKey"]
        policy = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
        }
        iam.put_user_policy(UserName="new", PolicyName="all", PolicyDocument=json.dumps(policy))
        assert code_of(client_of(s3_server, service="iam").delete_user, UserName="new") == "AccessDenied"
        noted = records(s3_server)
        assert [(one.action, one.outcome) for one in noted] == [
            ("CreateUser", "allowed"),
            ("CreateAccessKey", "allowed"),
            ("PutUserPolicy", "allowed"),
            ("DeleteUser", "refused"),
        ]
        assert all(one.parameters["UserName"] == "new" for one in noted)
        assert noted[2].parameters == {"UserName": "new", "PolicyName": "all"}
        assert noted[3].user == PORTAL
        assert key["SecretAccessKey"] not in log_of(s3_server).read_text()

    @pytest.mark.parametrize(
        "body",
        [
            "Act%69on=CreateUser&Version=2010-05-08&UserName=eve",
            # This is JSON as well.
            '{"&Action=CreateUser&Version=2010-05-08&UserName=eve&x":"1"}',
        ],
    )
    def test_no_spelling_hides_what_is_done(self, s3_server, body):
        answer = send(s3_server, "POST", "/", signed_for(s3_server, "iam", body.encode(), user="admin"), body)
        assert answer[0] == 200
        (noted,) = records(s3_server)
        assert (noted.action, noted.resource) == ("CreateUser", "UserName=eve")

    @pytest.mark.parametrize(
        "twice",
        ["Action=CreateUser&Action=DeleteUser&UserName=eve", "Action=CreateUser&UserName=eve&UserName=bob"],
    )
    def test_nothing_is_said_twice(self, s3_server, twice):
        body = f"{twice}&Version=2010-05-08"
        answer = send(s3_server, "POST", "/", signed_for(s3_server, "iam", body.encode(), user="admin"), body)
        assert (answer[0], b"given more than once" in answer[2]) == (400, True)
        (noted,) = records(s3_server)
        assert (noted.action, noted.outcome, noted.code) == ("CreateUser", "failed", "ValidationError")
        names = [user["UserName"] for user in client_of(s3_server, "admin", "iam").list_users()["Users"]]
        assert not {"eve", "bob"} & set(names)

    def test_a_refusal_is_one_in_every_protocol(self, s3_server):
        iam = client_of(s3_server, "admin", "iam")
        iam.create_user(UserName="eve")
        key = iam.create_access_key(UserName="eve")["AccessKey"]
        given = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
        kms = client_of(s3_server, service="kms", **given)
        assert code_of(kms.create_key) == "AccessDeniedException"
        session = client_of(s3_server, "admin", "sts").get_session_token()["Credentials"]
        broken = session_client(s3_server, session | {"SessionToken": "AAAA"})
        assert code_of(broken.delete_object, Bucket=BUCKET, Key="k") == "InvalidToken"
        found = [(one.action, one.outcome, one.status) for one in records(s3_server)][-3:]
        assert found == [
            ("CreateKey", "refused", 400),
            ("GetSessionToken", "allowed", 200),
            ("DeleteObject", "refused", 400),
        ]

    def test_reads_are_noted_on_demand_alone(self, s3_server, s3, tmp_path):
        s3.list_objects_v2(Bucket=BUCKET)
        assert records(s3_server) == []
        with RunningServer(tmp_path / "reads", server_config() | {"audit": {"reads": True}}) as server:
            client_of(server).list_objects_v2(Bucket=BUCKET)
            client_of(server, service="sts").get_caller_identity()
            assert [one.action for one in records(server)] == ["ListObjectsV2", "GetCallerIdentity"]

    def test_a_named_proxy_says_where_a_request_came_from(self, tmp_path):
        config = server_config() | {"trusted_proxies": ["127.0.0.1"]}
        with RunningServer(tmp_path / "s3", config) as server:
            path = f"/{BUCKET}/k"
            headers = signed_headers(server, "PUT", server.endpoint + path, {}, b"x")
            headers |= {"X-Forwarded-For": "203.0.113.9, 198.51.100.7"}
            assert send(server, "PUT", path, headers, b"x")[0] == 200
            assert records(server)[0].source_ip == "198.51.100.7"

    def test_no_secret_gets_into_it(self, s3_server, s3):
        url = s3.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": "k"})
        assert send(s3_server, "PUT", url, {}, b"a secret body")[0] == 200
        sts = client_of(s3_server, service="sts")
        granted = sts.assume_role(RoleArn=ROLE_ARN, RoleSessionName="one")["Credentials"]
        session_client(s3_server, granted).put_object(Bucket=BUCKET, Key="k")
        stranger = session_client(s3_server, {**granted, "SecretAccessKey": "wrong-secret"})
        code_of(stranger.put_object, Bucket=BUCKET, Key="k")
        written = log_of(s3_server).read_text()
        signature = url.partition("X-Amz-Signature=")[2].partition("&")[0]
        for secret in (
            *(signature, granted["SecretAccessKey"], granted["SessionToken"][:60]),
            *("a secret body", "portal-secret", "wrong-secret", "Signature="),
        ):
            assert secret
            assert secret not in written
        assert len(records(s3_server)) == 4
        assert (log_of(s3_server).stat().st_mode & 0o777) == 0o600

    def test_a_full_disk_makes_no_error_of_an_answer(self, s3_server, s3, monkeypatch, caplog):
        write = os.write

        def full(descriptor, content):
            if b'"action"' in content:
                raise OSError(28, "No space left on device")
            return write(descriptor, content)

        monkeypatch.setattr(os, "write", full)
        s3.put_object(Bucket=BUCKET, Key="k")
        assert "could not be noted in the audit log" in caplog.text

    def test_what_was_done_before_the_connection_broke_is_lost_to_its_caller_alone(self, s3_server, s3):
        s3_server.faults.add("PutObject", lose_answer=True, first=1)
        with pytest.raises(ConnectionClosedError):
            s3.put_object(Bucket=BUCKET, Key="k")
        (noted,) = records(s3_server, outcome=Outcome.LOST)
        assert (noted.action, noted.key, noted.status, noted.user) == ("PutObject", "k", 0, PORTAL)

    def test_where_it_is_turned_off_there_is_none(self, tmp_path):
        with RunningServer(tmp_path / "s3", server_config() | {"audit": False}) as server:
            client_of(server).put_object(Bucket=BUCKET, Key="k")
            assert not log_of(server).exists()


def test_of_kms_what_names_something_alone(s3_server):
    """Whether it answers or not: the text to encrypt is in nobody's log."""
    kms = client_of(s3_server, "admin", service="kms")
    with pytest.raises(ClientError):
        kms.encrypt(KeyId="alias/none", Plaintext=b"a secret text")
    (noted,) = records(s3_server)
    assert noted.outcome == "failed"
    assert noted.parameters == {"KeyId": "alias/none"}
    assert "Plaintext" not in log_of(s3_server).read_text()
