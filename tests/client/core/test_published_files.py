"""The same file again makes no second resource, whatever the resource's fields say meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from portal_on_store import AT_ONCE, PortalOnStore

from s3portal.client.errors import PortalError, SendingFailed
from s3portal.client.publishing import Published, Target, publish_file
from s3portal.server.testing import RunningServer

MIB = 1024 * 1024
OpenPortal = Callable[..., PortalOnStore]
MakeFile = Callable[[int], Path]

#: What others write where we wrote: xloader its MD5, an editor a better name.
EDITED = {"hash": "0cc175b9c0f1b6a831c399e269772661", "name": "River gauges", "size": 999_999}


def publish(portal: PortalOnStore, path: Path, **target: str) -> Published:
    return publish_file(portal, path, Target("rivers", **target), policy=AT_ONCE)


def puts(s3_server: RunningServer) -> int:
    return sum(record.operation == "UploadPart" for record in s3_server.requests)


@pytest.mark.parametrize("checksum", ["auto", "crc32c", "md5", "off"])
@pytest.mark.parametrize("size", [0, 1, 6 * MIB])
def test_the_same_file_is_not_sent_again(
    checksum: str, size: int, open_portal: OpenPortal, make_file: MakeFile, s3_server: RunningServer
) -> None:
    portal, path = open_portal(checksum=checksum), make_file(size)
    first = publish(portal, path)
    portal.published[0].update(EDITED)
    s3_server.requests.clear()

    second = publish(portal, path)

    assert second.before
    assert (second.resource_id, second.size_bytes) == (first.resource_id, size)
    assert second.checksum.lower() == first.checksum.lower()
    assert len(portal.published) == 1
    assert puts(s3_server) == 0


@pytest.mark.parametrize("checksum", ["auto", "md5"])
def test_another_file_of_the_same_name_and_size_is_sent(
    checksum: str, open_portal: OpenPortal, make_file: MakeFile
) -> None:
    portal, path = open_portal(checksum=checksum), make_file(MIB)
    publish(portal, path)
    before = path.stat()
    with path.open("r+b") as opened:
        opened.write(b"another beginning")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert not publish(portal, path).before
    assert len(portal.published) == 2


def test_the_same_content_under_another_file_name_is_sent(
    open_portal: OpenPortal, make_file: MakeFile, tmp_path: Path
) -> None:
    portal, path = open_portal(), make_file(MIB)
    publish(portal, path)
    copy = tmp_path / "copy.bin"
    copy.write_bytes(path.read_bytes())

    assert not publish(portal, copy).before


def test_a_file_that_the_store_lost_gets_back_to_its_resource(
    open_portal: OpenPortal, make_file: MakeFile
) -> None:
    portal, path = open_portal(), make_file(MIB)
    first = publish(portal, path)
    portal.store.client().delete_object(Bucket=portal.store.bucket, Key=portal.published[0]["url"])

    again = publish(portal, path)

    assert not again.before
    assert again.resource_id == first.resource_id
    assert len(portal.published) == 1
    assert portal.has_file("rivers", first.resource_id)


def test_and_also_when_sending_it_again_was_interrupted(
    open_portal: OpenPortal, make_file: MakeFile, s3_server: RunningServer
) -> None:
    portal, path = open_portal(), make_file(16 * MIB)
    first = publish(portal, path)
    portal.store.client().delete_object(Bucket=portal.store.bucket, Key=portal.published[0]["url"])
    s3_server.faults.add("UploadPart", status=403, every=3)
    with pytest.raises(SendingFailed):
        publish(portal, path)
    s3_server.faults.clear()

    again = publish(portal, path)

    assert (again.before, again.resource_id) == (False, first.resource_id)
    assert len(portal.published) == 1


def test_someone_who_may_not_edit_is_not_told_that_the_file_was_there_already(
    open_portal: OpenPortal, make_file: MakeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal, path = open_portal(), make_file(MIB)
    publish(portal, path)
    portal.may_edit = False

    def refuse(**_: object) -> object:
        raise PortalError("may_not_edit", "You may not edit the dataset rivers", status=403)

    monkeypatch.setattr(portal, "_s3multipart_upload_create", refuse)

    with pytest.raises(PortalError, match="may not edit"):
        publish(portal, path)


class TestPortalOfAnEarlierVersion:
    @pytest.fixture
    def portal(self, open_portal: OpenPortal) -> PortalOnStore:
        portal = open_portal()
        portal.unknown_actions = {"s3multipart_upload_overview", "s3multipart_file_list"}
        return portal

    def test_the_fields_of_the_resource_decide(
        self, portal: PortalOnStore, make_file: MakeFile, s3_server: RunningServer
    ) -> None:
        path = make_file(MIB)
        first = publish(portal, path)
        s3_server.requests.clear()

        second = publish(portal, path)

        assert second.before
        assert second.resource_id == first.resource_id
        assert puts(s3_server) == 0

    def test_one_that_has_the_list_of_files_alone_is_asked_for_it(
        self, portal: PortalOnStore, make_file: MakeFile
    ) -> None:
        portal.unknown_actions = {"s3multipart_upload_overview"}
        path = make_file(MIB)
        publish(portal, path)
        portal.published[0].update(EDITED)

        assert publish(portal, path).before

    def test_and_not_where_they_say_nothing(self, portal: PortalOnStore, make_file: MakeFile) -> None:
        path = make_file(MIB)
        publish(portal, path)
        portal.published[0].update(EDITED)

        assert not publish(portal, path).before


def test_a_portal_that_fails_is_not_taken_for_an_earlier_version(
    open_portal: OpenPortal, make_file: MakeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal, path = open_portal(), make_file(1)

    def fail(**_: object) -> object:
        raise PortalError("no_answer", "The portal answered with 500", status=500)

    monkeypatch.setattr(portal, "_s3multipart_upload_overview", fail)

    with pytest.raises(PortalError, match="500"):
        publish(portal, path)
