"""Every date and time that comes from outside has a bound: what is beyond it is a bad request, never a
failure of the server."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from odd_requests import ARABIC_DIGITS, DATES, MANY_DIGITS, assert_no_failure
from odd_requests import stored as stored  # a fixture
from s3_callers import (
    BUCKET,
    send,
    signed_send,
)


@pytest.mark.parametrize(
    "date", ["99991231T235959Z", "00010101T000000Z", "20260231T000000Z", ARABIC_DIGITS + "T000000Z"]
)
@pytest.mark.parametrize("expires", ["604800", MANY_DIGITS, "-1", "\u0663"])
def test_times_of_a_presigned_url(shared_server, stored, date, expires):
    url = stored.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "k"})
    url = re.sub(
        r"X-Amz-Date=\w+", f"X-Amz-Date={date}", re.sub(r"X-Amz-Expires=\w+", f"X-Amz-Expires={expires}", url)
    )
    url = re.sub(r"%2F\d{8}%2F", f"%2F{date[:8]}%2F", url)
    status, _, body = send(shared_server, "GET", quoted(url))
    assert status in (400, 403)
    assert_no_failure(status, body)


def quoted(url):
    return quote(url, safe="%/:?&=")


@pytest.mark.parametrize("name", ["x-amz-date", "date"])
@pytest.mark.parametrize("value", ["99991231T235959Z", "00010101T000000Z", *DATES[:-1]])
def test_times_of_a_signed_header(shared_server, name, value):
    authorization = (
        f"AWS4-HMAC-SHA256 Credential=portal-key/{value[:8]}/us-east-1/s3/aws4_request, SignedHeaders=host, "
        f"Signature={'0' * 64}"
    )
    status, _, body = send(shared_server, "GET", f"/{BUCKET}", {"Authorization": authorization, name: value})
    assert status in (400, 403)
    assert_no_failure(status, body)


@pytest.mark.parametrize("name", ["If-Modified-Since", "If-Unmodified-Since", "If-Range"])
@pytest.mark.parametrize("date", DATES)
def test_dates_of_conditions(shared_server, stored, name, date):
    for method in ("GET", "HEAD"):
        status, _, body = signed_send(
            shared_server, method, f"/{BUCKET}/k", {name: date, "Range": "bytes=0-1"}
        )
        assert_no_failure(status, body)


@pytest.mark.parametrize("name", ["if-modified-since", "if-unmodified-since"])
@pytest.mark.parametrize("date", DATES)
def test_dates_of_copy_sources(shared_server, stored, name, date):
    headers = {"x-amz-copy-source": f"{BUCKET}/k", f"x-amz-copy-source-{name}": date}
    status, _, body = signed_send(shared_server, "PUT", f"/{BUCKET}/copy", headers)
    assert_no_failure(status, body)
