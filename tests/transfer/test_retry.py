"""What is done about a failure: the same as the browser does."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from s3portal.transfer.retry import Decision, Failure, RetryPolicy, decide, parse_retry_after

POLICY = RetryPolicy()
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=timezone.utc)


def decided(failure: Failure, tries: int = 1, signings: int = 0, random: float = 0.5) -> Decision:
    return decide(failure, tries=tries, signings=signings, policy=POLICY, random=lambda: random)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        *((0, ""), (408, ""), (429, "SlowDown"), (500, "InternalError"), (503, ""), (507, "")),
        *((400, "RequestTimeout"), (400, "IncompleteBody"), (400, "BadDigest")),
    ],
)
def test_what_may_pass_is_tried_again(status: int, code: str) -> None:
    assert decided(Failure(status, code, "")).action == "retry"


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "AccessDenied"), (404, "NoSuchUpload"), (413, ""), (400, "EntityTooLarge"), (501, ""), (409, "")],
)
def test_what_will_not_pass_ends_it(status: int, code: str) -> None:
    assert decided(Failure(status, code, "")).action == "stop"


@pytest.mark.parametrize(
    "failure",
    [
        Failure(403, "AccessDenied", "Request has expired"),
        Failure(400, "ExpiredToken", "The provided token has expired."),
    ],
)
def test_what_is_too_old_is_signed_again_three_times_at_no_cost(failure: Failure) -> None:
    assert [decided(failure, signings=number).action for number in range(4)] == [
        *("sign", "sign", "sign", "retry")
    ]
    assert decided(failure, tries=10, signings=3).action == "stop", "a wrong clock comes to an end"


def test_waits_double_up_to_the_cap_with_full_jitter() -> None:
    failure = Failure(503, "SlowDown", "")

    assert [decided(failure, tries=n, random=1.0).delay_s for n in (1, 2, 3, 9)] == [0.3, 0.6, 1.2, 30.0]
    assert decided(failure, tries=9, random=0.0).delay_s == 0.0


def test_ten_tries_are_made_where_a_server_answers_and_forty_where_none_does() -> None:
    assert [decided(Failure(503, "", ""), tries=n).action for n in (9, 10)] == ["retry", "stop"]
    assert [decided(Failure(0, "", ""), tries=n).action for n in (39, 40)] == ["retry", "stop"]


def test_what_the_answer_asks_for_comes_first_within_reason() -> None:
    assert decided(Failure(429, "", "", retry_after_s=20), random=0.0).delay_s == 20
    assert decided(Failure(429, "", "", retry_after_s=20), random=1.0).delay_s == pytest.approx(20.3)
    assert decided(Failure(429, "", "", retry_after_s=86_400), random=0.0).delay_s == 300


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("Sat, 21 Nov 2026 09:01:30 GMT", 90.0),
        ("Sat, 21 Nov 2026 08:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header, NOW) == seconds


def test_a_failure_is_said_in_a_line() -> None:
    assert str(Failure(503, "SlowDown", "Please reduce")) == "503 SlowDown: Please reduce"
    assert str(Failure(0, "", "Connection refused")) == "no answer: Connection refused"
    assert str(Failure(500, "", "")) == "500"
