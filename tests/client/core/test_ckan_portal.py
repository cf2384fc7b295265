"""What a portal may answer, and what the person at the shell is told."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
import urllib3

from s3portal.client.ckan import CkanPortal
from s3portal.client.errors import PortalError
from s3portal.client.waits import RESUME, Wait

UPLOAD = {
    "id": "u1", "state": "uploading", "filename": "gauges.csv", "size": 3, "part_size": 5_242_880,
    "part_count": 1, "fingerprint": None, "checksum": None, "stored": None,
}  # fmt: skip


class ScriptedPool:
    """Answers with what was scripted, and keeps what was asked."""

    def __init__(self, *answers: object) -> None:
        self._answers: Iterator[object] = iter(answers)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def request(self, method: str, url: str, *, body: bytes, **_: object) -> urllib3.HTTPResponse:
        self.asked.append((url, json.loads(body)))
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, urllib3.HTTPResponse)
        return answer


def answer(body: object, status: int = 200, **headers: str) -> urllib3.HTTPResponse:
    text = body if isinstance(body, str) else json.dumps(body)
    return urllib3.HTTPResponse(text.encode(), headers=headers, status=status)


def result(body: object, **headers: str) -> urllib3.HTTPResponse:
    return answer({"success": True, "result": body}, **headers)


def refusal(status: int, **error: object) -> urllib3.HTTPResponse:
    return answer({"success": False, "error": error}, status)


def portal(
    *answers: object, waits: list[float] | None = None, heard: list[tuple[PortalError, Wait]] | None = None
) -> tuple[CkanPortal, ScriptedPool]:
    pool = ScriptedPool(*answers)
    sleep = (waits if waits is not None else []).append

    def waiting(error: PortalError, wait: Wait) -> None:
        if heard is not None:
            heard.append((error, wait))

    address = "https://data.example.org/"
    return CkanPortal(address, "token", pool=pool, sleep=sleep, waiting=waiting), pool  # type: ignore[arg-type]


def test_a_portal_that_is_away_is_spoken_of_from_the_second_time_on() -> None:
    away = urllib3.exceptions.NewConnectionError(None, "0x7f: [Errno 111]")  # type: ignore[arg-type]
    away.__cause__ = ConnectionRefusedError(111, "Connection refused")
    heard: list[tuple[PortalError, Wait]] = []
    waits: list[float] = []
    client, _ = portal(away, away, away, away, result([]), heard=heard, waits=waits)

    assert client.unfinished_uploads("rivers") == []
    assert [(error.code, wait.tries) for error, wait in heard] == [
        ("unreachable", tries) for tries in (2, 3, 4)
    ]
    assert [wait.delay_s for _, wait in heard] == waits[1:]
    assert str(heard[0][0]) == "data.example.org cannot be reached: it refuses the connection."


def test_a_portal_that_asks_for_patience_is_spoken_of_at_once() -> None:
    busy = answer({"success": False, "error": {"message": "Busy"}}, 503, **{"Retry-After": "120"})
    heard: list[tuple[PortalError, Wait]] = []
    client, _ = portal(busy, result([]), heard=heard)

    client.unfinished_uploads("rivers")

    ((error, wait),) = heard
    assert (str(error), wait.tries) == ("Busy", 1)
    assert wait.delay_s >= 120


def test_a_portal_that_is_not_reached_in_the_end_is_said_with_what_to_do() -> None:
    away = urllib3.exceptions.ConnectTimeoutError(None, "Connection to 10.0.0.1 timed out (0x7f)")
    heard: list[tuple[PortalError, Wait]] = []
    client, pool = portal(*[away] * 40, heard=heard)

    with pytest.raises(PortalError) as given_up:
        client.unfinished_uploads("rivers")

    assert len(pool.asked) == 40
    assert str(given_up.value) == f"data.example.org cannot be reached: it does not answer. {RESUME}"
    assert given_up.value.code == "unreachable"
    left_s = [wait.left_s for _, wait in heard]
    assert 300 < left_s[0] < 900
    assert left_s[-1] < 60


def test_a_certificate_that_is_not_trusted_is_said_at_once() -> None:
    untrusted = ssl.SSLCertVerificationError(1, "certificate verify failed")
    untrusted.verify_message = "self-signed certificate"
    client, pool = portal(urllib3.exceptions.SSLError(untrusted))

    with pytest.raises(
        PortalError, match=r"not trusted on this machine \(self-signed certificate\)"
    ) as refused:
        client.unfinished_uploads("rivers")

    assert len(pool.asked) == 1
    assert "SSL_CERT_FILE" in str(refused.value)
    assert RESUME not in str(refused.value)


def test_a_call_is_an_action_of_the_portal() -> None:
    client, pool = portal(result([{**UPLOAD, "stored": "1"}]))

    (upload,) = client.unfinished_uploads("rivers")

    assert pool.asked == [
        ("https://data.example.org/api/3/action/s3multipart_upload_list", {"owner": "rivers"})
    ]
    assert (upload.id, upload.stored, upload.plan.length(1)) == ("u1", (1,), 3)


@pytest.mark.parametrize(
    "failure",
    [
        urllib3.exceptions.ProtocolError("Connection aborted."),
        answer("<html>Bad Gateway</html>", 502),
        refusal(503, code="store_unavailable", message="Try again"),
        refusal(429, message="Slow down"),
    ],
)
def test_a_call_is_repeated_while_that_may_help(failure: object) -> None:
    waits: list[float] = []
    client, pool = portal(failure, result(UPLOAD), waits=waits)

    assert client.show_upload("u1").id == "u1"
    assert (len(pool.asked), len(waits)) == (2, 1)


def test_an_overloaded_portal_says_how_long_to_wait() -> None:
    waits: list[float] = []
    busy = answer({"success": False, "error": {"message": "Busy"}}, 503, **{"Retry-After": "17"})
    client, _ = portal(busy, result(UPLOAD), waits=waits)

    client.show_upload("u1")

    assert 17 <= waits[0] <= 17.3


def test_it_is_given_up_in_the_end() -> None:
    client, pool = portal(*(answer("<html>", 502) for _ in range(10)))

    with pytest.raises(PortalError, match="answered s3multipart_upload_show with 502"):
        client.show_upload("u1")

    assert len(pool.asked) == 10


def test_a_refusal_comes_at_once_with_its_code_its_sentence_and_its_facts() -> None:
    client, pool = portal(refusal(413, code="file_too_large", message="Up to 5 GB.", limit=5_000_000_000))

    with pytest.raises(PortalError, match=r"Up to 5 GB\.") as refused:
        client.show_upload("u1")

    assert (refused.value.code, refused.value.status) == ("file_too_large", 413)
    assert refused.value.facts == {"limit": 5_000_000_000}
    assert len(pool.asked) == 1


def test_ckans_own_validation_errors_are_readable() -> None:
    client, _ = portal(refusal(409, __type="Validation Error", format=["Missing value", "Too short"]))

    with pytest.raises(PortalError, match="format: Missing value Too short"):
        client.resources("rivers")


def test_a_portal_without_the_extension_is_said() -> None:
    """CKAN answers so, as a JSON string."""
    asked, _ = portal(answer('"Bad request - Action name not known: s3multipart_upload_show"', 400))

    with pytest.raises(PortalError, match="does not offer uploads of large files") as error:
        asked.show_upload("u1")

    assert error.value.code == "no_s3multipart"


@pytest.mark.parametrize(
    "stranger",
    [
        answer("<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", 403),
        answer("<!doctype html><title>Not Found</title>", 404),
        answer("<!doctype html><title>Welcome</title>", 200),
        answer([1, 2], 200),
        answer("", 405),
    ],
)
def test_an_address_that_is_no_portal_is_said_without_what_it_answered(
    stranger: urllib3.HTTPResponse,
) -> None:
    asked, _ = portal(stranger)

    with pytest.raises(PortalError, match="does not answer as a CKAN portal") as error:
        asked.unfinished_uploads("rivers")

    assert "<" not in str(error.value)
    assert "--portal" in str(error.value)


def test_a_token_that_is_refused_is_said_to_be_so() -> None:
    asked, _ = portal(refusal(401, code="not_signed_in", message="Log in to upload files."))

    with pytest.raises(PortalError, match="does not accept the API token in S3PORTAL_TOKEN") as error:
        asked.unfinished_uploads("rivers")

    assert (error.value.code, error.value.status) == ("not_signed_in", 401)


def test_a_portal_that_has_moved_does_not_get_the_token() -> None:
    client, pool = portal(answer("", 301, Location="https://elsewhere.example.org/"))

    with pytest.raises(PortalError, match=r"has moved: give its new address with --portal"):
        client.show_upload("u1")

    assert len(pool.asked) == 1


@pytest.mark.parametrize("portals_clock_is_off_by", [timedelta(0), timedelta(days=-400), timedelta(hours=9)])
def test_a_url_lives_as_long_as_the_portal_says_whatever_the_clocks_say(
    portals_clock_is_off_by: timedelta,
) -> None:
    portal_now = datetime.now(timezone.utc) + portals_clock_is_off_by
    dead, alive = (
        {
            "part_number": number,
            "url": "https://s3.example.org/k",
            "headers": {},
            "expires_at": (portal_now + timedelta(seconds=good_for_s)).isoformat(),
        }
        for number, good_for_s in ((1, -2), (2, 60))
    )
    client, _ = portal(result([dead, alive], Date=format_datetime(portal_now, usegmt=True)))

    assert [part.has_expired for part in client.sign_parts("u1", [1, 2])] == [True, False]


def test_attaching_twice_answers_the_resource() -> None:
    """The first answer was lost on its way."""
    client, pool = portal(
        result({**UPLOAD, "resource": "r1"}),
        urllib3.exceptions.ProtocolError("Connection aborted."),
        refusal(409, code="already_attached", message="Already"),
        result({"id": "r1", "url": "https://data.example.org/r1"}),
    )
    upload = client.show_upload("u1")

    resource = client.attach(upload, dataset="rivers", replace=False, described={"name": "Gauges"})

    assert resource["url"] == "https://data.example.org/r1"
    assert pool.asked[-1] == ("https://data.example.org/api/3/action/resource_show", {"id": "r1"})
