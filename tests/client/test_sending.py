"""Sending a file's parts to a real S3 server, over a network that is not always kind."""

import hashlib
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from s3portal.client.ckan import PlannedUpload, SignedPart
from s3portal.client.sending import PARALLEL_PARTS, PartSender, SendingFailed
from s3portal.server.pytest_plugin import BUCKET, server_config
from s3portal.server.testing import RequestRecord, RunningServer
from s3portal.transfer import (
    Store,
    TransferSettings,
    Upload,
    complete_upload,
    create_upload,
    open_store,
    sign_parts,
)

MIB = 1024 * 1024


@dataclass
class Portal:
    """A portal without pages: it signs, and remembers what it was asked to."""

    store: Store
    upload: Upload
    asked: list[list[int]] = field(default_factory=list)

    def sign_parts(self, upload_id: str, part_numbers: list[int]) -> list[SignedPart]:
        assert upload_id == self.upload.id
        self.asked.append(part_numbers)
        return [
            SignedPart(part.part_number, part.url, part.headers, part.expires_at)
            for part in sign_parts(self.store, self.upload, part_numbers)
        ]

    @property
    def planned(self) -> PlannedUpload:
        upload = self.upload
        return PlannedUpload(upload.id, upload.size_bytes, upload.part_size_bytes, upload.part_count)


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch):
    monkeypatch.setattr("s3portal.client.sending._BACKOFF_BASE_S", 0.001)


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven parts and a bit."""
    path = tmp_path_factory.mktemp("files") / "levels.bin"
    path.write_bytes(os.urandom(55 * MIB + 3))
    return path


@pytest.fixture(scope="session")
def s3_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for all tests, for each has an upload of its own."""
    with RunningServer(tmp_path_factory.mktemp("s3"), server_config()) as server:
        yield server


@pytest.fixture
def s3_server(s3_session: RunningServer) -> Iterator[RunningServer]:
    """The server, without faults."""
    yield s3_session
    s3_session.faults.clear()


@pytest.fixture(scope="session")
def store(s3_session: RunningServer) -> Store:
    """A store on the server, as a portal has it."""
    user = s3_session.users["portal"]
    return open_store(
        TransferSettings(
            s3_bucket=BUCKET,
            s3_endpoint=s3_session.endpoint,
            s3_access_key_id=user.access_key_id,
            s3_secret_access_key=user.secret_access_key,
        )
    )


@pytest.fixture
def portal(store: Store, file: Path) -> Portal:
    """A portal at which an upload of the file was created."""
    upload = create_upload(
        store,
        key_owner=("org", "dataset"),
        owner_type="dataset",
        owner_id="dataset",
        user="publisher",
        filename=file.name,
        size_bytes=file.stat().st_size,
        content_type="application/octet-stream",
        fingerprint="",
        metadata={},
    )
    return Portal(store, upload)


def send(portal: Portal, file: Path, first_batch: list[SignedPart] | None = None) -> int:
    """Sends the file and returns the sum of the progress that was reported."""
    reported: list[int] = []
    PartSender(portal, portal.planned, file, reported.append).send_all(first_batch or [])
    return sum(reported)


def part_requests(s3_server: RunningServer, portal: Portal) -> list[RequestRecord]:
    """The parts of this upload that the server answered; others are the store's being tried out."""
    return [
        request
        for request in s3_server.requests
        if request.operation == "UploadPart" and request.key == portal.upload.key
    ]


def assert_stored(portal: Portal, file: Path) -> None:
    """The store completes the upload and gives the file's bytes back."""
    completed = complete_upload(portal.store, portal.upload)
    body = portal.store.client().get_object(Bucket=BUCKET, Key=completed.key)["Body"].read()
    assert hashlib.sha256(body).digest() == hashlib.sha256(file.read_bytes()).digest()


def test_every_part_is_sent_once_and_never_more_than_four_at_a_time(portal, file, s3_server):
    assert send(portal, file) == file.stat().st_size
    parts = part_requests(s3_server, portal)
    assert sorted(request.part_number for request in parts) == list(range(1, 13))
    assert max(request.in_flight for request in parts) <= PARALLEL_PARTS
    assert_stored(portal, file)


def test_the_parts_that_came_signed_are_not_signed_again(portal, file):
    first_batch = portal.sign_parts(portal.upload.id, [1, 2, 3])
    send(portal, file, first_batch)
    assert portal.asked == [[1, 2, 3], list(range(4, 13))]


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503, "every": 3},
        {"status": 500, "first": 5},
        {"drop": True, "every": 4},
        {"cut_body_at": MIB, "every": 4},
    ],
    ids=str,
)
def test_what_fails_on_the_way_is_sent_again(portal, file, s3_server, fault):
    s3_server.faults.add("UploadPart", **fault)
    assert send(portal, file) == file.stat().st_size
    assert_stored(portal, file)


def test_a_url_that_has_run_out_is_replaced_before_it_is_used(portal, file, s3_server):
    long_ago = datetime.now(timezone.utc) - timedelta(seconds=1)
    stale = [replace(part, expires_at=long_ago) for part in portal.sign_parts(portal.upload.id, [1, 2])]
    send(portal, file, stale)
    assert [1] in portal.asked
    assert [2] in portal.asked
    assert {request.status for request in part_requests(s3_server, portal)} == {200}


def test_a_url_that_the_store_refuses_is_replaced(portal, file, s3_server):
    s3_server.faults.add("UploadPart", status=403, first=2)
    send(portal, file)
    assert_stored(portal, file)
    assert sum(len(numbers) == 1 for numbers in portal.asked) == 2


def test_a_part_that_never_succeeds_is_named_and_nothing_stays_in_flight(portal, file, s3_server):
    s3_server.faults.add("UploadPart", status=503)
    with pytest.raises(SendingFailed, match=r"Part \d+ of 12 failed 8 times, at last with: 503"):
        send(portal, file)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("part")]
    assert {request.status for request in part_requests(s3_server, portal)} == {503}


def test_a_file_that_shrank_meanwhile_is_not_stored_as_another(portal, file, s3_server, tmp_path):
    shorter = Path(shutil.copy(file, tmp_path))
    os.truncate(shorter, 7 * MIB)
    with pytest.raises(SendingFailed, match="shorter"):
        send(portal, shorter)
    stored = {request.part_number for request in part_requests(s3_server, portal) if request.status == 200}
    assert stored <= {1}
