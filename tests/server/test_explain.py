"""Why a request was refused: noted, told by ``s3portal explain``, and, where asked for, in the answer."""

from __future__ import annotations

import json
import re

import boto3
import pytest
from botocore.config import Config
from click.testing import CliRunner
from s3_callers import BUCKET, client_of, code_of, refusal_of, send, signed_headers

from s3portal.cli import main
from s3portal.server.access.mismatch import first_difference
from s3portal.server.gateway.refusals import FILE, FILE_LIMIT_BYTES, Refusal, Refusals, read_refusals
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer

REASON = "x-s3portal-reason"


@pytest.fixture
def telling(tmp_path):
    with RunningServer(tmp_path / "s3", server_config() | {"explain_refusals": True}) as server:
        yield server


def explained(tmp_path, *arguments, **options):
    result = CliRunner().invoke(main, ["explain", "--root", str(tmp_path / "s3"), *arguments], **options)
    assert result.exit_code == 0, result.output
    return result.output


def last_id(server):
    return server.requests[-1].request_id


def test_the_statement_that_decided(tmp_path):
    config = server_config()
    config["users"][1]["policy"]["Statement"].append(
        {"Sid": "Keep", "Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "*"}
    )
    with RunningServer(tmp_path / "s3", config) as server:
        assert code_of(client_of(server).delete_object, Bucket=BUCKET, Key="k") == "AccessDenied"
        told = explained(tmp_path, last_id(server).lower())
    assert "DELETE /test-bucket/k (DeleteObject)" in told
    assert "by portal: 403 AccessDenied" in told
    assert "is denied by statement 3 (Keep) of the policy of user portal" in told
    assert "Missing permission: s3:DeleteObject" in told


def test_the_header_is_for_developers_and_off_by_default(telling, shared_server):
    for server, expected in ((telling, True), (shared_server, False)):
        status, headers, _ = send(server, "GET", f"/{BUCKET}/k")
        assert (status, REASON in headers) == (403, expected)
    _, headers, _ = send(telling, "GET", f"/{BUCKET}/%C3%BC")
    assert headers[REASON].startswith("s3:GetObject on arn:aws:s3:::test-bucket/\\xfc is not allowed")
    assert "a policy for everybody" in headers[REASON]
    assert REASON not in send(telling, "GET", "/no-such-bucket")[1]


def test_a_clock_that_is_wrong(telling, tmp_path):
    telling.advance_clock(3600)
    assert code_of(client_of(telling).list_buckets) == "RequestTimeTooSkewed"
    told = explained(tmp_path, last_id(telling))
    assert re.search(r"the caller's clock is 3(600|599|601) seconds behind the server's", told)
    assert re.search(r"Clock difference: 3(600|599|601) s", told)


def test_a_url_that_has_expired(telling, tmp_path):
    url = client_of(telling).generate_presigned_url(
        "get_object", {"Bucket": BUCKET, "Key": "k"}, ExpiresIn=60
    )
    telling.advance_clock(100)
    _, headers, _ = send(telling, "GET", url)
    assert re.fullmatch(r"the signature expired (39|40|41) seconds before the request came", headers[REASON])


def test_a_key_that_nobody_has(telling):
    keys = {"aws_access_key_id": "nobody", "aws_secret_access_key": "secret"}
    refusal = refusal_of(client_of(telling, **keys).list_buckets)
    assert refusal.code == "InvalidAccessKeyId"
    refused = list(read_refusals(telling._server.storage.root))[-1]
    assert refused.reason == "no user here has the access key id nobody"
    assert refused.user == "nobody"


class TestSignatures:
    def refused(self, server, method, target, headers):
        status, answered, body = send(server, method, target, headers)
        assert (status, b"SignatureDoesNotMatch" in body or method == "HEAD") == (403, True)
        return answered[REASON]

    def test_a_proxy_that_changes_the_host(self, telling, tmp_path):
        url = f"http://s3.example.org/{BUCKET}"
        headers = signed_headers(telling, "GET", url) | {
            "Host": "backend:9000",
            "X-Forwarded-Host": "s3.example.org",
        }
        reason = self.refused(telling, "GET", f"/{BUCKET}", headers)
        assert "was signed for the host s3.example.org and came for backend:9000" in reason
        assert "'host:backend:9000' here, 'host:s3.example.org' was signed" in reason
        told = explained(tmp_path, last_id(telling))
        assert (
            "They differ first in line 4:\n  server: host:backend:9000\n  caller: host:s3.example.org" in told
        )

    @pytest.mark.parametrize(
        ("method", "target", "changed", "says"),
        [
            ("HEAD", f"/{BUCKET}/k", {}, "the request was signed for GET"),
            ("GET", f"/{BUCKET}/k?utm_source=mail", {}, "the parameter utm_source was added after signing"),
            ("GET", f"/{BUCKET}/k/", {}, "the slash at the end of the path was added after signing"),
            ("GET", f"/{BUCKET}/k", {"accept-encoding": "br"}, "the header accept-encoding was changed"),
        ],
    )
    def test_what_was_changed_on_the_way(self, telling, method, target, changed, says):
        url = f"{telling.endpoint}/{BUCKET}/k"
        headers = signed_headers(telling, "GET", url, {"accept-encoding": "identity"}) | changed
        headers = {
            name: value for name, value in headers.items() if name != "accept-encoding" or not changed
        } | changed
        assert says in self.refused(telling, method, target, headers)

    def test_a_secret_with_a_line_end(self, telling):
        keys = {"aws_access_key_id": "portal-key", "aws_secret_access_key": "portal-secret\n"}
        assert code_of(client_of(telling, **keys).list_objects_v2, Bucket=BUCKET) == "SignatureDoesNotMatch"
        refused = list(read_refusals(telling._server.storage.root))[-1]
        assert "white space around it" in refused.reason

    def test_the_canonical_request_that_the_client_logged(self, telling, tmp_path):
        keys = {"aws_access_key_id": "portal-key", "aws_secret_access_key": "another secret"}
        assert code_of(client_of(telling, **keys).list_objects_v2, Bucket=BUCKET) == "SignatureDoesNotMatch"
        request_id = last_id(telling)
        told = explained(tmp_path, request_id)
        assert "the secret access key is another one, or the request was changed" in told
        assert "give it with --canonical" in told
        ours = list(read_refusals(telling._server.storage.root))[-1].ours
        assert "the secret access keys differ" in explained(
            tmp_path, request_id, "--canonical", "-", input=ours
        )
        theirs = ours.replace(f"/{BUCKET}\n", f"/{BUCKET}/\n", 1)
        told = explained(tmp_path, request_id, "--canonical", "-", input=theirs)
        assert f"They differ first in line 2:\n  server: /{BUCKET}\n  caller: /{BUCKET}/" in told

    def test_tokens_and_signatures_are_not_noted(self, telling, tmp_path):
        url = client_of(
            telling,
            aws_access_key_id="portal-key",
            aws_secret_access_key="wrong",
            aws_session_token="a-secret-token",
        ).generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "k"})
        assert send(telling, "GET", url)[0] in (400, 403)
        plain = client_of(telling, aws_access_key_id="portal-key", aws_secret_access_key="wrong-secret")
        url = plain.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "k"})
        signature = url.rpartition("X-Amz-Signature=")[2]
        assert send(telling, "GET", f"{url}&X-Amz-Security-Token=a-secret-token")[0] in (400, 403)
        text = (tmp_path / "s3" / FILE).read_text()
        assert "a-secret-token" not in text
        assert signature not in text
        assert "portal-secret" not in text

    def test_signed_headers_that_are_secrets_are_not_noted(self, telling, tmp_path):
        secret_headers = {
            "x-amz-server-side-encryption-customer-key": "a-customers-key",
            "x-amz-copy-source-server-side-encryption-customer-key": "a-customers-key",
            "cookie": "session=a-customers-key",
        }
        headers = signed_headers(telling, "GET", f"{telling.endpoint}/{BUCKET}/k", secret_headers)
        assert send(telling, "GET", f"/{BUCKET}/another", headers)[0] == 403
        text = (tmp_path / "s3" / FILE).read_text()
        assert "customer-key:..." in text
        assert "a-customers-key" not in text


def test_the_last_ones_are_listed(telling, tmp_path):
    for key in range(12):
        send(telling, "GET", f"/{BUCKET}/{key}")
    lines = explained(tmp_path).splitlines()
    assert len(lines) == 10
    assert last_id(telling) in lines[-1]
    result = CliRunner().invoke(main, ["explain", "NOSUCHID", "--root", str(tmp_path / "s3")])
    assert (result.exit_code, "No refusal NOSUCHID" in result.output) == (1, True)


def test_the_file_does_not_grow_without_end(tmp_path):
    kept = Refusals(tmp_path)
    for number in range(400):
        kept.add(
            Refusal(f"ID{number}", "at", "GetObject", "GET", "/b/k", None, 403, "AccessDenied", "x" * 10_000)
        )
    found = list(read_refusals(tmp_path))
    assert found[-1].request_id == "ID399"
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(sizes) <= 2
    assert max(sizes) < FILE_LIMIT_BYTES + 20_000
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())
    # A line that a crash cut off is passed over.
    with (tmp_path / FILE).open("a") as file:
        file.write(json.dumps({"request_id": "torn"})[:-3])
    assert list(read_refusals(tmp_path))[-1].request_id == "ID399"


def test_a_folder_that_cannot_be_written_breaks_no_answer(tmp_path, caplog):
    Refusals(tmp_path / "gone").add(Refusal("ID", "at", "o", "GET", "/", None, 403, "AccessDenied", "why"))
    assert "could not be noted" in caplog.text


def test_the_first_difference():
    assert first_difference("a\nb", "a\nb\n") is None
    assert first_difference("a\nb", "a\nc") == (2, "b", "c")
    assert first_difference("a", "a\nb") == (2, "", "b")


def test_a_signature_of_version_2_names_the_setting(telling):
    old = boto3.client(
        "s3",
        endpoint_url=telling.endpoint,
        region_name="us-east-1",
        aws_access_key_id="portal-key",
        aws_secret_access_key="portal-secret",
        config=Config(signature_version="s3"),
    )
    _, headers, _ = send(
        telling, "GET", old.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "k"})
    )
    assert "signature_version" in headers[REASON]
