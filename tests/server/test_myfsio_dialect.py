"""MyFSIO's dialect: keys in headers, presigned URLs, policies, quotas and keys by its routes."""

from __future__ import annotations

import json
import logging

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from myfsio_callers import ask, fetch, keys_of
from s3_callers import BUCKET, client_of, refusal_of, send, signed_headers

from s3portal.server.access.plain_keys import is_unobserved
from s3portal.server.config_values import ConfigError
from s3portal.server.pytest_plugin import server_config
from s3portal.server.storage import buckets
from s3portal.server.storage.storage import Storage
from s3portal.server.testing import RunningServer
from s3portal.server.wire.s3_request import S3Request

POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": "*",
            "Action": ["s3:GetObject"],
            "Resource": [f"arn:aws:s3:::{BUCKET}/public/*"],
        }
    ],
}


def configured(**fields):
    return server_config() | {"myfsio": fields}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with RunningServer(tmp_path_factory.mktemp("myfsio") / "s3", configured()) as running:
        yield running


class TestKeysInHeaders:
    def test_plain_requests_work_with_them(self, server):
        assert ask(server, "PUT", f"/{BUCKET}/a.txt")[0] == 200
        status, _, body = send(server, "PUT", f"/{BUCKET}/b.txt", keys_of("portal"), b"hello")
        assert (status, body) == (200, b"")
        assert send(server, "GET", f"/{BUCKET}/b.txt", keys_of("portal"))[2] == b"hello"
        assert send(server, "DELETE", f"/{BUCKET}/b.txt", keys_of("portal"))[0] == 204
        assert send(server, "GET", "/", keys_of("admin"))[0] == 200
        assert send(server, "GET", "/", keys_of("portal"))[0] == 403

    def test_they_count_for_nothing_unless_the_dialect_is_on(self, s3_server):
        assert send(s3_server, "GET", f"/{BUCKET}", keys_of("portal"))[0] == 403
        assert send(s3_server, "POST", f"/presign/{BUCKET}/a", keys_of("portal"), "{}")[0] == 404

    @pytest.mark.parametrize(
        "wrong",
        [
            {"X-Access-Key": "portal-key", "X-Secret-Key": "wrong-secret"},
            {"X-Access-Key": "nobodys-key", "X-Secret-Key": "portal-secret"},
            {"X-Access-Key": "portal-key"},
            {"X-Secret-Key": "portal-secret"},
            {"X-Access-Key": "portal-key", "X-Secret-Key": ""},
            {"X-Access-Key": "", "X-Secret-Key": ""},
        ],
    )
    def test_wrong_ones_are_refused_all_alike(self, server, wrong):
        status, _, body = send(server, "GET", f"/{BUCKET}", wrong)
        assert status == 403
        assert b"<Code>AccessDenied</Code>" in body

    @pytest.mark.parametrize(
        "header", ["X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "Via", "X-Real-IP", "X-Forwarded-Any"]
    )
    def test_a_proxy_between_is_refused_without_tls(self, server, header):
        status, _, body = send(server, "GET", f"/{BUCKET}", keys_of("portal") | {header: "192.0.2.1"})
        assert status == 403
        assert b"over HTTPS only" in body

    @pytest.mark.parametrize(
        ("address", "scheme", "expected"),
        [
            ("127.0.0.1", "http", True),
            ("::1", "http", True),
            ("::ffff:127.0.0.1", "http", True),
            ("192.0.2.1", "http", False),
            ("192.0.2.1", "https", True),
            ("", "http", False),
        ],
    )
    def test_plain_http_is_for_this_machine_alone(self, address, scheme, expected):
        request = S3Request("GET", "/", (), {}, None, None, remote_addr=address, scheme=scheme)
        assert is_unobserved(request) is expected

    def test_https_to_a_named_proxy_counts_as_tls(self, tmp_path):
        config = configured() | {"trusted_proxies": ["127.0.0.1"]}
        with RunningServer(tmp_path / "s3", config) as proxied:
            said = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}
            assert send(proxied, "GET", f"/{BUCKET}", keys_of("portal") | said)[0] == 200
            said["X-Forwarded-Proto"] = "http"
            assert send(proxied, "GET", f"/{BUCKET}", keys_of("portal") | said)[0] == 403

    def test_whoever_guesses_has_to_wait(self, tmp_path):
        with RunningServer(tmp_path / "s3", configured()) as guessed:
            wrong = {"X-Access-Key": "portal-key", "X-Secret-Key": "guess"}
            answers = [send(guessed, "GET", f"/{BUCKET}", wrong)[0] for _ in range(6)]
            assert answers == [403] * 5 + [503]
            status, headers, _ = send(guessed, "GET", f"/{BUCKET}", keys_of("portal"))
            assert status == 503
            assert int(headers["retry-after"]) >= 1
            assert send(guessed, "GET", "/", keys_of("admin"))[0] == 200
            assert client_of(guessed).list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0

    def test_keys_of_a_session_never_count(self, server):
        given = client_of(server, service="sts").get_session_token()["Credentials"]
        headers = {"X-Access-Key": given["AccessKeyId"], "X-Secret-Key": given["SecretAccessKey"]}
        for more in ({}, {"x-amz-security-token": given["SessionToken"]}):
            assert send(server, "GET", f"/{BUCKET}", headers | more)[0] == 403

    def test_secrets_are_in_no_log(self, tmp_path, caplog):
        caplog.set_level(logging.DEBUG)
        config = configured() | {"audit": {"reads": True}}
        with RunningServer(tmp_path / "s3", config, log=tmp_path / "access.log") as logged:
            ask(logged, "PUT", f"/{BUCKET}/a")
            url = f"{logged.endpoint}/{BUCKET}/a"
            headers = signed_headers(logged, "GET", url, keys_of("portal"))
            assert send(logged, "GET", f"/{BUCKET}/other", headers)[0] == 403
            assert ask(logged, "POST", f"/presign/{BUCKET}/a", {"method": "HEAD"})[0] == 400
        texts = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
        assert len(texts) > 3
        assert not [text for text in texts if b"portal-secret" in text]
        own = [record.getMessage() for record in caplog.records if record.name.startswith("s3portal")]
        assert not [message for message in own if "portal-secret" in message]


class TestPresign:
    def test_each_method_works_for_whoever_has_the_url(self, server):
        def presign(method):
            path = f"/presign/{BUCKET}/folder/%C3%A4+b%20c.txt"
            status, answer = ask(server, "POST", path, {"method": method, "expires_in": 60})
            assert (status, answer["method"], answer["expires_in"]) == (200, method, 60)
            return answer["url"]

        assert fetch(presign("PUT"), "PUT", b"by url")[0] == 200
        assert fetch(presign("GET")) == (200, b"by url")
        assert client_of(server).get_object(Bucket=BUCKET, Key="folder/ä+b c.txt")["Body"].read() == b"by url"
        assert fetch(presign("GET"), "DELETE")[0] == 403
        assert fetch(presign("DELETE"), "DELETE")[0] == 204
        assert fetch(presign("GET"))[0] == 404

    def test_a_signed_request_may_ask_for_one_as_well(self, server):
        url = f"{server.endpoint}/presign/{BUCKET}/a.txt"
        headers = signed_headers(server, "POST", url, body=b"{}")
        status, _, body = send(server, "POST", url, headers, b"{}")
        assert status == 200
        assert json.loads(body)["expires_in"] == 900

    @pytest.mark.parametrize(
        "wrong",
        [
            {"method": "POST"},
            {"method": 1},
            {"expires_in": 0},
            {"expires_in": 604_801},
            {"expires_in": True},
            {"expires_in": "60"},
            {"expires_in": 1.5},
            [],
        ],
    )
    def test_what_cannot_be_signed_is_refused(self, server, wrong):
        status, answer = ask(server, "POST", f"/presign/{BUCKET}/a", wrong)
        assert (status, answer["code"]) == (400, "InvalidArgument")

    @pytest.mark.parametrize("expires_in", [1, 604_800])
    def test_the_shortest_and_the_longest_time(self, server, expires_in):
        status, answer = ask(server, "POST", f"/presign/{BUCKET}/a", {"expires_in": expires_in})
        assert status == 200
        assert f"X-Amz-Expires={expires_in}&" in answer["url"]

    def test_no_json_is_refused(self, server):
        status, _, body = send(server, "POST", f"/presign/{BUCKET}/a", keys_of("portal"), b"{")
        assert (status, json.loads(body)["code"]) == (400, "InvalidArgument")

    def test_policies_count_when_it_is_issued_and_when_it_is_used(self, tmp_path):
        denied = {"Effect": "Deny", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/secret/*"}
        config = configured()
        config["users"][1]["policy"]["Statement"].append(denied)
        with RunningServer(tmp_path / "s3", config) as server:
            assert ask(server, "POST", f"/presign/{BUCKET}/secret/a", {})[0] == 403
            assert ask(server, "PUT", f"/{BUCKET}/later/a")[0] == 200
            url = ask(server, "POST", f"/presign/{BUCKET}/later/a", {})[1]["url"]
            assert fetch(url)[0] == 200
            statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject"}
            statement["Resource"] = f"arn:aws:s3:::{BUCKET}/later/*"
            policy = {"Version": "2012-10-17", "Statement": [statement]}
            assert ask(server, "PUT", f"/bucket-policy/{BUCKET}", policy)[0] == 204
            assert fetch(url)[0] == 403
            assert ask(server, "POST", f"/presign/{BUCKET}/later/a", {})[0] == 403

    def test_nobody_and_sessions_get_none(self, server):
        assert send(server, "POST", f"/presign/{BUCKET}/a", {}, "{}")[0] == 403
        given = client_of(server, service="sts").get_session_token()["Credentials"]
        url = f"{server.endpoint}/presign/{BUCKET}/a"
        request = AWSRequest("POST", url, {}, b"{}")
        names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
        S3SigV4Auth(Credentials(*(given[name] for name in names)), "s3", "us-east-1").add_auth(request)
        status, _, body = send(server, "POST", url, dict(request.headers), b"{}")
        assert (status, json.loads(body)["code"]) == (400, "InvalidRequest")

    def test_it_ends_with_its_time(self, server):
        url = ask(server, "POST", f"/presign/{BUCKET}/a.txt", {"expires_in": 10})[1]["url"]
        server.clock.advance(11)
        try:
            assert fetch(url)[0] == 403
        finally:
            server.clock.reset()

    def test_the_address_is_what_the_configuration_says(self, tmp_path):
        with RunningServer(tmp_path / "s3", configured(api_base_url="https://s3.example.org/")) as server:
            ask(server, "PUT", f"/{BUCKET}/a")
            url = ask(server, "POST", f"/presign/{BUCKET}/a", {})[1]["url"]
            assert url.startswith(f"https://s3.example.org/{BUCKET}/a?X-Amz-")
            reached = url.replace("https://s3.example.org", server.endpoint)
            assert fetch(reached, headers={"Host": "s3.example.org"})[0] == 200

    def test_the_address_is_what_a_named_proxy_says(self, tmp_path):
        said = {"X-Forwarded-Host": "files.example.org", "X-Forwarded-Proto": "https"}
        config = configured() | {"trusted_proxies": ["127.0.0.1"]}
        with RunningServer(tmp_path / "s3", config) as server:
            url = ask(server, "POST", f"/presign/{BUCKET}/a", {}, **said)[1]["url"]
            assert url.startswith(f"https://files.example.org/{BUCKET}/a?")
        with RunningServer(tmp_path / "s3", configured()) as server:
            url = f"{server.endpoint}/presign/{BUCKET}/a"
            headers = signed_headers(server, "POST", url, body=b"{}") | said
            signed = json.loads(send(server, "POST", url, headers, b"{}")[2])["url"]
            assert signed.startswith(f"{server.endpoint}/{BUCKET}/a?")

    @pytest.mark.parametrize(
        "wrong", ["s3.example.org", "ftp://a.example", "https://a.example/path", "https://u@a"]
    )
    def test_what_is_no_address_is_refused_at_start(self, wrong, tmp_path):
        with pytest.raises(ConfigError, match="api_base_url must be an address"):
            RunningServer(tmp_path / "s3", configured(api_base_url=wrong))


class TestBucketPolicies:
    def test_put_shown_deleted(self, server):
        path = f"/bucket-policy/{BUCKET}"
        assert ask(server, "GET", path)[1]["code"] == "NoSuchBucketPolicy"
        assert ask(server, "PUT", path, POLICY)[0] == 204
        assert ask(server, "GET", path) == (200, POLICY)
        assert json.loads(client_of(server).get_bucket_policy(Bucket=BUCKET)["Policy"]) == POLICY
        ask(server, "PUT", f"/{BUCKET}/public/a")
        assert send(server, "GET", f"/{BUCKET}/public/a")[0] == 200
        assert ask(server, "DELETE", path)[0] == 204
        assert ask(server, "GET", path)[0] == 404
        assert send(server, "GET", f"/{BUCKET}/public/a")[0] == 403

    def test_what_is_refused_says_so_in_json(self, server):
        status, answer = ask(server, "PUT", f"/bucket-policy/{BUCKET}", {"Statement": []})
        assert (status, answer["code"]) == (400, "MalformedPolicy")
        assert answer["request_id"]
        assert ask(server, "GET", "/bucket-policy/not-there", user="admin")[0] == 404
        assert ask(server, "GET", "/bucket-policy/not-there")[0] == 403
        status, answered, body = send(server, "PATCH", f"/bucket-policy/{BUCKET}", keys_of("portal"))
        assert (status, json.loads(body)["code"]) == (405, "MethodNotAllowed")
        assert answered["allow"] == "DELETE, GET, PUT"
        assert send(server, "GET", f"/bucket-policy/{BUCKET}")[0] == 403


class TestQuotas:
    @pytest.mark.parametrize("path", [f"/bucket/{BUCKET}?quota", f"/{BUCKET}?quota"])
    def test_put_shown_removed(self, server, path):
        given = {"max_bytes": 100 * 1024 * 1024, "max_objects": 1000}
        assert ask(server, "PUT", path, given, user="portal")[0] == 403
        assert ask(server, "PUT", path, given, user="admin")[0] == 204
        status, answer = ask(server, "GET", path)
        assert (status, answer["quota"]) == (200, given)
        assert "objects" in answer["usage"]
        assert ask(server, "PUT", path, {"max_bytes": None, "max_objects": None}, user="admin")[0] == 204
        assert ask(server, "GET", path)[1]["max_bytes"] is None


class TestKeys:
    def test_the_life_of_a_key(self, server):
        asked = {"alias": "my-key", "description": "Production encryption key"}
        status, answer = ask(server, "POST", "/kms/keys", asked, user="admin")
        assert status == 200
        key_id = answer["KeyMetadata"]["KeyId"]
        assert answer["KeyMetadata"]["Description"] == "Production encryption key"
        kms = client_of(server, "admin", service="kms")
        assert kms.describe_key(KeyId="alias/my-key")["KeyMetadata"]["KeyId"] == key_id
        assert key_id in [key["KeyId"] for key in ask(server, "GET", "/kms/keys", user="admin")[1]["Keys"]]
        path = f"/kms/keys/{key_id}"
        assert ask(server, "GET", path, user="admin")[1]["KeyMetadata"]["Enabled"] is True
        sealed = kms.encrypt(KeyId=key_id, Plaintext=b"old material")["CiphertextBlob"]
        assert ask(server, "POST", f"{path}/rotate", user="admin")[0] == 200
        assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"old material"
        assert len(kms.list_key_rotations(KeyId=key_id)["Rotations"]) == 1
        assert ask(server, "POST", f"{path}/disable", user="admin")[0] == 200
        assert refusal_of(kms.decrypt, CiphertextBlob=sealed).code == "DisabledException"
        assert ask(server, "POST", f"{path}/enable", user="admin")[0] == 200
        assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"old material"
        status, answer = ask(server, "DELETE", f"{path}?waiting_period_days=7", user="admin")
        assert (status, answer["KeyState"], answer["PendingWindowInDays"]) == (200, "PendingDeletion", 7)
        assert ask(server, "POST", f"{path}/enable", user="admin")[0] == 409

    @pytest.mark.parametrize(
        ("method", "path", "status", "code"),
        [
            ("GET", "/kms/keys/none", 404, "NotFoundException"),
            ("DELETE", "/kms/keys/none?waiting_period_days=30", 404, "NotFoundException"),
            ("DELETE", "/kms/keys/none?waiting_period_days=x", 400, "ValidationException"),
            ("DELETE", "/kms/keys/none?waiting_period_days=31", 400, "ValidationException"),
            ("PUT", "/kms/keys", 405, "MethodNotAllowed"),
        ],
    )
    def test_what_is_refused(self, server, method, path, status, code):
        assert ask(server, method, path, user="admin")[0] == status
        assert ask(server, method, path, user="admin")[1]["code"] == code

    def test_the_audit_log_names_the_key(self, tmp_path):
        with RunningServer(tmp_path / "s3", configured()) as server:
            key_id = ask(server, "POST", "/kms/keys", {}, user="admin")[1]["KeyId"]
            assert ask(server, "POST", f"/kms/keys/{key_id}/disable", user="admin")[0] == 200
            assert ask(server, "POST", f"/presign/{BUCKET}/a", {})[0] == 200
        lines = [json.loads(line) for line in (tmp_path / "s3" / "audit.jsonl").read_text().splitlines()]
        found = {line["action"]: line for line in lines}
        assert found["DisableKey"]["parameters"] == {"KeyId": key_id}
        assert found["PresignObject"]["resource"] == f"arn:aws:s3:::{BUCKET}/a"

    def test_only_who_may(self, server):
        assert ask(server, "POST", "/kms/keys", {})[0] == 403
        assert send(server, "GET", "/kms/keys")[0] == 403

    def test_a_key_whose_alias_is_refused_is_not_made(self, server):
        before = len(ask(server, "GET", "/kms/keys", user="admin")[1]["Keys"])
        assert ask(server, "POST", "/kms/keys", {"alias": "aws/mine"}, user="admin")[0] == 400
        assert len(ask(server, "GET", "/kms/keys", user="admin")[1]["Keys"]) == before


class TestNames:
    def test_no_bucket_can_be_created_with_the_name_of_a_route(self, server):
        s3 = client_of(server, "admin")
        for name in ("presign", "bucket-policy", "kms", "bucket", "healthz"):
            assert refusal_of(s3.create_bucket, Bucket=name).code == "InvalidBucketName"

    def test_without_the_dialect_they_can(self, s3_server):
        assert client_of(s3_server, "admin").create_bucket(Bucket="presign")

    def test_one_that_is_there_is_named_at_start_and_served(self, tmp_path, caplog):
        storage = Storage(tmp_path / "s3")
        buckets.create(storage, "kms")
        storage.close()
        with RunningServer(tmp_path / "s3", configured()) as server:
            assert "the bucket kms has a name that this server answers itself" in caplog.text
            s3 = client_of(server, "admin")
            s3.put_object(Bucket="kms", Key="keys/a", Body=b"mine")
            assert ask(server, "GET", "/kms/keys/a", user="admin") == (200, b"mine")
        config = configured()
        config["buckets"].append({"name": "presign"})
        with pytest.raises(ConfigError, match="no bucket can be called presign"):
            RunningServer(tmp_path / "other", config)
