"""Publishing on a real store that misbehaves: what arrives is compared, what is missing is sent, no more."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from held_port import held_port
from portal_on_store import AT_ONCE
from publishing_steps import MIB, SIZE, TARGET, ContentOf, Heard, MakeFile, OpenPortal, publish, puts

from s3portal.client.errors import FileChanged, PortalError, SendingFailed
from s3portal.client.portal_uploads import SignedPart
from s3portal.client.publishing import publish_file
from s3portal.client.signing import PresignedUrls
from s3portal.client.waits import RESUME
from s3portal.server.testing import RunningServer

PART_COUNT = 4


@pytest.mark.parametrize("checksum", ["auto", "crc32c", "md5", "off"])
@pytest.mark.parametrize("size", [0, 1, 5 * MIB, SIZE])
def test_a_file_is_published_with_every_kind_of_checksum(
    checksum: str, size: int, open_portal: OpenPortal, make_file: MakeFile, content_of: ContentOf
) -> None:
    path = make_file(size)

    published = publish(open_portal(checksum=checksum), path)

    assert content_of(published.url) == path.read_bytes()


def test_a_file_costs_the_portal_four_calls_and_one_for_each_further_batch(
    open_portal: OpenPortal, make_file: MakeFile
) -> None:
    portal = open_portal()

    publish(portal, make_file(SIZE))

    assert portal.calls == [
        "s3multipart_upload_overview",
        "s3multipart_upload_create",
        "s3multipart_upload_sign_parts",
        "s3multipart_upload_complete",
        "resource_create",
    ]


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
def test_a_file_that_is_damaged_anyway_is_not_published(
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


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(b"short"),
        lambda path: path.write_bytes(path.read_bytes()[:-1] + b"!"),
        lambda path: path.rename(path.with_suffix(".old")) and path.write_bytes(b"another"),
    ],
    ids=["cut", "written", "replaced"],
)
def test_a_file_that_changes_in_the_meantime_is_given_up(
    change: Callable[[Path], object], open_portal: OpenPortal, make_file: MakeFile
) -> None:
    portal, path = open_portal(), make_file(SIZE)
    changes = iter([change])
    heard = Heard(on_loaded=lambda: [once(path) for once in changes])

    with pytest.raises(FileChanged):
        publish(portal, path, report=heard, concurrency=1)

    assert portal.published == []
    assert [upload.state for upload in portal.uploads.values()] == ["aborted"]


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


def test_a_file_that_the_portal_checks_is_waited_for(
    open_portal: OpenPortal, make_file: MakeFile, content_of: ContentOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than any call is repeated."""
    portal, path = open_portal(), make_file(SIZE)
    complete = portal._s3multipart_upload_complete
    answers = iter([PortalError("being_checked", "It is being checked.", status=503)] * 30)

    def checks_first(**given: object) -> object:
        for refusal in answers:
            raise refusal
        return complete(**given)  # type: ignore[arg-type]

    monkeypatch.setattr(portal, "_s3multipart_upload_complete", checks_first)

    assert content_of(publish(portal, path).url) == path.read_bytes()


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


def moved(part: SignedPart, host: str) -> SignedPart:
    """The part, to be sent to another host."""
    return replace(part, url=urlsplit(part.url)._replace(netloc=host).geturl())


def test_a_store_that_is_not_reached_is_named_with_what_to_do(
    open_portal: OpenPortal, make_file: MakeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal, heard = open_portal(), Heard()
    sign = portal.sign_parts
    with held_port() as port, monkeypatch.context() as patched:
        nobody = f"127.0.0.1:{port}"
        patched.setattr(PresignedUrls, "sign", lambda *_: moved(sign(*portal.uploads, [1])[0], nobody))
        with pytest.raises(SendingFailed) as failed:
            publish(portal, make_file(5), report=heard)

    assert str(failed.value) == (
        f"Part 1 of 1 could not be stored ({nobody} cannot be reached: it refuses the connection). {RESUME}"
    )
    assert failed.value.code == "no_connection"
    assert [wait.tries for wait in heard.waits] == list(range(1, 40))


def test_a_second_resource_of_a_name_is_made_and_spoken_of(
    open_portal: OpenPortal, make_file: MakeFile
) -> None:
    portal, first, second = open_portal(), Heard(), Heard()
    path = make_file(5)
    published = publish(portal, path, report=first)
    path.write_bytes(b"other")

    again = publish(portal, path, report=second)

    assert first.namesakes == {}
    assert second.namesakes == {path.name: [published.resource_id]}
    assert again.resource_id != published.resource_id


def test_replacing_a_file_and_finding_it_there_are_not_spoken_of(
    open_portal: OpenPortal, make_file: MakeFile
) -> None:
    portal, heard = open_portal(), Heard()
    path = make_file(5)
    published = publish(portal, path)
    assert publish(portal, path, report=heard).before
    path.write_bytes(b"other")

    target = replace(TARGET, resource=published.resource_id)
    publish_file(portal, path, target, report=heard, policy=AT_ONCE)

    assert heard.namesakes == {}
