"""Answers of AWS that are easily given in another way, and that other projects' tests look at."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import boto3
import pytest
from botocore.config import Config
from s3_callers import BUCKET, MIB, client_of, code_of, refusal_of, send, signed_send

from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer


@pytest.mark.parametrize("query", ["uploadId=x", "partNumber=1"])
def test_half_of_what_names_a_part_is_no_part(s3_server, s3, query):
    status, _, answer = signed_send(s3_server, "PUT", f"/{BUCKET}/k?{query}", body=b"x")
    assert (status, b"<Code>InvalidArgument</Code>" in answer) == (400, True)
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)


def signed(server, method, path, signed_at, dates, *, region="us-east-1", service="s3", body=b""):
    """A request signed at a time, which only the headers ``dates`` tell."""
    body_hash = hashlib.sha256(body).hexdigest()
    headers = {"host": f"127.0.0.1:{server.port}", "x-amz-content-sha256": body_hash, **dates}
    names = ";".join(sorted(headers))
    listed = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = f"{method}\n{path}\n\n{listed}\n{names}\n{body_hash}"
    scope = f"{signed_at:%Y%m%d}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = b"AWS4portal-secret"
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{signed_at:%Y%m%dT%H%M%SZ}\n{scope}\n{digest}"
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential=portal-key/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return send(server, method, path, headers, body)


def now():
    return datetime.now(timezone.utc).replace(microsecond=0)


class TestDates:
    @pytest.mark.parametrize(
        "written",
        [
            lambda at: format_datetime(at, usegmt=True),
            lambda at: format_datetime(at).replace("+0000", "-0000"),
            lambda at: f"{at:%Y%m%dT%H%M%SZ}",
            lambda at: f"{at:%A, %d-%b-%y %H:%M:%S} GMT",
            lambda at: at.ctime(),
        ],
        ids=["RFC 9110", "botocore", "ISO 8601", "RFC 850", "asctime"],
    )
    @pytest.mark.parametrize("name", ["date", "x-amz-date"])
    def test_either_header_tells_the_time(self, s3_server, name, written):
        assert signed(s3_server, "GET", f"/{BUCKET}", now(), {name: written(now())})[0] == 200

    @pytest.mark.parametrize("other", ["garbage", "Thu, 01 Jan 1970 00:00:00 GMT", "19700101T000000Z"])
    def test_of_both_x_amz_date_counts(self, s3_server, other):
        at = now()
        dates = {"x-amz-date": f"{at:%Y%m%dT%H%M%SZ}", "date": other}
        assert signed(s3_server, "GET", f"/{BUCKET}", at, dates)[0] == 200
        status, _, body = signed(
            s3_server, "GET", f"/{BUCKET}", at, {"x-amz-date": other, "date": f"{at:%Y%m%dT%H%M%SZ}"}
        )
        assert status in (400, 403)
        assert b"SignatureDoesNotMatch" not in body

    def test_a_date_that_is_off_is_told_so(self, s3_server):
        at = now() - timedelta(hours=1)
        status, _, body = signed(
            s3_server, "GET", f"/{BUCKET}", at, {"date": format_datetime(at, usegmt=True)}
        )
        assert (status, b"<Code>RequestTimeTooSkewed</Code>" in body) == (403, True)

    def test_none_is_refused(self, s3_server):
        status, _, body = signed(s3_server, "GET", f"/{BUCKET}", now(), {})
        assert (status, b"requires a valid Date or x-amz-date header" in body) == (403, True)


class TestMissingBuckets:
    @pytest.mark.parametrize("path", ["/no-such-bucket", "/no-such-bucket/key", "/no-such-bucket?uploads"])
    @pytest.mark.parametrize("method", ["GET", "DELETE", "HEAD", "PATCH"])
    def test_anonymous_callers_are_told(self, s3_server, method, path):
        status, _, body = send(s3_server, method, path)
        assert (status, method == "HEAD" or b"<Code>NoSuchBucket</Code>" in body) == (404, True)

    def test_they_make_none_and_are_told_of_none_that_is_there(self, s3_server):
        assert send(s3_server, "PUT", "/no-such-bucket")[0] == 403
        assert send(s3_server, "PUT", "/no-such-bucket/key", body=b"x")[0] == 404
        assert send(s3_server, "GET", f"/{BUCKET}/no-such-key")[0] == 403
        assert code_of(client_of(s3_server, "admin").head_bucket, Bucket="no-such-bucket") == "404"

    def test_nothing_is_looked_for_in_them(self, s3_server):
        """Neither an upload nor, before the target's bucket, the source of a copy."""
        admin = client_of(s3_server, "admin")
        upload_id = admin.create_multipart_upload(Bucket=BUCKET, Key="k")["UploadId"]
        missing = {"Bucket": "no-such-bucket", "Key": "k"}
        upload = {**missing, "UploadId": upload_id}
        part, source = {**upload, "PartNumber": 1}, f"{BUCKET}/no-such-key"
        parts = {"Parts": [{"PartNumber": 1, "ETag": "x"}]}
        for call, arguments in (
            (admin.upload_part, {**part, "Body": b"x"}),
            (admin.upload_part_copy, {**part, "CopySource": source}),
            (admin.complete_multipart_upload, {**upload, "MultipartUpload": parts}),
            (admin.abort_multipart_upload, upload),
            (admin.list_parts, upload),
            (admin.copy_object, {**missing, "CopySource": source}),
        ):
            assert code_of(call, **arguments) == "NoSuchBucket"


@pytest.mark.parametrize("header", ["x-amz-object-lock-event-hold", "x-amz-object-annotation-directive"])
def test_what_somebody_would_rely_on_is_not_ignored(s3_server, header):
    status, _, answer = signed_send(s3_server, "PUT", f"/{BUCKET}/k", {header: "ON"}, b"x")
    assert (status, b"<Code>NotImplemented</Code>" in answer) == (501, True)


class TestExpectedOwners:
    @pytest.mark.parametrize("owner", ["1", "not-an-account", "1234567890123"])
    def test_are_numbers_of_accounts(self, s3, owner):
        refused = refusal_of(s3.head_bucket, Bucket=BUCKET, ExpectedBucketOwner=owner)
        assert refused.status == 400
        code = code_of(s3.list_objects_v2, Bucket=BUCKET, ExpectedBucketOwner=owner)
        assert code == "InvalidBucketOwnerAWSAccountID"
        copy = {"Bucket": BUCKET, "Key": "k", "CopySource": f"{BUCKET}/k"}
        code = code_of(s3.copy_object, **copy, ExpectedSourceBucketOwner=owner)
        assert code == "InvalidBucketOwnerAWSAccountID"


class TestBucketsOfOnesOwn:
    def test_in_us_east_1_they_are_made_again(self, s3_server):
        admin = client_of(s3_server, "admin")
        admin.put_object(Bucket=BUCKET, Key="k", Body=b"x")
        assert admin.create_bucket(Bucket=BUCKET)["Location"] == f"/{BUCKET}"
        assert admin.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"x"

    def test_elsewhere_it_is_a_conflict(self, tmp_path):
        with RunningServer(tmp_path / "s3", server_config() | {"region": "eu-central-1"}) as server:
            s3 = boto3.client(
                "s3",
                endpoint_url=server.endpoint,
                region_name="eu-central-1",
                aws_access_key_id="admin-key",
                aws_secret_access_key="admin-secret",
                config=Config(retries={"total_max_attempts": 1}),
            )
            place = {"LocationConstraint": "eu-central-1"}
            refusal = refusal_of(s3.create_bucket, Bucket=BUCKET, CreateBucketConfiguration=place)
            assert (refusal.status, refusal.code) == (409, "BucketAlreadyOwnedByYou")


def test_a_part_beyond_the_object_is_no_range(s3_server, s3):
    s3.put_object(Bucket=BUCKET, Key="whole", Body=b"x")
    upload_id = s3.create_multipart_upload(Bucket=BUCKET, Key="parts")["UploadId"]
    target = {"Bucket": BUCKET, "Key": "parts", "UploadId": upload_id}
    listed = [
        {"PartNumber": n, "ETag": s3.upload_part(**target, PartNumber=n, Body=b"x" * 5 * MIB)["ETag"]}
        for n in (1, 2)
    ]
    s3.complete_multipart_upload(**target, MultipartUpload={"Parts": listed})
    for key, number, count in (("parts", 3, "2"), ("parts", 10_000, "2"), ("whole", 2, "1")):
        refusal = refusal_of(s3.get_object, Bucket=BUCKET, Key=key, PartNumber=number)
        assert (refusal.status, refusal.code) == (416, "InvalidPartNumber")
        assert (refusal.error["ActualPartCount"], refusal.error["PartNumberRequested"]) == (
            count,
            str(number),
        )
        assert refusal_of(s3.head_object, Bucket=BUCKET, Key=key, PartNumber=number).status == 416


@pytest.mark.parametrize("call", ["list_objects", "list_objects_v2", "list_multipart_uploads"])
def test_an_empty_delimiter_is_not_repeated(s3, call):
    assert "Delimiter" not in getattr(s3, call)(Bucket=BUCKET, Delimiter="")
    assert getattr(s3, call)(Bucket=BUCKET, Delimiter="/")["Delimiter"] == "/"


class TestRegions:
    body = b"Action=GetCallerIdentity&Version=2011-06-15"

    def ask(self, server, region):
        dates = {"x-amz-date": f"{now():%Y%m%dT%H%M%SZ}"}
        return signed(server, "POST", "/", now(), dates, region=region, service="sts", body=self.body)

    def test_sts_takes_the_empty_region_that_some_clients_sign(self, s3_server):
        assert self.ask(s3_server, "")[0] == 200

    @pytest.mark.parametrize("region", ["", "us-east-1"])
    def test_sts_with_a_region_refuses_another_one_in_its_own_words(self, tmp_path, region):
        with RunningServer(tmp_path / "s3", server_config() | {"region": "eu-central-1"}) as server:
            status, _, body = self.ask(server, region)
            assert (status, b"<Code>SignatureDoesNotMatch</Code>" in body) == (403, True)
            assert b"Credential should be scoped to a valid region." in body
            assert self.ask(server, "eu-central-1")[0] == 200

    def test_s3_refuses_an_empty_region(self, s3_server):
        dates = {"x-amz-date": f"{now():%Y%m%dT%H%M%SZ}"}
        status, _, body = signed(s3_server, "GET", f"/{BUCKET}", now(), dates, region="")
        assert (status, b"<Code>AuthorizationHeaderMalformed</Code>" in body) == (400, True)
        assert b"<Region>us-east-1</Region>" in body


def test_a_signature_of_version_2_is_told_which_setting_makes_another_one(s3_server):
    old = boto3.client(
        "s3",
        endpoint_url=s3_server.endpoint,
        region_name="us-east-1",
        aws_access_key_id="portal-key",
        aws_secret_access_key="portal-secret",
    )
    url = old.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "k"})
    assert "AWSAccessKeyId=" in url
    for status, _, body in (
        send(s3_server, "GET", url),
        send(s3_server, "GET", f"/{BUCKET}", {"Authorization": "AWS portal-key:c2lnbmF0dXJl"}),
    ):
        assert (status, b"<Code>InvalidRequest</Code>" in body) == (400, True)
        assert b"signature_version='s3v4'" in body
        assert b"aws configure set default.s3.signature_version s3v4" in body


def test_only_the_last_chunk_may_be_small(s3_server):
    for sizes, expected in (
        ([8192, 8191, 1], 403),
        ([1, 8192], 403),
        ([8192, 8192, 1], 200),
        ([1], 200),
        ([], 200),
        ([100_000, 5], 200),
    ):
        body = b"".join(b"%x\r\n%b\r\n" % (size, b"x" * size) for size in [*sizes, 0])
        status, _, answer = signed_send(
            s3_server,
            "PUT",
            f"/{BUCKET}/k",
            {
                "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
                "x-amz-decoded-content-length": str(sum(sizes)),
            },
            body,
        )
        assert (status, b"<Code>InvalidChunkSizeError</Code>" in answer) == (expected, expected == 403)


def test_actual_answers_name_the_methods_of_their_rule(s3_server, s3):
    rule = {"AllowedOrigins": ["https://*.example"], "AllowedMethods": ["GET", "PUT"], "MaxAgeSeconds": 60}
    s3.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": [rule]})
    url = s3.generate_presigned_url("list_objects_v2", {"Bucket": BUCKET})
    asked = {"Origin": "https://a.example"}
    status, headers, _ = send(s3_server, "GET", url, asked)
    assert (status, headers["access-control-allow-methods"]) == (200, "GET, PUT")
    assert headers["access-control-max-age"] == "60"
    # What a request names counts, also where it is no preflight.
    _, headers, _ = send(s3_server, "GET", url, asked | {"Access-Control-Request-Method": "DELETE"})
    assert "access-control-allow-origin" not in headers


def test_an_empty_authorization_claims_nothing(s3_server, s3):
    for method in ("GET", "PUT"):
        status, _, body = send(s3_server, method, f"/{BUCKET}/k", {"Authorization": ""})
        assert (status, b"<Code>AccessDenied</Code>" in body) == (403, True)
    url = s3.generate_presigned_url("list_objects_v2", {"Bucket": BUCKET})
    assert send(s3_server, "GET", url, {"Authorization": ""})[0] == 200


@pytest.mark.parametrize(
    "header", ["bytes= -1", "bytes=0 -1", "bytes=0--1", "bytes=10-5", "bytes=,", "foo=0-1", "bytes=0-1,3-4"]
)
def test_what_is_no_range_asks_for_everything(s3, header):
    s3.put_object(Bucket=BUCKET, Key="k", Body=bytes(100))
    answer = s3.get_object(Bucket=BUCKET, Key="k", Range=header)
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["ContentLength"]) == (200, 100)


@pytest.mark.parametrize("tagging", ["=", "=value", "key%", "key=%zz", "k=v&k=v"])
def test_tags_that_are_no_query_are_refused(s3, tagging):
    assert code_of(s3.put_object, Bucket=BUCKET, Key="k", Tagging=tagging) == "InvalidArgument"


@pytest.mark.parametrize("source", ["%ZZ", "a%", "a/%A/b", "a/%1"])
def test_sources_of_copies_are_percent_encoded(s3_server, source):
    headers = {"x-amz-copy-source": f"{BUCKET}/{source}"}
    status, _, body = signed_send(s3_server, "PUT", f"/{BUCKET}/k", headers)
    assert (status, b"Invalid copy source encoding" in body) == (400, True)


def test_an_upload_id_without_a_key_is_no_place_in_a_listing(s3):
    s3.create_multipart_upload(Bucket=BUCKET, Key="k")
    answer = s3.list_multipart_uploads(Bucket=BUCKET, UploadIdMarker="z")
    assert (answer["UploadIdMarker"], len(answer["Uploads"])) == ("", 1)


def test_types_of_checksums_may_be_in_any_case(s3_server):
    s3 = client_of(s3_server, parameter_validation=False)
    made = s3.create_multipart_upload(
        Bucket=BUCKET, Key="k", ChecksumAlgorithm="crc32", ChecksumType="full_object"
    )
    assert (made["ChecksumAlgorithm"], made["ChecksumType"]) == ("CRC32", "FULL_OBJECT")
    named = {"Bucket": BUCKET, "Key": "k", "UploadId": made["UploadId"]}
    etag = s3.upload_part(**named, PartNumber=1, Body=b"x", ChecksumAlgorithm="CRC32")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    for wrong in ("half", "COMPOSITE"):
        refusal = refusal_of(s3.complete_multipart_upload, **named, MultipartUpload=parts, ChecksumType=wrong)
        assert refusal.code == "InvalidRequest"
    s3.complete_multipart_upload(**named, MultipartUpload=parts, ChecksumType="Full_Object")
    assert (
        code_of(s3.create_multipart_upload, Bucket=BUCKET, Key="k", ChecksumType="half") == "InvalidRequest"
    )


def test_a_form_without_a_boundary_is_no_form(s3_server):
    content_type = {"Content-Type": "multipart/form-data"}
    status, _, body = send(s3_server, "POST", f"/{BUCKET}", content_type, b"x")
    assert (status, b"<Code>MalformedPOSTRequest</Code>" in body) == (400, True)
