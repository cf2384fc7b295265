"""Publishing after an interruption: only what is missing is sent, and what is there is the same file."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from portal_on_store import PortalOnStore
from publishing_steps import MIB, SIZE, ContentOf, Heard, MakeFile, OpenPortal, publish, puts

from s3portal.client.errors import PortalError, SendingFailed, WrongFile
from s3portal.server.testing import RunningServer
from s3portal.transfer import CRCS, State


def fails_in_the_middle(s3_server: RunningServer, portal: PortalOnStore, path: Path) -> None:
    """An attempt that ends when two parts are stored."""
    s3_server.faults.add("UploadPart", status=403, every=3)
    with pytest.raises(SendingFailed):
        publish(portal, path, concurrency=1)
    s3_server.faults.clear()
    s3_server.requests.clear()


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
