"""Signing with session credentials: few calls to the portal, its clock, nothing lost when keys run out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from portal_on_store import AT_ONCE, PortalOnStore

from s3portal.client.errors import PortalError
from s3portal.client.portal_uploads import PortalUpload
from s3portal.client.publishing import Published, Silence, Target, publish_file
from s3portal.client.signing import SessionSigner
from s3portal.client.waits import Wait
from s3portal.server.pytest_plugin import ROLE_ARN
from s3portal.server.testing import RunningServer
from s3portal.transfer import Failure

MIB = 1024 * 1024
SIZE = 16 * MIB + 5
HOUR_S = 3600

MakeFile = Callable[[int], Path]


class Clock:
    """A stopwatch that a test sets."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Retries(Silence):
    """Keeps what was tried again."""

    def __init__(self) -> None:
        self.failures: list[Failure] = []

    def retrying(self, part_number: int, failure: Failure, wait: Wait) -> None:
        self.failures.append(failure)


@pytest.fixture
def portal(open_portal: Callable[..., PortalOnStore]) -> PortalOnStore:
    """A portal that gives out session credentials."""
    return open_portal(s3_role=ROLE_ARN)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def upload(portal: PortalOnStore) -> PortalUpload:
    """An upload of four parts; its name has to be encoded."""
    created, _ = portal.create_upload(
        dataset="rivers",
        filename="gauges of ~Größe (1)+.csv",
        size_bytes=SIZE,
        content_type="text/csv",
        idempotency_key="1",
    )
    return created


def publish(portal: PortalOnStore, path: Path, **options: object) -> Published:
    return publish_file(
        portal, path, Target("rivers"), session_credentials=True, policy=AT_ONCE, **options  # type: ignore[arg-type]
    )  # fmt: skip


def fetches(portal: PortalOnStore) -> int:
    return portal.calls.count("s3multipart_credentials")


def parts(s3_server: RunningServer, status: int) -> list[int]:
    answered = (r for r in s3_server.requests if r.operation == "UploadPart" and r.status == status)
    return sorted(r.part_number or 0 for r in answered)


def test_a_file_is_published_with_one_call_for_all_of_its_parts(
    portal: PortalOnStore,
    make_file: MakeFile,
    content_of: Callable[[str], bytes],
    s3_server: RunningServer,
) -> None:
    path = make_file(SIZE)

    published = publish(portal, path)

    assert content_of(published.url) == path.read_bytes()
    assert parts(s3_server, 200) == [1, 2, 3, 4]
    assert fetches(portal) == 1
    # Those that come with create.
    assert portal.calls.count("s3multipart_upload_sign_parts") == 0


def test_a_url_is_the_one_that_the_portal_would_make_but_for_its_keys(
    portal: PortalOnStore, upload: PortalUpload
) -> None:
    (theirs,) = portal.sign_parts(upload.id, [4])

    ours = SessionSigner(portal, upload).sign(4)

    assert urlsplit(ours.url)._replace(query="") == urlsplit(theirs.url)._replace(query="")
    mine, portals = parse_qs(urlsplit(ours.url).query), parse_qs(urlsplit(theirs.url).query)
    assert mine.pop("X-Amz-Security-Token")
    assert mine["X-Amz-SignedHeaders"] == ["content-length;host"]
    assert mine.keys() == portals.keys()
    assert (mine["partNumber"], mine["uploadId"]) == (portals["partNumber"], portals["uploadId"])


def test_credentials_are_fetched_again_five_minutes_before_they_expire(
    portal: PortalOnStore, upload: PortalUpload, clock: Clock
) -> None:
    signer = SessionSigner(portal, upload, clock=clock)
    signer.sign(1)

    clock.now_s += HOUR_S - 5 * 60 - 2
    signer.sign(2)
    assert fetches(portal) == 1

    clock.now_s += 3
    signer.sign(3)
    assert fetches(portal) == 2


def test_one_thread_fetches_and_the_others_sign_with_what_there_is(
    portal: PortalOnStore, upload: PortalUpload, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = SessionSigner(portal, upload, clock=clock)
    signer.sign(1)
    clock.now_s += HOUR_S - 4 * 60
    fetch, is_asked, may_answer = portal.credentials, threading.Event(), threading.Event()

    def answers_when_told(upload_id: str) -> object:
        is_asked.set()
        assert may_answer.wait(60)
        return fetch(upload_id)

    monkeypatch.setattr(portal, "credentials", answers_when_told)
    refreshing = threading.Thread(target=signer.sign, args=[2])
    refreshing.start()
    assert is_asked.wait(60)

    meanwhile = signer.sign(3)
    may_answer.set()
    refreshing.join(60)

    assert meanwhile.part_number == 3
    assert fetches(portal) == 2


def test_the_first_parts_wait_for_one_and_the_same_credentials(
    portal: PortalOnStore, upload: PortalUpload
) -> None:
    signer = SessionSigner(portal, upload)
    threads = [threading.Thread(target=signer.sign, args=[number]) for number in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert fetches(portal) == 1


def test_a_portal_that_is_away_does_no_harm_while_the_credentials_last(
    portal: PortalOnStore, upload: PortalUpload, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = SessionSigner(portal, upload, clock=clock)
    signer.sign(1)

    def is_away(upload_id: str) -> object:
        raise PortalError("unreachable", "It does not answer")

    monkeypatch.setattr(portal, "credentials", is_away)

    clock.now_s += HOUR_S - 2 * 60
    assert signer.sign(2).part_number == 2

    clock.now_s += 2 * 60
    with pytest.raises(PortalError, match="does not answer"):
        signer.sign(3)


def test_the_clock_of_the_portal_counts(
    portal: PortalOnStore, upload: PortalUpload, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = portal.credentials
    given = fetch(upload.id)
    monkeypatch.setattr(portal, "credentials", lambda _: given)
    signer = SessionSigner(portal, upload, clock=clock)

    signer.sign(1)
    clock.now_s += 600
    query = parse_qs(urlsplit(signer.sign(2).url).query)

    assert query["X-Amz-Date"] == [(given.now + timedelta(seconds=600)).strftime("%Y%m%dT%H%M%SZ")]


def test_keys_that_the_store_calls_expired_are_replaced_at_no_cost(
    portal: PortalOnStore,
    make_file: MakeFile,
    content_of: Callable[[str], bytes],
    s3_server: RunningServer,
) -> None:
    path, heard = make_file(SIZE), Retries()
    s3_server.faults.add("UploadPart", code="ExpiredToken", first=2)

    published = publish(portal, path, report=heard)

    assert content_of(published.url) == path.read_bytes()
    assert heard.failures == [], "no try was spent"
    assert 2 <= fetches(portal) <= 3
    assert len(parts(s3_server, 400)) == 2


def test_a_portal_without_a_role_says_what_to_do(
    open_portal: Callable[..., PortalOnStore], make_file: MakeFile, s3_server: RunningServer
) -> None:
    portal, path = open_portal(), make_file(SIZE)

    with pytest.raises(PortalError, match="The same command works without --credentials") as refusal:
        publish(portal, path)

    assert (refusal.value.status, refusal.value.code) == (501, "credentials_not_configured")
    assert "s3_role" in str(refusal.value)
    assert publish_file(portal, path, Target("rivers")).size_bytes == SIZE
    assert parts(s3_server, 200) == [1, 2, 3, 4]
