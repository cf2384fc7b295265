"""Publishing on a real store that misbehaves: what arrives is compared, what is missing is sent, no more."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from portal_on_store import AT_ONCE, PortalOnStore

from s3portal.client.errors import FileChanged, PortalError, SendingFailed, WrongFile
from s3portal.client.local_file import LocalFile
from s3portal.client.publishing import Published, Silence, Target, publish_file
from s3portal.server.testing import RunningServer
from s3portal.transfer import CRCS, Failure, State, Store, presign

MIB = 1024 * 1024
SIZE = 16 * MIB + 5
PART_COUNT = 4
TARGET = Target("rivers")

OpenPortal = Callable[..., PortalOnStore]
MakeFile = Callable[[int], Path]
ContentOf = Callable[[str], bytes]


class Heard(Silence):
    """Keeps what it hears; ``on_loaded`` is called at the first byte."""

    def __init__(self, on_loaded: Callable[[], object] = lambda: None) -> None:
        self.stored_bytes: list[int] = []
        self.loaded_bytes: list[int] = []
        self.failures: list[str] = []
        self._on_loaded = on_loaded

    def began(self, file: LocalFile, stored_bytes: int) -> None:
        self.stored_bytes.append(stored_bytes)

    def loaded(self, size_bytes: int) -> None:
        self.loaded_bytes.append(size_bytes)
        if size_bytes > MIB:
            self._on_loaded()

    def retrying(self, part_number: int, failure: Failure, delay_s: float) -> None:
        self.failures.append(f"{failure.status} {failure.code}")


def publish(portal: PortalOnStore, path: Path, **options: object) -> Published:
    return publish_file(portal, path, TARGET, policy=AT_ONCE, **options)  # type: ignore[arg-type]


def puts(s3_server: RunningServer) -> list[int]:
    parts = [r.part_number or 0 for r in s3_server.requests if r.operation == "UploadPart"]
    return sorted(parts)


def fails_in_the_middle(s3_server: RunningServer, portal: PortalOnStore, path: Path) -> None:
    """An attempt that ends when two parts are stored."""
    s3_server.faults.add("UploadPart", status=403, every=3)
    with pytest.raises(SendingFailed):
        publish(portal, path, concurrency=1)
    s3_server.faults.clear()
    s3_server.requests.clear()


@pytest.mark.parametrize("checksum", ["auto", "crc32c", "md5", "off"])
@pytest.mark.parametrize("size", [0, 1, 5 * MIB, SIZE])
def test_a_file_is_published_with_every_kind_of_checksum(
    checksum: str, size: int, open_portal: OpenPortal, make_file: MakeFile, content_of: ContentOf
) -> None:
    path = make_file(size)

    published = publish(open_portal(checksum=checksum), path)

    assert content_of(published.url) == path.read_bytes()


@pytest.mark.parametrize("checksum", ["auto", "crc32c", "md5"])
def test_a_damaged_part_is_sent_again(
    checksum: str,
    open_portal: OpenPortal,
    make_file: MakeFile,
    content_of: ContentOf,
    s3_server: RunningServer,
) -> None:
    portal, path, heard = open_portal(checksum=checksum), make_file(SIZE), Heard()
    s3_server.faults.add("UploadPart", corrupt=True, first=2)

    published = publish(portal, path, report=heard)

    assert heard.failures == ["400 BadDigest"] * 2
    assert len(puts(s3_server)) == PART_COUNT + 2
    assert content_of(published.url) == path.read_bytes()


@pytest.mark.parametrize("checksum", ["auto", "crc32c"])
def test_a_file_that_is_damaged_all_the_same_is_not_published(
    checksum: str, open_portal: OpenPortal, make_file: MakeFile, monkeypatch: pytest.MonkeyPatch,
    s3_server: RunningServer,
) -> None:  # fmt: skip
    portal = open_portal(checksum=checksum)
    # As where a proxy between here and the store takes the checksums out of the answers.
    monkeypatch.setattr("s3portal.transfer.part_digest.PartDigest.agrees_with", lambda *_: True)
    s3_server.faults.add("UploadPart", corrupt=True, first=1)

    with pytest.raises(PortalError) as refusal:
        publish(portal, make_file(SIZE))

    assert refusal.value.code == "content_differs"
    assert portal.published == []
    assert [upload.state for upload in portal.uploads.values()] == ["aborted"]


@pytest.mark.parametrize("checksum", ["auto", "md5", "off"])
def test_only_what_is_missing_is_sent(
    checksum: str,
    open_portal: OpenPortal,
    make_file: MakeFile,
    content_of: ContentOf,
    s3_server: RunningServer,
) -> None:
    portal, path, heard = open_portal(checksum=checksum), make_file(SIZE), Heard()
    fails_in_the_middle(s3_server, portal, path)

    published = publish(portal, path, report=heard)

    assert heard.stored_bytes == [10 * MIB]
    assert puts(s3_server) == [3, 4]
    assert content_of(published.url) == path.read_bytes()


def test_the_checksum_of_a_file_that_was_sent_in_two_sittings_is_that_of_all_of_it(
    open_portal: OpenPortal, make_file: MakeFile, s3_server: RunningServer
) -> None:
    portal, path, crc = open_portal(), make_file(SIZE), CRCS["CRC64NVME"]
    fails_in_the_middle(s3_server, portal, path)

    assert publish(portal, path).checksum == f"CRC64NVME:{crc.encode(crc.update(path.read_bytes()))}"


def test_a_change_in_what_was_stored_before_is_found_at_the_end(
    open_portal: OpenPortal, make_file: MakeFile, s3_server: RunningServer
) -> None:
    """Between the samples of the fingerprint, and with the old time: only the checksum of the whole tells."""
    portal, path = open_portal(), make_file(SIZE)
    fails_in_the_middle(s3_server, portal, path)
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(100_000)
        file.write(b"!")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    with pytest.raises(PortalError) as refusal:
        publish(portal, path)

    assert refusal.value.code == "content_differs"
    assert portal.published == []


def test_an_upload_that_was_completed_but_not_saved_is_saved(
    open_portal: OpenPortal, make_file: MakeFile, s3_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal, path = open_portal(), make_file(SIZE)
    with monkeypatch.context() as patch:
        patch.setattr(PortalOnStore, "_resource_create", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            publish(portal, path)
    s3_server.requests.clear()

    assert publish(portal, path).size_bytes == SIZE
    assert puts(s3_server) == []


@pytest.mark.parametrize(("state", "sent"), [(State.ADOPTING, []), (State.REFUSED, [1, 2, 3, 4])])
def test_a_file_that_the_portal_takes_over_is_waited_for_and_a_refused_one_is_none(
    state: State,
    sent: list[int],
    open_portal: OpenPortal,
    make_file: MakeFile,
    s3_server: RunningServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    portal, path = open_portal(), make_file(SIZE)
    with monkeypatch.context() as patch:
        patch.setattr(PortalOnStore, "_resource_create", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            publish(portal, path)
    ((upload_id, upload),) = portal.uploads.items()
    portal.uploads[upload_id] = replace(upload, state=state)
    s3_server.requests.clear()
    portal.calls.clear()

    assert publish(portal, path).size_bytes == SIZE

    assert puts(s3_server) == sent
    assert portal.calls.count("s3multipart_upload_complete") == 1


def test_an_upload_of_another_file_is_left_alone_until_one_says_otherwise(
    open_portal: OpenPortal, make_file: MakeFile, content_of: ContentOf, s3_server: RunningServer
) -> None:
    portal = open_portal()
    fails_in_the_middle(s3_server, portal, make_file(SIZE))
    other = make_file(SIZE - 1)

    with pytest.raises(WrongFile, match="it was 16") as refusal:
        publish(portal, other)
    assert refusal.value.reason == "size"
    assert [upload.state for upload in portal.uploads.values()] == ["uploading"]

    published = publish(portal, other, restart=True)
    assert content_of(published.url) == other.read_bytes()
    assert [upload.state for upload in portal.uploads.values()] == ["aborted", "attached"]


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(b"short"),
        lambda path: path.write_bytes(path.read_bytes()[:-1] + b"!"),
        lambda path: path.rename(path.with_suffix(".old")) and path.write_bytes(b"another"),
    ],
    ids=["cut", "written", "replaced"],
)
def test_a_file_that_changes_meanwhile_is_given_up(
    change: Callable[[Path], object], open_portal: OpenPortal, make_file: MakeFile
) -> None:
    portal, path = open_portal(), make_file(SIZE)
    changes = iter([change])
    heard = Heard(on_loaded=lambda: [once(path) for once in changes])

    with pytest.raises(FileChanged):
        publish(portal, path, report=heard, concurrency=1)

    assert portal.published == []
    assert [upload.state for upload in portal.uploads.values()] == ["aborted"]


def test_the_parts_that_came_signed_are_not_signed_again(
    open_portal: OpenPortal, make_file: MakeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal = open_portal()
    sign, asked = portal._s3multipart_upload_sign_parts, []

    def remember(id: str, part_numbers: object) -> list[object]:
        asked.append(list(part_numbers))  # type: ignore[call-overload]
        return sign(id, part_numbers)

    monkeypatch.setattr(portal, "_s3multipart_upload_sign_parts", remember)

    publish(portal, make_file(SIZE), concurrency=1)

    assert asked == [[1, 2], [3, 4]], "with create, and then a batch of what is left"


def test_a_url_that_has_run_out_is_replaced_before_it_is_used(
    open_portal: OpenPortal, make_file: MakeFile, s3_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal = open_portal()
    sign, lives_until = portal._s3multipart_upload_sign_parts, ["2026-01-01T00:00:00Z"]

    def run_out_at_first(id: str, part_numbers: object) -> list[object]:
        parts = sign(id, part_numbers)
        expires_at = lives_until.pop() if lives_until else "2999-01-01T00:00:00Z"
        return [{**part, "expires_at": expires_at} for part in parts]  # type: ignore[dict-item]

    monkeypatch.setattr(portal, "_s3multipart_upload_sign_parts", run_out_at_first)

    publish(portal, make_file(SIZE), concurrency=1)

    assert portal.calls.count("s3multipart_upload_sign_parts") == 1
    assert puts(s3_server) == [1, 2, 3, 4]
    assert {r.status for r in s3_server.requests if r.operation == "UploadPart"} == {200}


def test_urls_that_are_too_old_are_signed_again_at_no_cost(
    open_portal: OpenPortal,
    make_file: MakeFile,
    content_of: ContentOf,
    s3_server: RunningServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    portal, path, heard = open_portal(), make_file(SIZE), Heard()
    signer, sign = presign._signer, portal._s3multipart_upload_sign_parts
    hours_ago = [1]

    def signer_of_that_hour(store: Store, expires_s: int) -> presign.UrlSigner:
        now = signer(store, expires_s)
        return replace(now, signed_at=now.signed_at - timedelta(hours=sum(hours_ago)))

    def sign_too_old_at_first(id: str, part_numbers: object) -> list[object]:
        parts = sign(id, part_numbers)
        hours_ago.clear()
        # Said to be good for long, as a portal with a wrong clock would say.
        return [{**part, "expires_at": "2999-01-01T00:00:00Z"} for part in parts]  # type: ignore[dict-item]

    monkeypatch.setattr(presign, "_signer", signer_of_that_hour)
    monkeypatch.setattr(portal, "_s3multipart_upload_sign_parts", sign_too_old_at_first)

    published = publish(portal, path, report=heard)

    assert heard.failures == [], "no try was spent"
    refused = [r for r in s3_server.requests if r.operation == "UploadPart" and r.status == 403]
    assert 1 <= len(refused) <= 2
    assert content_of(published.url) == path.read_bytes()


def test_a_part_that_vanished_is_sent_again_when_the_portal_misses_it(
    open_portal: OpenPortal,
    make_file: MakeFile,
    content_of: ContentOf,
    s3_server: RunningServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    portal, path = open_portal(), make_file(SIZE)
    complete = portal._s3multipart_upload_complete
    answers = iter([PortalError("parts_missing", "Missing", status=409, facts={"missing": "2-3"})])

    def misses_parts_once(**given: object) -> object:
        for refusal in answers:
            raise refusal
        return complete(**given)  # type: ignore[arg-type]

    monkeypatch.setattr(portal, "_s3multipart_upload_complete", misses_parts_once)

    published = publish(portal, path)

    assert puts(s3_server) == [1, 2, 2, 3, 3, 4]
    assert content_of(published.url) == path.read_bytes()


def test_what_is_loaded_never_goes_back(
    open_portal: OpenPortal, make_file: MakeFile, s3_server: RunningServer
) -> None:
    portal, heard = open_portal(), Heard()
    s3_server.faults.add("UploadPart", cut_body_at=3 * MIB, every=2)

    publish(portal, make_file(SIZE), report=heard)

    assert heard.failures
    assert heard.loaded_bytes == sorted(heard.loaded_bytes)
    assert heard.loaded_bytes[-1] == SIZE


def test_no_more_parts_are_in_flight_than_was_said(
    open_portal: OpenPortal, make_file: MakeFile, s3_server: RunningServer
) -> None:
    publish(open_portal(), make_file(SIZE), concurrency=2)

    assert max(r.in_flight for r in s3_server.requests if r.operation == "UploadPart") <= 2


def test_a_refusal_of_the_store_ends_it_at_once(
    open_portal: OpenPortal, make_file: MakeFile, s3_server: RunningServer
) -> None:
    portal = open_portal()
    s3_server.faults.add("UploadPart", status=403)

    with pytest.raises(SendingFailed, match=r"Part \d of 4 could not be stored \(403"):
        publish(portal, make_file(SIZE), concurrency=1)

    assert len(puts(s3_server)) == 1


def test_a_store_that_always_fails_is_given_up_after_ten_tries(
    open_portal: OpenPortal, make_file: MakeFile, s3_server: RunningServer
) -> None:
    portal = open_portal()
    s3_server.faults.add("UploadPart", status=503)

    with pytest.raises(SendingFailed, match="503"):
        publish(portal, make_file(1))

    assert len(puts(s3_server)) == 10


def test_what_is_said_of_a_file_that_is_there_already_is_changed(
    open_portal: OpenPortal, make_file: MakeFile
) -> None:
    portal, path = open_portal(), make_file(1)
    publish(portal, path)
    described = replace(TARGET, description="Every minute since 1975")

    first = publish_file(portal, path, described, policy=AT_ONCE)
    second = publish_file(portal, path, described, policy=AT_ONCE)

    assert (first.before, first.changed) == (True, ("description",))
    assert (second.before, second.changed) == (True, ())
    (resource,) = portal.published
    assert resource["description"] == "Every minute since 1975"


@pytest.mark.parametrize("checksum", ["auto", "md5"])
def test_a_bucket_that_demands_a_digest_with_every_part_gets_one(
    checksum: str,
    open_portal: OpenPortal,
    make_file: MakeFile,
    content_of: ContentOf,
    s3_server: RunningServer,
) -> None:
    """As S3 does where Object Lock has a default retention."""
    s3_server.faults.add("UploadPart", code="InvalidRequest", unless_header="content-md5")
    portal, path = open_portal(checksum=checksum), make_file(SIZE)

    published = publish(portal, path)

    assert content_of(published.url) == path.read_bytes()
    assert puts(s3_server) == [1, 2, 3, 4], "no part was refused"


def test_md5s_make_the_etag_that_the_store_makes(open_portal: OpenPortal, make_file: MakeFile) -> None:
    portal, path = open_portal(checksum="md5"), make_file(5 * MIB + 1)

    publish(portal, path)

    content = path.read_bytes()
    parts = [hashlib.md5(part).digest() for part in (content[: 5 * MIB], content[5 * MIB :])]
    (upload,) = portal.uploads.values()
    assert upload.etag == f"{hashlib.md5(b''.join(parts)).hexdigest()}-2"
