"""The gateway as a WSGI application: whatever breaks, the caller gets an answer and the log a record."""

from __future__ import annotations

import sqlite3

import pytest
from s3_callers import BUCKET, signed_send

from s3portal.server.storage import buckets


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (sqlite3.OperationalError("injected"), 500, b"InternalError"),
        (OSError(24, "injected"), 503, b"SlowDown"),
        (RuntimeError("injected"), 500, b"InternalError"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_bucket_that_cannot_be_read_is_an_error_in_s3s_words(
    s3_server, monkeypatch, failure, status, code, method
):
    """The row is read for the decision, and again for the CORS headers of the error."""

    def fail(*arguments):
        raise failure

    with monkeypatch.context() as broken:
        broken.setattr(buckets, "find", fail)
        got, headers, body = signed_send(s3_server, method, f"/{BUCKET}/k", {"Origin": "http://127.0.0.1:1"})
    assert (got, headers["content-type"]) == (status, "application/xml")
    assert b"<Code>" + code + b"</Code>" in body
    s3_server.wait_until_idle()
    assert [record.status for record in s3_server.requests] == [status]
    assert signed_send(s3_server, "PUT", f"/{BUCKET}/k")[0] == 200
