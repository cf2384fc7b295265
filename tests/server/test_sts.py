"""STS: temporary credentials do exactly what role and session policy both allow, and end when they end."""

from __future__ import annotations

import base64
import json

import pytest
from s3_callers import BUCKET, MIB, client_of, code_of, refusal_of, send, session_client

from s3portal.server.pytest_plugin import ROLE_ARN, server_config
from s3portal.server.testing import RunningServer

UPLOAD_ACTIONS = ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]


def session_policy(*resources, actions=UPLOAD_ACTIONS):
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))


def assume(server, user="portal", **parameters):
    given = {"RoleArn": ROLE_ARN, "RoleSessionName": "anna@portal"} | parameters
    return client_of(server, user, "sts").assume_role(**given)


def uploader(server, *keys, **parameters):
    """Returns a client with session credentials for the multipart calls on these keys alone."""
    policy = session_policy(*(f"arn:aws:s3:::{BUCKET}/{key}" for key in keys))
    return session_client(server, assume(server, Policy=policy, **parameters)["Credentials"])


def test_the_answer_says_who_one_is_and_until_when(s3_server):
    answer = assume(s3_server, DurationSeconds=900)
    assert answer["AssumedRoleUser"]["Arn"].endswith(":assumed-role/uploads/anna@portal")
    me = session_client(s3_server, answer["Credentials"], "sts").get_caller_identity()
    assert me["Arn"] == answer["AssumedRoleUser"]["Arn"]
    assert me["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]


def test_a_user_is_told_its_own_name(s3_server):
    assert client_of(s3_server, "admin", "sts").get_caller_identity()["Arn"].endswith(":user/admin")


def test_a_session_for_one_key_uploads_it_in_parts(s3_server, s3):
    mine = uploader(s3_server, "mine")
    upload_id = mine.create_multipart_upload(Bucket=BUCKET, Key="mine")["UploadId"]
    part = mine.upload_part(Bucket=BUCKET, Key="mine", UploadId=upload_id, PartNumber=1, Body=b"content")
    assert len(mine.list_parts(Bucket=BUCKET, Key="mine", UploadId=upload_id)["Parts"]) == 1
    mine.complete_multipart_upload(
        Bucket=BUCKET,
        Key="mine",
        UploadId=upload_id,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    assert s3.get_object(Bucket=BUCKET, Key="mine")["Body"].read() == b"content"


def test_a_session_for_one_key_can_do_nothing_else(s3_server, s3):
    s3.put_object(Bucket=BUCKET, Key="other", Body=b"x")
    s3.put_object(Bucket=BUCKET, Key="mine", Body=b"x")
    other = {"Bucket": BUCKET, "Key": "other"}
    upload_id = s3.create_multipart_upload(**other)["UploadId"]
    mine = uploader(s3_server, "mine")
    source = {"Bucket": BUCKET, "Key": "other"}
    calls = [
        (mine.list_buckets, {}),
        (mine.create_bucket, {"Bucket": "new-bucket"}),
        (mine.delete_bucket, {"Bucket": BUCKET}),
        (mine.get_bucket_location, {"Bucket": BUCKET}),
        (mine.get_bucket_cors, {"Bucket": BUCKET}),
        (mine.delete_bucket_cors, {"Bucket": BUCKET}),
        (mine.list_objects_v2, {"Bucket": BUCKET}),
        (mine.list_objects, {"Bucket": BUCKET, "Prefix": "mine"}),
        (mine.list_multipart_uploads, {"Bucket": BUCKET}),
        (mine.put_object, other | {"Body": b"x"}),
        (mine.put_object, {"Bucket": BUCKET, "Key": "mine2", "Body": b"x"}),
        (mine.put_object, {"Bucket": BUCKET, "Key": "mine/x", "Body": b"x"}),
        (mine.get_object, other),
        (mine.get_object, {"Bucket": BUCKET, "Key": "mine"}),
        (mine.get_object, {"Bucket": BUCKET, "Key": "no-such"}),
        (mine.delete_object, other),
        (mine.delete_object, {"Bucket": BUCKET, "Key": "mine"}),
        (mine.create_multipart_upload, other),
        (mine.upload_part, other | {"UploadId": upload_id, "PartNumber": 1, "Body": b"x"}),
        (mine.list_parts, other | {"UploadId": upload_id}),
        (mine.abort_multipart_upload, other | {"UploadId": upload_id}),
        (mine.complete_multipart_upload, other | {"UploadId": upload_id, "MultipartUpload": {"Parts": []}}),
        (mine.copy_object, {"Bucket": BUCKET, "Key": "mine", "CopySource": source}),
        (mine.copy_object, other | {"CopySource": {"Bucket": BUCKET, "Key": "mine"}}),
    ]
    for call, arguments in calls:
        refusal = refusal_of(call, **arguments)
        assert (refusal.status, refusal.code) == (403, "AccessDenied"), (call.__name__, arguments)
    errors = mine.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "other"}, {"Key": "mine"}]})[
        "Errors"
    ]
    assert [error["Code"] for error in errors] == ["AccessDenied", "AccessDenied"]
    # With the upload id of another key but the own key in the path, there is no such upload.
    assert code_of(mine.list_parts, Bucket=BUCKET, Key="mine", UploadId=upload_id) == "NoSuchUpload"


def test_a_url_presigned_with_a_session_has_no_more_rights_and_dies_with_it(s3_server, s3):
    mine = uploader(s3_server, "mine", DurationSeconds=900)
    put_mine = mine.generate_presigned_url("put_object", {"Bucket": BUCKET, "Key": "mine"}, ExpiresIn=7200)
    put_other = mine.generate_presigned_url("put_object", {"Bucket": BUCKET, "Key": "other"}, ExpiresIn=7200)
    assert send(s3_server, "PUT", put_mine, body=b"x")[0] == 200
    assert send(s3_server, "PUT", put_other, body=b"x")[0] == 403
    s3_server.advance_clock(901)
    status, _, body = send(s3_server, "PUT", put_mine, body=b"x")
    assert (status, b"<Code>ExpiredToken</Code>" in body) == (400, True)


def test_a_session_without_a_policy_has_the_roles_rights_and_no_more(s3_server):
    whole_role = session_client(s3_server, assume(s3_server)["Credentials"])
    whole_role.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    assert code_of(whole_role.list_buckets) == "AccessDenied"


def test_a_session_policy_cannot_widen_the_role(s3_server):
    everything = assume(s3_server, Policy=session_policy("*", actions=["*"]))
    wide = session_client(s3_server, everything["Credentials"])
    wide.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    assert code_of(wide.create_bucket, Bucket="new-bucket") == "AccessDenied"


class TestTokens:
    def credentials(self, server):
        return assume(server)["Credentials"]

    def test_every_altered_byte_is_noticed(self, s3_server):
        credentials = self.credentials(s3_server)
        token = bytearray(base64.b64decode(credentials["SessionToken"]))
        for position in range(0, len(token), 7):
            altered = bytes(token[:position]) + bytes([token[position] ^ 1]) + bytes(token[position + 1 :])
            forged = credentials | {"SessionToken": base64.b64encode(altered).decode()}
            refusal = refusal_of(session_client(s3_server, forged).list_objects_v2, Bucket=BUCKET)
            assert (refusal.status, refusal.code) == (400, "InvalidToken")

    @pytest.mark.parametrize("token", ["", "x", "AAAA", "é", "A" * 4000])
    def test_nonsense_is_no_token(self, s3_server, token):
        url = session_client(s3_server, self.credentials(s3_server)).generate_presigned_url(
            "list_objects_v2", {"Bucket": BUCKET}
        )
        before, _, rest = url.partition("X-Amz-Security-Token=")
        forged = f"{before}X-Amz-Security-Token={token.encode().hex()}{rest[rest.index('&') :]}"
        assert send(s3_server, "GET", forged)[0] in (400, 403)

    def test_a_token_serves_no_other_key(self, s3_server):
        one, two = self.credentials(s3_server), self.credentials(s3_server)
        mixed = one | {"SessionToken": two["SessionToken"]}
        assert code_of(session_client(s3_server, mixed).list_objects_v2, Bucket=BUCKET) == "InvalidToken"

    def test_a_token_with_a_users_own_key_is_refused(self, s3_server):
        user = s3_server.users["portal"]
        mixed = self.credentials(s3_server) | {
            "AccessKeyId": user.access_key_id,
            "SecretAccessKey": user.secret_access_key,
        }
        assert code_of(session_client(s3_server, mixed).list_objects_v2, Bucket=BUCKET) == "InvalidToken"

    def test_the_key_without_its_token_is_worthless(self, s3_server):
        credentials = self.credentials(s3_server)
        bare = client_of(
            s3_server,
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
        )
        assert code_of(bare.list_objects_v2, Bucket=BUCKET) == "InvalidAccessKeyId"

    def test_it_survives_a_restart_and_shows_nothing_of_its_policy(self, tmp_path):
        with RunningServer(tmp_path / "s3", server_config()) as server:
            credentials = assume(server, Policy=session_policy(f"arn:aws:s3:::{BUCKET}/mine"))["Credentials"]
            assert b"mine" not in base64.b64decode(credentials["SessionToken"])
        with RunningServer(tmp_path / "s3", server_config()) as server:
            session_client(server, credentials).put_object(Bucket=BUCKET, Key="mine", Body=b"x")

    def test_another_servers_token_is_nothing_here(self, s3_server, tmp_path):
        with RunningServer(tmp_path / "another", server_config()) as another:
            foreign = assume(another)["Credentials"]
        assert code_of(session_client(s3_server, foreign).list_objects_v2, Bucket=BUCKET) == "InvalidToken"


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"DurationSeconds": 899}, "ValidationError"),
        ({"DurationSeconds": 43201}, "ValidationError"),
        ({"RoleSessionName": "a"}, "ValidationError"),
        ({"RoleSessionName": "with space"}, "ValidationError"),
        ({"RoleSessionName": "x" * 65}, "ValidationError"),
        ({"Policy": "{"}, "MalformedPolicyDocument"),
        ({"Policy": session_policy("*").replace("Resource", "Principal")}, "MalformedPolicyDocument"),
        ({"Policy": session_policy("arn:aws:s3:::" + "x" * 2048)}, "ValidationError"),
        ({"PolicyArns": [{"arn": "arn:aws:iam::aws:policy/NoSuchPolicy"}]}, "ValidationError"),
        ({"RoleArn": "arn:aws:iam::000000000000:role/no-such-role"}, "AccessDenied"),
        ({"RoleArn": "arn:aws:iam::111111111111:role/uploads"}, "AccessDenied"),
    ],
)
def test_assume_role_refuses(s3_server, parameters, code):
    sts = client_of(s3_server, "portal", "sts", parameter_validation=False)
    given = {"RoleArn": ROLE_ARN, "RoleSessionName": "anna@portal"} | parameters
    assert code_of(sts.assume_role, **given) == code


def server_with_roles(folder, **changes):
    """A server whose role ``tagged`` may read below the folder that the session's tag names."""
    config = server_config()
    statement = {
        "Effect": "Allow",
        "Action": ["s3:PutObject"],
        "Resource": f"arn:aws:s3:::{BUCKET}/${{aws:PrincipalTag/team}}/*",
    }
    role = {
        "name": "tagged",
        "trusted": ["admin", "portal"],
        "policy": {"Version": "2012-10-17", "Statement": [statement]},
    }
    config["roles"].append(role | {"tags": {"Team": "none", "site": "x"}} | changes)
    for user in config["users"]:
        user["policy"]["Statement"].append(
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Resource": "arn:aws:iam::000000000000:role/tagged",
            }
        )
    return RunningServer(folder / "s3", config)


TAGGED = {"RoleArn": "arn:aws:iam::000000000000:role/tagged"}


class TestTags:
    def test_a_session_is_what_its_tags_say(self, tmp_path):
        with server_with_roles(tmp_path) as server:
            tags = [{"Key": "team", "Value": "rivers"}, {"Key": "other", "Value": ""}]
            answer = assume(server, "admin", **TAGGED, Tags=tags)
            mine = session_client(server, answer["Credentials"])
            mine.put_object(Bucket=BUCKET, Key="rivers/k", Body=b"x")
            assert code_of(mine.put_object, Bucket=BUCKET, Key="none/k", Body=b"x") == "AccessDenied"

    def test_without_them_it_has_the_roles(self, tmp_path):
        with server_with_roles(tmp_path) as server:
            mine = session_client(server, assume(server, **TAGGED)["Credentials"])
            mine.put_object(Bucket=BUCKET, Key="none/k", Body=b"x")

    def test_who_gives_them_needs_the_permission(self, tmp_path):
        tags = [{"Key": "team", "Value": "rivers"}]
        with server_with_roles(tmp_path) as server:
            refusal = refusal_of(assume, server=server, **TAGGED, Tags=tags)
        assert refusal.code == "AccessDenied"
        assert "sts:TagSession" in refusal.error["Message"]

    @pytest.mark.parametrize(
        ("tags", "code"),
        [
            ([{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}], "InvalidParameterValue"),
            ([{"Key": "aws:a", "Value": "1"}], "ValidationError"),
            ([{"Key": "", "Value": "1"}], "ValidationError"),
            ([{"Key": "a"}], "ValidationError"),
            ([{"Key": "a" * 129, "Value": "1"}], "ValidationError"),
            ([{"Key": "a", "Value": "v" * 257}], "ValidationError"),
            ([{"Key": "a", "Value": "${aws:username}"}], "ValidationError"),
            ([{"Key": f"{number}", "Value": ""} for number in range(51)], "ValidationError"),
        ],
    )
    def test_those_that_can_be_none_are_refused(self, s3_server, tags, code):
        sts = client_of(s3_server, "admin", "sts", parameter_validation=False)
        assert code_of(sts.assume_role, RoleArn=ROLE_ARN, RoleSessionName="anna", Tags=tags) == code


class TestExternalIds:
    def test_a_role_that_asks_for_one_gets_it(self, tmp_path):
        with server_with_roles(tmp_path, external_id="agreed:1") as server:
            assume(server, **TAGGED, ExternalId="agreed:1")
            assert code_of(assume, server=server, **TAGGED) == "AccessDenied"
            assert code_of(assume, server=server, **TAGGED, ExternalId="agreed:2") == "AccessDenied"

    def test_any_other_role_does_not_mind(self, s3_server):
        assume(s3_server, ExternalId="whatever")

    def test_what_can_be_none_is_refused(self, s3_server):
        assert code_of(assume, server=s3_server, ExternalId="a b") == "ValidationError"


def test_a_session_policy_of_exactly_2048_characters_is_taken(s3_server):
    frame = session_policy("arn:aws:s3:::")
    policy = frame.replace(":::", ":::" + "x" * (2048 - len(frame)))
    assert len(policy) == 2048
    assume(s3_server, Policy=policy)


def test_only_trusted_users_with_the_permission_may_assume_a_role(tmp_path):
    config = server_config()
    allow_assume = {"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}}
    nothing = {"Statement": {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}}
    for name, policy in (("stranger", allow_assume), ("unable", nothing)):
        keys = {"access_key_id": f"{name}-key", "secret_access_key": f"{name}-secret"}
        config["users"].append({"name": name, "policy": policy, **keys})
    config["roles"][0]["trusted"].append("unable")
    with RunningServer(tmp_path / "s3", config) as server:
        for user in ("stranger", "unable"):
            assert code_of(assume, server=server, user=user) == "AccessDenied"
        assume(server)


def test_sts_speaks_its_own_errors_and_checks_signatures(s3_server):
    wrong = client_of(s3_server, service="sts", aws_access_key_id="portal-key", aws_secret_access_key="wrong")
    assert code_of(wrong.get_caller_identity) == "SignatureDoesNotMatch"
    unknown = client_of(s3_server, service="sts", aws_access_key_id="nobody", aws_secret_access_key="x")
    assert code_of(unknown.get_caller_identity) == "InvalidClientTokenId"
    status, _, body = send(s3_server, "POST", "/", body=b"Action=GetCallerIdentity&Version=2011-06-15")
    assert status == 403
    assert b"<ErrorResponse" in body
    decode = client_of(s3_server, "portal", "sts").decode_authorization_message
    assert code_of(decode, EncodedMessage="x") == "InvalidAction"


def test_a_huge_sts_body_is_refused(s3_server):
    status, _, body = send(s3_server, "POST", "/", body=b"x" * MIB)
    assert (status, b"MaxMessageLengthExceeded" in body) == (400, True)


def test_an_s3_signature_does_not_open_sts(s3_server):
    s3 = client_of(s3_server)
    url = s3.generate_presigned_url("list_buckets", {}, HttpMethod="POST")
    status, _, body = send(s3_server, "POST", url, body=b"Action=GetCallerIdentity&Version=2011-06-15")
    assert (status, b"<Code>MethodNotAllowed</Code>" in body, b"user/portal" in body) == (405, True, False)
