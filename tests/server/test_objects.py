"""Objects: put, read in every way, copied, deleted; under conditions; whatever their keys are."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from s3_callers import BUCKET, MIB, client_of, code_of, refusal_of, send, signed_send

CONTENT = b"0123456789"


@pytest.fixture
def ten(s3):
    """An object of ten bytes."""
    s3.put_object(Bucket=BUCKET, Key="ten", Body=CONTENT)
    return {"Bucket": BUCKET, "Key": "ten"}


def body_of(answer):
    return answer["Body"].read()


# Anything that is UTF-8 and fits 1,024 bytes.
any_key = st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=80).filter(
    lambda key: len(key.encode()) <= 1024
)


@settings(max_examples=60)
@given(key=any_key, content=st.binary(max_size=100))
def test_any_key_and_any_content_come_back(shared_server, key, content):
    path = f"/{BUCKET}/" + "".join(f"%{byte:02X}" for byte in key.encode())
    assert signed_send(shared_server, "PUT", path, body=content)[0] == 200
    assert signed_send(shared_server, "GET", path)[2] == content
    assert signed_send(shared_server, "DELETE", path)[0] == 204
    assert signed_send(shared_server, "GET", path)[0] == 404


@pytest.mark.parametrize(
    "keys",
    [
        ["foo", "foo/bar", "foo/bar/baz"],
        ["a" * 255, "a" * 256, "b/" + "c" * 300, "é" * 512],
        ["../../escape", "..", ".", "/etc/passwd", "a\\b", "metadata.sqlite3", "a\x00b"],
    ],
)
def test_keys_that_would_trouble_a_file_system_are_just_keys(s3_server, s3, tmp_path, keys):
    for key in keys:
        path = f"/{BUCKET}/" + "".join(f"%{byte:02X}" for byte in key.encode())
        assert signed_send(s3_server, "PUT", path, body=key.encode())[0] == 200
    for key in keys:
        path = f"/{BUCKET}/" + "".join(f"%{byte:02X}" for byte in key.encode())
        assert signed_send(s3_server, "GET", path)[2] == key.encode()
    assert [entry.name for entry in tmp_path.iterdir()] == ["s3"]


def test_no_path_of_the_server_is_reachable_by_tricks(s3_server):
    for path in ("/../lock", f"/{BUCKET}/../lock", "/%2e%2e/lock", "/./metadata.sqlite3", "//lock"):
        status, _, body = signed_send(s3_server, "GET", path)
        assert status in (400, 403, 404), path
        assert b"SQLite" not in body


def test_headers_and_metadata_come_back_as_they_were_given(s3):
    given = {
        "CacheControl": "max-age=60",
        "ContentDisposition": 'attachment; filename="x.csv"',
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
        "ContentType": "text/csv; charset=utf-8",
        "Metadata": {"portal": "https://data.example.org", "filename": "=?utf-8?b?w6k=?="},
    }
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x", **given)
    for read in (s3.get_object, s3.head_object):
        found = read(Bucket=BUCKET, Key="k")
        assert {name: found[name] for name in given} == given


def test_without_a_content_type_it_is_s3s_own(s3, ten):
    assert s3.head_object(**ten)["ContentType"] == "binary/octet-stream"


def test_metadata_over_2_kib_is_refused(s3):
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x", Metadata={"a": "x" * 2047})
    assert (
        code_of(s3.put_object, Bucket=BUCKET, Key="k", Body=b"x", Metadata={"a": "x" * 2048})
        == "MetadataTooLarge"
    )


def test_an_empty_object(s3):
    s3.put_object(Bucket=BUCKET, Key="empty", Body=b"")
    answer = s3.get_object(Bucket=BUCKET, Key="empty")
    assert (answer["ContentLength"], body_of(answer)) == (0, b"")
    refusal = refusal_of(s3.get_object, Bucket=BUCKET, Key="empty", Range="bytes=0-0")
    assert (refusal.status, refusal.code) == (416, "InvalidRange")


def test_a_key_of_1024_bytes_is_the_longest(s3):
    s3.put_object(Bucket=BUCKET, Key="é" * 512, Body=b"x")
    refusal = refusal_of(s3.put_object, Bucket=BUCKET, Key="é" * 512 + "x", Body=b"x")
    assert (refusal.code, refusal.error["MaxSizeAllowed"]) == ("KeyTooLongError", "1024")


def test_a_put_over_5_gib_is_refused_before_a_byte_is_read(s3_server, s3):
    url = s3.generate_presigned_url("put_object", {"Bucket": BUCKET, "Key": "k"}).removeprefix(
        s3_server.endpoint
    )
    from s3_callers import raw_exchange

    head = f"PUT {url} HTTP/1.1\r\nHost: 127.0.0.1:{s3_server.port}\r\nContent-Length: {5 * 1024**3 + 1}\r\n"
    answer = raw_exchange(s3_server, f"{head}Expect: 100-continue\r\n\r\n".encode())
    assert b"<Code>EntityTooLarge</Code>" in answer
    assert b"100 Continue" not in answer


class TestRanges:
    @pytest.mark.parametrize(
        ("header", "content"),
        [
            ("bytes=0-0", b"0"),
            ("bytes=2-4", b"234"),
            ("bytes=7-", b"789"),
            ("bytes=-3", b"789"),
            ("bytes=-100", CONTENT),
            ("bytes=5-100", b"56789"),
            ("bytes=0-9", CONTENT),
        ],
    )
    def test_a_range_is_answered_with_206(self, s3, ten, header, content):
        answer = s3.get_object(**ten, Range=header)
        first = CONTENT.index(content)
        assert answer["ContentRange"] == f"bytes {first}-{first + len(content) - 1}/10"
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert body_of(answer) == content

    @pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-20", "bytes=-0"])
    def test_what_is_not_there_is_416_with_the_size(self, s3_server, s3, ten, header):
        refusal = refusal_of(s3.get_object, **ten, Range=header)
        assert (refusal.status, refusal.code, refusal.error["ActualObjectSize"]) == (
            416,
            "InvalidRange",
            "10",
        )
        url = s3.generate_presigned_url("get_object", ten)
        assert send(s3_server, "GET", url, {"Range": header})[1]["content-range"] == "bytes */10"

    @pytest.mark.parametrize(
        "header", ["bytes=4-2", "bytes=a-b", "lines=1-2", "bytes=0-1,3-4", "bytes=-", "nonsense"]
    )
    def test_what_is_no_single_range_is_ignored(self, s3, ten, header):
        answer = s3.get_object(**ten, Range=header)
        assert (answer["ResponseMetadata"]["HTTPStatusCode"], body_of(answer)) == (200, CONTENT)

    def test_head_answers_a_range_too(self, s3, ten):
        assert s3.head_object(**ten, Range="bytes=2-4")["ContentLength"] == 3

    def test_if_range_gives_the_whole_of_a_changed_object(self, s3_server, s3, ten):
        url = s3.generate_presigned_url("get_object", ten)
        etag = s3.head_object(**ten)["ETag"]
        assert send(s3_server, "GET", url, {"Range": "bytes=1-2", "If-Range": etag})[2] == b"12"
        assert send(s3_server, "GET", url, {"Range": "bytes=1-2", "If-Range": '"old"'})[2] == CONTENT

    @settings(
        max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    )
    @given(first=st.integers(0, 3 * 70_000 - 1), length=st.integers(1, 150_000))
    def test_a_range_of_a_larger_object_is_that_slice(self, shared_server, first, length):
        s3 = client_of(shared_server)
        content = bytes(range(251)) * 837  # 210,087 bytes
        if not s3.list_objects_v2(Bucket=BUCKET, Prefix="slices").get("KeyCount"):
            s3.put_object(Bucket=BUCKET, Key="slices", Body=content)
        answer = s3.get_object(Bucket=BUCKET, Key="slices", Range=f"bytes={first}-{first + length - 1}")
        assert body_of(answer) == content[first : first + length]


class TestConditions:
    def test_if_match_and_if_none_match(self, s3, ten):
        etag = s3.head_object(**ten)["ETag"]
        assert body_of(s3.get_object(**ten, IfMatch=etag)) == CONTENT
        assert refusal_of(s3.get_object, **ten, IfMatch='"other"').status == 412
        assert refusal_of(s3.get_object, **ten, IfNoneMatch=etag).status == 304
        assert refusal_of(s3.head_object, **ten, IfNoneMatch="*").status == 304
        assert body_of(s3.get_object(**ten, IfNoneMatch='"other"')) == CONTENT

    def test_dates(self, s3, ten):
        now = datetime.now(timezone.utc)
        past, future = now - timedelta(hours=1), now + timedelta(hours=1)
        assert refusal_of(s3.get_object, **ten, IfModifiedSince=future).status == 304
        assert body_of(s3.get_object(**ten, IfModifiedSince=past)) == CONTENT
        assert refusal_of(s3.get_object, **ten, IfUnmodifiedSince=past).status == 412
        assert body_of(s3.get_object(**ten, IfUnmodifiedSince=future)) == CONTENT

    def test_an_entity_tag_counts_before_a_date(self, s3, ten):
        etag = s3.head_object(**ten)["ETag"]
        past = datetime.now(timezone.utc) - timedelta(hours=1)
        assert body_of(s3.get_object(**ten, IfMatch=etag, IfUnmodifiedSince=past)) == CONTENT

    def test_304_has_the_etag_and_no_body(self, s3_server, s3, ten):
        etag = s3.head_object(**ten)["ETag"]
        url = s3.generate_presigned_url("get_object", ten)
        status, headers, body = send(s3_server, "GET", url, {"If-None-Match": etag})
        assert (status, headers["etag"], body) == (304, etag, b"")

    def test_put_only_if_new(self, s3):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"1", IfNoneMatch="*")
        refusal = refusal_of(s3.put_object, Bucket=BUCKET, Key="k", Body=b"2", IfNoneMatch="*")
        assert (refusal.status, refusal.code) == (412, "PreconditionFailed")
        assert body_of(s3.get_object(Bucket=BUCKET, Key="k")) == b"1"

    def test_put_only_over_the_version_one_knows(self, s3):
        etag = s3.put_object(Bucket=BUCKET, Key="k", Body=b"1")["ETag"]
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"2", IfMatch=etag)
        assert code_of(s3.put_object, Bucket=BUCKET, Key="k", Body=b"3", IfMatch=etag) == "PreconditionFailed"
        assert code_of(s3.put_object, Bucket=BUCKET, Key="new", Body=b"3", IfMatch=etag) == "NoSuchKey"

    def test_of_many_writers_who_want_to_be_first_one_is(self, s3_server):
        outcomes = []

        def write(number):
            client = client_of(s3_server)
            try:
                client.put_object(Bucket=BUCKET, Key="race", Body=str(number).encode(), IfNoneMatch="*")
                outcomes.append(number)
            except client.exceptions.ClientError as refused:
                assert refused.response["Error"]["Code"] == "PreconditionFailed"

        threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(outcomes) == 1
        assert (
            body_of(client_of(s3_server).get_object(Bucket=BUCKET, Key="race")) == str(outcomes[0]).encode()
        )


class TestOverrides:
    def test_a_signed_get_may_set_the_answers_headers(self, s3, ten):
        answer = s3.get_object(
            **ten,
            ResponseContentDisposition="attachment; filename*=UTF-8''%C3%A9.csv",
            ResponseContentType="text/csv",
            ResponseCacheControl="no-store",
        )
        assert answer["ContentDisposition"] == "attachment; filename*=UTF-8''%C3%A9.csv"
        assert (answer["ContentType"], answer["CacheControl"]) == ("text/csv", "no-store")

    @pytest.mark.parametrize("value", ["a\r\nSet-Cookie: x=1", "漢", "a\x00b"])
    def test_no_header_can_be_smuggled_in(self, s3, ten, value):
        assert code_of(s3.get_object, **ten, ResponseContentType=value) == "InvalidArgument"

    def test_an_unsigned_override_breaks_the_signature(self, s3_server, s3, ten):
        url = s3.generate_presigned_url("get_object", ten)
        assert send(s3_server, "GET", url + "&response-content-type=text%2Fhtml")[0] == 403


class TestCopies:
    source = {"Bucket": BUCKET, "Key": "ten"}

    def test_a_copy_has_the_bytes_and_the_metadata(self, s3):
        s3.put_object(**self.source, Body=CONTENT, Metadata={"a": "1"}, ContentType="text/plain")
        s3.copy_object(Bucket=BUCKET, Key="copy é+ä", CopySource=self.source)
        copy = s3.get_object(Bucket=BUCKET, Key="copy é+ä")
        assert (body_of(copy), copy["Metadata"], copy["ContentType"]) == (CONTENT, {"a": "1"}, "text/plain")
        s3.delete_object(**self.source)
        assert body_of(s3.get_object(Bucket=BUCKET, Key="copy é+ä")) == CONTENT

    def test_replaced_metadata(self, s3, ten):
        s3.copy_object(
            **ten,
            CopySource=self.source,
            MetadataDirective="REPLACE",
            Metadata={"b": "2"},
            ContentType="text/csv",
        )
        head = s3.head_object(**ten)
        assert (head["Metadata"], head["ContentType"]) == ({"b": "2"}, "text/csv")

    def test_a_copy_onto_itself_that_changes_nothing_is_refused(self, s3, ten):
        assert code_of(s3.copy_object, **ten, CopySource=self.source) == "InvalidRequest"

    def test_a_source_that_is_missing_or_does_not_match(self, s3, ten):
        target = {"Bucket": BUCKET, "Key": "copy"}
        assert code_of(s3.copy_object, **target, CopySource={"Bucket": BUCKET, "Key": "no"}) == "NoSuchKey"
        wrong = {"CopySource": self.source, "CopySourceIfMatch": '"other"'}
        assert code_of(s3.copy_object, **target, **wrong) == "PreconditionFailed"
        unchanged = {"CopySource": self.source, "CopySourceIfNoneMatch": s3.head_object(**ten)["ETag"]}
        assert code_of(s3.copy_object, **target, **unchanged) == "PreconditionFailed"

    def test_the_source_must_be_readable_by_the_caller(self, s3_server, s3):
        admin = client_of(s3_server, "admin")
        admin.create_bucket(Bucket="private-bucket")
        admin.put_object(Bucket="private-bucket", Key="secret", Body=b"x")
        source = {"Bucket": "private-bucket", "Key": "secret"}
        assert code_of(s3.copy_object, Bucket=BUCKET, Key="stolen", CopySource=source) == "AccessDenied"


class TestDeleting:
    def test_deleting_what_is_not_there_is_no_error(self, s3):
        s3.delete_object(Bucket=BUCKET, Key="no-such-key")

    def test_a_thousand_at_once(self, s3):
        keys = [f"k{number:04d}" for number in range(40)]
        for key in keys:
            s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
        listed = [{"Key": key} for key in keys] + [{"Key": f"no{number}"} for number in range(960)]
        answer = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": listed})
        assert len(answer["Deleted"]) == 1000
        assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0
        too_many = {"Objects": [*listed, {"Key": "one more"}]}
        assert code_of(s3.delete_objects, Bucket=BUCKET, Delete=too_many) == "MalformedXML"

    def test_quiet_says_nothing_and_version_null_is_the_object(self, s3, ten):
        delete = {"Objects": [{"Key": "ten", "VersionId": "null"}], "Quiet": True}
        assert "Deleted" not in s3.delete_objects(Bucket=BUCKET, Delete=delete)
        assert code_of(s3.head_object, **ten) == "404"

    def test_another_version_is_an_error_of_its_own(self, s3, ten):
        delete = {"Objects": [{"Key": "ten", "VersionId": "1234"}]}
        errors = s3.delete_objects(Bucket=BUCKET, Delete=delete)["Errors"]
        assert [(error["Key"], error["Code"]) for error in errors] == [("ten", "NoSuchVersion")]
        assert body_of(s3.get_object(**ten)) == CONTENT

    def test_a_damaged_list_deletes_nothing(self, s3_server, s3, ten):
        body = b"<Delete><Object><Key>ten</Key></Object></Delete>"
        wrong_md5 = {"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}
        status, _, answer = signed_send(s3_server, "POST", f"/{BUCKET}?delete", wrong_md5, body)
        assert (status, b"BadDigest" in answer) == (400, True)
        assert body_of(s3.get_object(**ten)) == CONTENT

    def test_the_file_is_gone_too(self, s3, ten, tmp_path):
        def files():
            return [path for path in (tmp_path / "s3" / "blobs").rglob("*") if path.is_file()]

        s3.put_object(**ten, Body=b"x" * MIB)
        assert len(files()) == 1
        s3.delete_object(**ten)
        assert files() == []


def test_a_reader_gets_the_whole_object_although_it_is_replaced_meanwhile(s3_server, s3, tmp_path):
    old, new = b"o" * 9 * MIB, b"n" * MIB
    s3.put_object(Bucket=BUCKET, Key="k", Body=old)
    reading = s3.get_object(Bucket=BUCKET, Key="k")["Body"]
    begun = reading.read(100)
    s3.put_object(Bucket=BUCKET, Key="k", Body=new)
    assert begun + reading.read() == old
    assert body_of(s3.get_object(Bucket=BUCKET, Key="k")) == new


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"ServerSideEncryption": "AES256"}, "NotImplemented"),
        ({"ServerSideEncryption": "aws:kms"}, "NotImplemented"),
        ({"Tagging": "a=b"}, "NotImplemented"),
        ({"ObjectLockLegalHoldStatus": "ON"}, "NotImplemented"),
        ({"WebsiteRedirectLocation": "/x"}, "NotImplemented"),
        ({"ACL": "public-read"}, "AccessControlListNotSupported"),
        ({"StorageClass": "GLACIER"}, "InvalidStorageClass"),
        ({"ExpectedBucketOwner": "111111111111"}, "AccessDenied"),
    ],
)
def test_what_somebody_would_rely_on_is_refused_rather_than_ignored(s3, arguments, code):
    assert code_of(s3.put_object, Bucket=BUCKET, Key="k", Body=b"x", **arguments) == code
    assert code_of(s3.head_object, Bucket=BUCKET, Key="k") == "404"


def test_the_owner_acl_and_the_right_owner_are_accepted(s3):
    s3.put_object(
        Bucket=BUCKET, Key="k", Body=b"x", ACL="bucket-owner-full-control", ExpectedBucketOwner="000000000000"
    )


def test_who_may_not_list_does_not_learn_what_is_missing(tmp_path):
    from s3portal.server.pytest_plugin import server_config
    from s3portal.server.testing import RunningServer

    config = server_config()
    config["users"][1]["policy"]["Statement"] = {
        "Effect": "Allow",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
    }
    config["roles"] = []
    with RunningServer(tmp_path / "s3", config) as server:
        assert code_of(client_of(server, "portal").get_object, Bucket=BUCKET, Key="no") == "AccessDenied"
        assert code_of(client_of(server, "admin").get_object, Bucket=BUCKET, Key="no") == "NoSuchKey"


def test_metadata_names_with_underscores_and_hyphens_are_two_names(s3):
    metadata = {"creator_username": "anna", "creator-username": "bert"}
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x", Metadata=metadata)
    assert s3.head_object(Bucket=BUCKET, Key="k")["Metadata"] == metadata


@pytest.mark.parametrize("parameter", ["annotation", "something-s3-will-have-one-day", "tagging"])
def test_a_change_of_what_is_not_known_here_is_not_a_change_of_the_object(s3_server, s3, ten, parameter):
    for method in ("PUT", "DELETE"):
        status, _, body = signed_send(s3_server, method, f"/{BUCKET}/ten?{parameter}", body=b"other")
        assert (status, b"NotImplemented" in body) == (501, True)
    assert signed_send(s3_server, "PUT", f"/{BUCKET}/k?x-id=PutObject", body=b"x")[0] == 200
    assert body_of(s3.get_object(**ten)) == CONTENT
