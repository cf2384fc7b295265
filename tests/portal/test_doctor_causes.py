"""Each thing that keeps files from going in and out is told by its own name, with what to do about it."""

import socket
from pathlib import Path

import pytest
from doctor_cases import Examine
from store_front import Asked, Said, StoreFront, s3_error

from s3portal.server.pytest_plugin import BUCKET, server_config
from s3portal.server.testing import RunningServer


@pytest.mark.parametrize(
    ("settings", "text", "mend"),
    [
        ({"s3_access_key_id": "nobody"}, "does not know the access key", "check portal.s3_access_key_id"),
        ({"s3_secret_access_key": "wrong"}, "secret does not belong", "check portal.s3_secret_access_key"),
        ({"s3_endpoint": "http://127.0.0.1:9"}, "nothing listens there", "portal.s3_endpoint"),
        (
            {"s3_endpoint": "http://s3.invalid"},
            "its host name cannot be resolved here (DNS)",
            "check the host in",
        ),
        ({"s3_profile": "nope"}, "The config profile (nope) could not be found", "check portal.s3_profile"),
        (
            {"s3_access_key_id": "", "s3_secret_access_key": ""},
            "there are no keys",
            "portal.s3_access_key_id",
        ),
    ],
)
def test_a_store_that_cannot_be_used(
    examine: Examine,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    settings: dict[str, str],
    text: str,
    mend: str,
) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    examined = examine(**settings)

    finding = examined.one("wrong")
    assert finding.subject == f"bucket {BUCKET}"
    assert text in finding.text
    assert mend in finding.mend
    assert len(examined.findings) == 1


def test_a_profile_of_the_environment_is_named_too(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nope")

    finding = examine().one("wrong")

    assert ("(nope)" in finding.text, "AWS_PROFILE" in finding.mend) == (True, True)


def test_a_configuration_file_that_cannot_be_read_is_named(
    examine: Examine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("[default\nregion = x\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))

    finding = examine().one("wrong")

    assert str(tmp_path / "config") in finding.text


def test_tls_towards_a_server_without_it(examine: Examine, s3_server: RunningServer) -> None:
    finding = examine(s3_endpoint=s3_server.endpoint.replace("http:", "https:")).one("wrong")

    assert "(TLS)" in finding.text
    assert "https" in finding.mend


def test_an_encryption_that_the_store_does_not_know(examine: Examine, front: StoreFront) -> None:
    # As Ceph RGW 16 says it, without any words.
    empty = b"<Error><Code>InvalidRequest</Code><Message></Message></Error>"
    front.instead = lambda asked: Said(400, [], empty) if "uploads" in asked.query else None

    finding = examine(s3_endpoint=front.endpoint, s3_sse="AES256").one("wrong")

    assert "400 InvalidRequest" in finding.text
    assert "portal.s3_sse" in finding.mend


def test_a_bucket_that_is_not_there(examine: Examine) -> None:
    finding = examine(
        s3_bucket="no-such-bucket", s3_access_key_id="admin-key", s3_secret_access_key="admin-secret"
    ).one("wrong")

    assert finding.text == "there is no bucket no-such-bucket"
    assert "portal.s3_bucket" in finding.mend


@pytest.mark.parametrize("ahead_s", [3600, -3600])
def test_a_clock_that_is_an_hour_off(examine: Examine, s3_server: RunningServer, ahead_s: int) -> None:
    s3_server.advance_clock(-ahead_s)

    finding = examine().one("wrong")

    assert "this computer's clock is 60 minutes" in finding.text
    assert ("ahead of" if ahead_s > 0 else "behind") in finding.text
    assert "NTP" in finding.mend


def test_a_clock_that_is_told_by_the_date_of_the_answer(examine: Examine, front: StoreFront) -> None:
    def earlier(asked: Asked, said: Said) -> None:
        said.headers = [(name, value) for name, value in said.headers if name.lower() != "date"]
        said.headers.append(("Date", "Thu, 01 Jan 2026 00:00:00 GMT"))

    front.instead = lambda asked: s3_error(403, "AccessDenied", "Access Denied")
    front.alter = earlier

    assert "clock" in examine(s3_endpoint=front.endpoint).one("wrong").text


def test_another_region_is_named_and_not_followed(
    examine: Examine, front: StoreFront, s3_server: RunningServer
) -> None:
    location = ("Location", s3_server.endpoint)
    front.instead = lambda asked: Said(
        301,
        [location, ("x-amz-bucket-region", "ap-southeast-2")],
        b"<Error><Code>PermanentRedirect</Code><Message>Use another endpoint</Message></Error>",
    )

    finding = examine(s3_endpoint=front.endpoint).one("wrong")

    assert "the bucket is in ap-southeast-2, not in us-east-1" in finding.text
    assert finding.mend == "portal.s3_region = ap-southeast-2"
    assert not s3_server.requests


@pytest.mark.parametrize(
    "answer",
    [
        s3_error(400, "AuthorizationHeaderMalformed", "wrong", Region="eu-west-1"),
        s3_error(
            400,
            "AuthorizationQueryParametersError",
            "the region 'us-east-1' is wrong; expecting 'eu-west-1'",
        ),
        Said(307, [("x-amz-bucket-region", "eu-west-1")], b"<Error><Code>TemporaryRedirect</Code></Error>"),
        Said(301, [("x-amz-bucket-region", "eu-west-1")]),
    ],
)
def test_however_a_store_tells_its_region(examine: Examine, front: StoreFront, answer: Said) -> None:
    front.instead = lambda asked: Said(answer.status, list(answer.headers), answer.body)

    assert examine(s3_endpoint=front.endpoint).one("wrong").mend == "portal.s3_region = eu-west-1"


def test_the_region_of_our_own_server(examine: Examine, tmp_path: Path) -> None:
    with RunningServer(tmp_path / "elsewhere", {**server_config(), "region": "eu-west-1"}) as server:
        assert "portal.s3_region" in examine(s3_endpoint=server.endpoint).one("wrong").mend
        assert examine(s3_endpoint=server.endpoint, s3_region="eu-west-1").is_well


@pytest.mark.parametrize(
    "answer",
    [
        Said(200, [("Content-Type", "text/html")], b"<html>It works</html>"),
        Said(200, [("Content-Type", "application/json")], b"{}"),
        Said(404, [("Content-Type", "text/html")], b"<html>Not found</html>"),
        Said(200, [], b"<?xml version='1.0'?><rss/>"),
    ],
)
def test_an_address_where_something_else_answers(examine: Examine, front: StoreFront, answer: Said) -> None:
    front.instead = lambda asked: Said(answer.status, list(answer.headers), answer.body)

    finding = examine(s3_endpoint=front.endpoint).one("wrong")

    assert "is not S3" in finding.text
    assert "portal.s3_endpoint" in finding.mend


def test_a_store_in_trouble(examine: Examine, front: StoreFront) -> None:
    front.instead = lambda asked: s3_error(503, "SlowDown")

    assert "the store itself has a problem" in examine(s3_endpoint=front.endpoint).one("wrong").text


def test_a_store_that_hangs_is_told_at_once(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s3portal.portal.doctor.connection._READ_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        examined = examine(s3_endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}")

    assert "no answer came in time" in examined.one("wrong").text
