"""What callers write where a number or a date is expected, and requests that hold it."""

from __future__ import annotations

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from s3_callers import BUCKET, client_of, send

MANY_DIGITS = "9" * 5000
ARABIC_DIGITS = "\u0662\u0660\u0662\u0666\u0661\u0661\u0662\u0666"
DATES = [
    "Thu, 01 Jan 99999999999999999999 00:00:00 GMT",
    "Thu, 01 Jan 9999 23:59:59 -9999",
    "Thu, 01 Jan 0001 00:00:00 +9999",
    "Thu, 01 Jan 2026 00:00:00 +99999999999999999999",
    "Thu, 99 Foo 2026 99:99:99 GMT",
    "0",
    ",",
    "Thu,",
    "Mon, -1 Jan 2026 00:00:00 GMT",
    "x" * 60_000,
]

# Numbers as callers write them: over every limit, in other alphabets, and not at all.
NUMBERS = [
    MANY_DIGITS,
    "-1",
    "1.5",
    "1e9",
    "\u0663",
    "\u00b2",
    "0x10",
    "Infinity",
    "NaN",
    " 1",
    "+1",
    "1_000",
]


def assert_no_failure(status, body):
    assert status < 500, body
    if status >= 400 and body:
        assert b"<Code>InternalError" not in body


@pytest.fixture
def stored(shared_server):
    s3 = client_of(shared_server)
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"content")
    return s3


def sts(server, body):
    """Sends a signed call of STS as it is."""
    keys = server.users["portal"]
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    request = AWSRequest("POST", server.endpoint + "/", headers, body)
    SigV4Auth(Credentials(keys.access_key_id, keys.secret_access_key), "sts", "us-east-1").add_auth(request)
    status, _, answer = send(server, "POST", "/", dict(request.headers.items()), body)
    return status, answer
