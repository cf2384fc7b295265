"""A store that is away and left alone for a while: what callers are told, and what the log says of it."""

import logging

import pytest
from callers import Caller

from s3portal.server.testing import RunningServer


def test_calls_that_are_refused_at_once_leave_a_line_in_the_log_and_no_traceback(
    publisher: Caller, s3_server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    s3_server.faults.add("CreateMultipartUpload", status=503)
    for _ in range(3):
        assert publisher.create().error["code"] == "store_unavailable"
    # What the store did is there to be looked into.
    assert [record for record in caplog.records if record.exc_info]
    caplog.clear()

    with caplog.at_level(logging.INFO):
        answer = publisher.create()

    assert (answer.status, answer.error["code"]) == (503, "store_busy")
    assert answer.error["retry_after_s"] >= 1
    assert [record for record in caplog.records if record.exc_info] == []
    [line] = [record for record in caplog.records if record.name == "ckanext.s3multipart.refusal"]
    assert line.levelname == "WARNING"
    assert "try again in" in line.getMessage()
