"""Objects read in part, under conditions, and with headers of the reader's choice."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone

import pytest
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from s3_callers import BUCKET, client_of, code_of, refusal_of, send
from small_objects import CONTENT, body_of


@pytest.fixture
def ten(s3):
    """An object of ten bytes."""
    s3.put_object(Bucket=BUCKET, Key="ten", Body=CONTENT)
    return {"Bucket": BUCKET, "Key": "ten"}


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
        max_examples=examples(40),
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
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
