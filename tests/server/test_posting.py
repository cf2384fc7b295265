"""A file posted by a form: as curl and browsers do it, and as nobody may."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from s3_callers import BUCKET, MIB, client_of, code_of, send, signed_send

from s3portal.server.access.claims import claim_of_form
from s3portal.server.access.sigv4 import hmac_hex, key_of
from s3portal.server.testing import RunningServer

BOUNDARY = "----a-boundary"


def form_for(s3: Any, key: str, conditions: list[Any] | None = None, **fields: str) -> dict[str, str]:
    """The fields that boto3 signs."""
    post = s3.generate_presigned_post(BUCKET, key, Fields=fields or None, Conditions=conditions, ExpiresIn=60)
    return post["fields"]


def parts_of(fields: Mapping[str, str], content: bytes, filename: str = "rivers.csv") -> bytes:
    """A form as RFC 7578 writes it."""
    written = b"".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    )
    file = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'
    return written + file.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def post(
    server: RunningServer, body: bytes, bucket: str = BUCKET, **headers: str
) -> tuple[int, dict[str, str], str]:
    """Posts a form; returns status, headers, and S3's error code or the body."""
    content_type = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    status, answered, answer = send(server, "POST", f"/{bucket}", content_type | headers, body)
    text = answer.decode()
    return status, answered, text.partition("<Code>")[2].partition("</Code>")[0] or text


def content_of(s3: Any, key: str) -> bytes:
    return s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()


def sign(server: RunningServer, policy: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, str]:
    """The fields of a form with just this policy, signed rightly."""
    now, keys = datetime.now(timezone.utc), server.users["portal"]
    complete = {
        **fields,
        "policy": base64.b64encode(json.dumps(policy).encode()).decode(),
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": f"{keys.access_key_id}/{now:%Y%m%d}/us-east-1/s3/aws4_request",
        "x-amz-date": f"{now:%Y%m%dT%H%M%SZ}",
        "x-amz-signature": "0" * 64,
    }
    key = key_of(keys.secret_access_key, claim_of_form(complete))
    return complete | {"x-amz-signature": hmac_hex(key, complete["policy"])}


def expiring(seconds: int) -> str:
    return f"{datetime.now(timezone.utc) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


AS_SIGNED = [
    {"bucket": BUCKET},
    ["starts-with", "$x-amz-credential", ""],
    ["starts-with", "$x-amz-date", ""],
    {"x-amz-algorithm": "AWS4-HMAC-SHA256"},
]


class TestStored:
    @pytest.mark.parametrize("size_bytes", [0, 1, 64 * 1024, 3 * MIB + 17])
    def test_the_file_is_stored_byte_for_byte(self, s3_server, s3, size_bytes):
        # Line ends and pieces of the boundary are what a decoder stumbles over.
        hard = b"\r\n--" + BOUNDARY.encode()[:-1] + b"\r\n-\r"
        content = (hard * (size_bytes // len(hard) + 1))[:size_bytes]

        status, headers, _ = post(s3_server, parts_of(form_for(s3, "a/file"), content))

        assert status == 204
        assert content_of(s3, "a/file") == content
        assert headers["etag"] == s3.head_object(Bucket=BUCKET, Key="a/file")["ETag"]
        assert headers["location"] == f"{s3_server.endpoint}/{BUCKET}/a/file"

    def test_curl_posts_a_file_under_its_own_name(self, s3_server, s3, tmp_path):
        path = tmp_path / "Flüsse und Seen.csv"
        path.write_bytes(b"gauge,level\n" * 200_000)
        fields = form_for(s3, "lab/${filename}")
        arguments = [part for name, value in fields.items() for part in ("-F", f"{name}={value}")]

        ran = subprocess.run(
            ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", *arguments, "-F", f"file=@{path}",
             f"{s3_server.endpoint}/{BUCKET}/"], capture_output=True, text=True, check=True,
        )  # fmt: skip

        assert ran.stdout == "204"
        assert content_of(s3, "lab/Flüsse und Seen.csv") == path.read_bytes()

    @pytest.mark.parametrize("filename", ["../../etc/passwd", r"C:\\fakepath\\passwd"])
    def test_folders_in_a_file_name_do_not_leave_the_prefix(self, s3_server, s3, filename):
        post(s3_server, parts_of(form_for(s3, "lab/${filename}"), b"x", filename))

        assert [found["Key"] for found in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["lab/passwd"]

    def test_fields_become_the_objects_headers(self, s3_server, s3):
        given = {"Content-Type": "text/csv", "x-amz-meta-river": "Kössein", "Cache-Control": "no-cache"}
        fields = form_for(s3, "k", [{name: value} for name, value in given.items()], **given)

        post(s3_server, parts_of(fields, b"x"))

        head = s3.head_object(Bucket=BUCKET, Key="k")
        assert (head["ContentType"], head["CacheControl"]) == ("text/csv", "no-cache")
        assert head["Metadata"]["river"].encode("latin-1").decode() == "Kössein"

    def test_the_answer_is_the_one_that_was_asked_for(self, s3_server, s3):
        def answer(**asked: str) -> tuple[int, dict[str, str], str]:
            fields = form_for(s3, "a b", [{name: value} for name, value in asked.items()], **asked)
            return post(s3_server, parts_of(fields, b"x"))

        status, _, body = answer(success_action_status="201")
        assert status == 201 and "<Key>a b</Key>" in body
        status, headers, _ = answer(success_action_redirect="https://portal.example.org/done?id=1")
        assert status == 303
        assert headers["location"].startswith(
            "https://portal.example.org/done?id=1&bucket=test-bucket&key=a+b"
        )
        # What is no web address is not where anyone is sent.
        assert answer(success_action_redirect="javascript:alert(1)")[0] == 204
        assert answer(success_action_redirect="http://[")[0] == 204

    def test_a_page_of_an_allowed_origin_reads_the_answer(self, s3_server, s3):
        origin = "http://127.0.0.1:5000"
        headers = post(s3_server, parts_of(form_for(s3, "k"), b"x"), Origin=origin)[1]

        assert headers["access-control-allow-origin"] == origin

    def test_a_checksum_need_not_be_in_the_policy(self, s3_server, s3):
        fields = form_for(s3, "k") | {"x-amz-checksum-crc32": "jNwWgw=="}

        assert post(s3_server, parts_of(fields, b"x"))[0] == 204
        assert content_of(s3, "k") == b"x"

    def test_session_credentials_sign_forms_too(self, s3_server):
        sts = client_of(s3_server, service="sts")
        role = "arn:aws:iam::000000000000:role/uploads"
        policy = {
            "Statement": {
                "Effect": "Allow",
                "Action": "s3:PutObject",
                "Resource": f"arn:aws:s3:::{BUCKET}/a/*",
            }
        }
        session = sts.assume_role(RoleArn=role, RoleSessionName="publisher", Policy=json.dumps(policy))[
            "Credentials"
        ]
        mine = client_of(
            s3_server,
            aws_access_key_id=session["AccessKeyId"],
            aws_secret_access_key=session["SecretAccessKey"],
            aws_session_token=session["SessionToken"],
        )

        assert post(s3_server, parts_of(form_for(mine, "a/k"), b"x"))[0] == 204
        assert post(s3_server, parts_of(form_for(mine, "b/k"), b"x"))[2] == "AccessDenied"


class TestRefused:
    @pytest.fixture(autouse=True)
    def nothing_is_stored(self, s3):
        yield
        assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)

    def test_a_form_that_nobody_signed(self, s3_server):
        assert post(s3_server, parts_of({"key": "k"}, b"x"))[::2] == (403, "AccessDenied")

    @pytest.mark.parametrize("name", ["policy", "x-amz-signature", "x-amz-credential", "x-amz-date"])
    def test_a_form_without_a_part_of_its_signature(self, s3_server, s3, name):
        fields = form_for(s3, "k")
        del fields[name]

        assert post(s3_server, parts_of(fields, b"x"))[::2] == (400, "InvalidArgument")

    def test_another_policy_than_the_signed_one(self, s3_server, s3):
        fields = form_for(s3, "k") | {"policy": form_for(s3, "other")["policy"]}

        assert post(s3_server, parts_of(fields, b"x"))[::2] == (403, "SignatureDoesNotMatch")

    def test_another_key_than_the_signed_one(self, s3_server, s3):
        fields = form_for(s3, "mine/${filename}") | {"key": "yours/k"}

        assert post(s3_server, parts_of(fields, b"x"))[::2] == (403, "AccessDenied")

    def test_another_bucket_than_the_signed_one(self, s3_server, s3):
        admin = client_of(s3_server, "admin")
        admin.create_bucket(Bucket="another-bucket")

        assert post(s3_server, parts_of(form_for(s3, "k"), b"x"), "another-bucket")[2] == "AccessDenied"
        assert "Contents" not in admin.list_objects_v2(Bucket="another-bucket")

    @pytest.mark.parametrize("name", ["Content-Type", "x-amz-meta-user", "success_action_redirect"])
    def test_a_field_that_the_policy_does_not_speak_of(self, s3_server, s3, name):
        fields = form_for(s3, "k") | {name: "text/html"}

        assert post(s3_server, parts_of(fields, b"x"))[::2] == (403, "AccessDenied")

    def test_a_policy_that_names_no_bucket(self, s3_server, s3):
        conditions = [{"key": "k"}, *AS_SIGNED[1:]]
        fields = sign(s3_server, {"expiration": expiring(60), "conditions": conditions}, {"key": "k"})

        assert post(s3_server, parts_of(fields, b"x"))[::2] == (403, "AccessDenied")

    def test_a_field_twice(self, s3_server, s3):
        once = parts_of(form_for(s3, "k"), b"x")
        again = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="key"\r\n\r\nother\r\n'.encode()

        assert post(s3_server, again + once)[2] == "InvalidArgument"

    def test_a_policy_that_has_expired(self, s3_server):
        fields = sign(
            s3_server, {"expiration": expiring(-1), "conditions": [{"key": "k"}, *AS_SIGNED]}, {"key": "k"}
        )

        assert post(s3_server, parts_of(fields, b"x"))[::2] == (403, "AccessDenied")

    @pytest.mark.parametrize(
        "policy",
        [
            {"expiration": "tomorrow", "conditions": []},
            {"expiration": expiring(60)},
            {"expiration": expiring(60), "conditions": [["matches", "$key", ".*"]]},
            {"expiration": expiring(60), "conditions": [["content-length-range", 1]]},
            {"expiration": expiring(60), "conditions": [{"bucket": BUCKET, "key": "k"}, *AS_SIGNED]},
            {"expiration": expiring(60), "conditions": [{}, {"key": "k"}, *AS_SIGNED]},
            [],
        ],
    )
    def test_a_policy_that_is_none(self, s3_server, policy):
        fields = sign(s3_server, policy, {"key": "k"})

        assert post(s3_server, parts_of(fields, b"x"))[::2] == (400, "InvalidPolicyDocument")

    @pytest.mark.parametrize(("size_bytes", "code"), [(9, "EntityTooSmall"), (2 * MIB + 1, "EntityTooLarge")])
    def test_a_file_outside_the_size_that_the_policy_allows(self, s3_server, s3, size_bytes, code):
        fields = form_for(s3, "k", [["content-length-range", 10, 2 * MIB]])

        assert post(s3_server, parts_of(fields, b"x" * size_bytes))[::2] == (400, code)

    def test_a_file_that_breaks_off(self, s3_server, s3):
        body = parts_of(form_for(s3, "k"), b"x" * MIB)[: -len(BOUNDARY) - 8]

        assert post(s3_server, body)[::2] == (400, "MalformedPOSTRequest")

    def test_a_form_without_a_file(self, s3_server, s3):
        body = parts_of(form_for(s3, "k"), b"x").replace(b'name="file"; filename', b'name="x-ignore-a"; b')

        assert post(s3_server, body)[::2] == (400, "IncorrectNumberOfFilesInPostRequest")

    def test_what_is_no_form(self, s3_server, s3):
        assert send(s3_server, "POST", f"/{BUCKET}", {"Content-Type": "text/plain"}, b"x")[0] == 412
        assert signed_send(s3_server, "POST", f"/{BUCKET}", body=b"x")[0] == 412
        assert post(s3_server, b"x" * MIB)[2] == "MalformedPOSTRequest"
        nameless = f"--{BOUNDARY}\r\nContent-Disposition: form-data\r\n\r\nx\r\n--{BOUNDARY}--\r\n".encode()
        assert post(s3_server, nameless)[2] == "MalformedPOSTRequest"

    def test_fields_without_end(self, s3_server, s3):
        fields = form_for(s3, "k") | {"x-ignore-a": "a" * 21_000}

        assert post(s3_server, parts_of(fields, b"x"))[2] == "MaxPostPreDataLengthExceededError"

    def test_a_value_that_would_begin_another_header(self, s3_server, s3):
        value = "a\r\nx-evil: 1"
        fields = form_for(s3, "k", [{"x-amz-meta-a": value}], **{"x-amz-meta-a": value})

        assert post(s3_server, parts_of(fields, b"x"))[::2] == (400, "InvalidArgument")

    def test_a_checksum_that_is_not_the_files_and_that_the_policy_does_not_speak_of(self, s3_server, s3):
        fields = form_for(s3, "k") | {"x-amz-checksum-crc32": "AAAAAA=="}

        assert post(s3_server, parts_of(fields, b"x"))[2] == "BadDigest"

    def test_a_checksum_that_is_not_the_files(self, s3_server, s3):
        promised = {"x-amz-checksum-crc32": "AAAAAA=="}
        fields = form_for(s3, "k", [promised], **promised)

        assert post(s3_server, parts_of(fields, b"x"))[2] == "BadDigest"

    def test_a_form_without_a_key(self, s3_server, s3):
        fields = form_for(s3, "k")
        del fields["key"]

        assert post(s3_server, parts_of(fields, b"x"))[::2] == (400, "InvalidArgument")

    def test_a_key_that_is_missing_or_too_long(self, s3_server, s3):
        assert post(s3_server, parts_of(form_for(s3, "${filename}"), b"x", ""))[2] == "UserKeyMustBeSpecified"
        assert post(s3_server, parts_of(form_for(s3, "k" * 1025), b"x"))[2] == "KeyTooLongError"

    def test_a_bucket_that_is_not_there(self, s3_server):
        s3 = client_of(s3_server, "admin")
        fields = s3.generate_presigned_post("no-such-bucket", "k")["fields"]

        assert post(s3_server, parts_of(fields, b"x"), "no-such-bucket")[2] == "NoSuchBucket"
        assert code_of(s3.head_bucket, Bucket="no-such-bucket") == "404"


@pytest.mark.parametrize(
    ("conditions", "fields", "expected"),
    [
        # The policy is for one bucket; without a word of it, it would do for any of the signer's.
        ([], {"key": "k"}, (403, "AccessDenied")),
        ([{"bucket": "another"}], {"key": "k"}, (403, "AccessDenied")),
        ([{"bucket": BUCKET}, {}], {"key": "k"}, (400, "InvalidPolicyDocument")),
        ([{"bucket": BUCKET}], {}, (400, "InvalidArgument")),
        ([{"bucket": BUCKET}], {"key": "k"}, (204, "")),
    ],
)
def test_what_a_signed_form_must_say(s3_server, conditions, fields, expected):
    policy = {"expiration": expiring(60), "conditions": [*conditions, ["eq", "$key", "k"], *AS_SIGNED[1:]]}
    status, _, code = post(s3_server, parts_of(sign(s3_server, policy, fields), b"x"))
    assert (status, code) == expected
