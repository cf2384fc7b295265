"""A file that vanished from the store: noticed when its link is followed, told with a page and to the
administrator, and no link waits for the store to say so."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from callers import Caller
from ckan import model

from ckanext.s3multipart.downloads.file_check import ASKED_EVERY, FileCheck, changed_files, vanished_files
from ckanext.s3multipart.model import UploadRow, downloads
from ckanext.s3multipart.settings import portal_store
from s3portal.server.testing import RunningServer

Setting = Callable[[str, object], None]
CONTENT = b"station,level\nA,1\n"


@pytest.fixture
def upload(publisher: Caller) -> Iterator[dict]:
    """An upload of which nothing stays, so that no other test finds lost files."""
    yield publisher.upload(CONTENT, filename="rivers.csv")
    model.Session.rollback()
    model.Session.query(UploadRow).filter_by(owner_id=publisher.dataset).delete()
    model.Session.commit()


@pytest.fixture
def resource(publisher: Caller, upload: dict) -> dict:
    """A published file."""
    return publisher.attach(upload)


@pytest.fixture
def key(upload: dict) -> str:
    return model.Session.get(UploadRow, upload["id"]).key


def lose(key: str) -> None:
    portal_store().client().delete_object(Bucket=portal_store().bucket, Key=key)


def put(key: str, content: bytes, **headers: str) -> None:
    portal_store().client().put_object(Bucket=portal_store().bucket, Key=key, Body=content, **headers)


def a_minute_passes(upload: dict) -> None:
    check = model.Session.get(FileCheck, upload["id"], populate_existing=True)
    check.asked_at -= ASKED_EVERY
    model.Session.commit()


def heads(s3_server: RunningServer, key: str) -> int:
    s3_server.wait_until_idle()
    return sum(record.operation == "HeadObject" and record.key == key for record in s3_server.requests)


class TestReaders:
    @pytest.mark.smoke
    def test_they_get_a_page_of_the_portal(
        self, publisher: Caller, anonymous: Caller, resource: dict, key: str
    ) -> None:
        lose(key)

        answer = anonymous.get(resource["url"])

        assert answer.status_code == 404
        page = answer.get_data(as_text=True)
        assert "This file is missing from the file storage." in page
        assert "Powered by" in page
        assert "no-store" in answer.headers["Cache-Control"]
        assert "Location" not in answer.headers
        assert downloads(resource["id"]) == 0

    def test_programs_that_ask_with_head_are_told(self, anonymous: Caller, resource: dict, key: str) -> None:
        lose(key)

        assert anonymous.head(resource["url"]).status_code == 404

    def test_they_get_the_file_when_it_is_back(
        self, anonymous: Caller, resource: dict, upload: dict, key: str
    ) -> None:
        lose(key)
        assert anonymous.get(resource["url"]).status_code == 404
        put(key, CONTENT)
        assert anonymous.get(resource["url"]).status_code == 404

        a_minute_passes(upload)

        assert anonymous.follow(resource["url"]).content == CONTENT

    def test_a_new_file_has_nothing_to_do_with_the_one_that_vanished(
        self, publisher: Caller, resource: dict, key: str
    ) -> None:
        lose(key)
        assert publisher.get(resource["url"]).status_code == 404
        newer = publisher.upload(b"new", resource=resource["id"])

        publisher.do("resource_patch", id=resource["id"], s3multipart_upload_id=newer["id"])

        assert publisher.follow(resource["url"]).content == b"new"
        assert [
            file["missing_since"] for file in publisher.do("s3multipart_file_list", owner=publisher.dataset)
        ] == [None]


class TestTheStoreIsAsked:
    def test_once_a_minute(
        self, s3_server: RunningServer, anonymous: Caller, resource: dict, upload: dict, key: str
    ) -> None:
        before = heads(s3_server, key)
        for _ in range(3):
            anonymous.get(resource["url"])
            anonymous.head(resource["url"])
        assert heads(s3_server, key) == before + 1

        a_minute_passes(upload)
        anonymous.get(resource["url"])

        assert heads(s3_server, key) == before + 2

    def test_at_once_where_the_clock_was_wrong(
        self, s3_server: RunningServer, anonymous: Caller, resource: dict, upload: dict, key: str
    ) -> None:
        anonymous.get(resource["url"])
        before = heads(s3_server, key)
        model.Session.get(FileCheck, upload["id"], populate_existing=True).asked_at += timedelta(days=400)
        model.Session.commit()

        anonymous.get(resource["url"])

        assert heads(s3_server, key) == before + 1

    def test_not_by_those_who_may_not_have_the_file(
        self, s3_server: RunningServer, publisher: Caller, anonymous: Caller, resource: dict, key: str
    ) -> None:
        publisher.do("package_patch", id=publisher.dataset, private=True)
        before = heads(s3_server, key)

        anonymous.get(resource["url"])

        assert heads(s3_server, key) == before


class TestNoLinkDependsOnIt:
    @pytest.mark.parametrize("fault", [{"status": 503}, {"status": 403}, {"status": 500}, {"drop": True}])
    def test_a_store_that_does_not_say(
        self, s3_server: RunningServer, anonymous: Caller, resource: dict, fault: dict
    ) -> None:
        s3_server.faults.add("HeadObject", **fault)

        assert anonymous.follow(resource["url"]).content == CONTENT
        assert anonymous.head(resource["url"]).status_code == 200

    def test_a_store_that_hangs(self, s3_server: RunningServer, anonymous: Caller, resource: dict) -> None:
        with s3_server.faults.hold("HeadObject"):
            assert anonymous.get(resource["url"]).status_code == 302

    def test_what_was_known_stays_while_the_store_does_not_say(
        self, s3_server: RunningServer, anonymous: Caller, resource: dict, upload: dict, key: str
    ) -> None:
        lose(key)
        assert anonymous.get(resource["url"]).status_code == 404
        s3_server.faults.add("HeadObject", status=503)
        a_minute_passes(upload)

        assert anonymous.get(resource["url"]).status_code == 404

    def test_a_database_that_keeps_nothing(
        self, anonymous: Caller, resource: dict, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model.Session.execute(model.meta.metadata.tables["s3multipart_file_check"].delete())
        model.Session.commit()
        monkeypatch.setattr("ckanext.s3multipart.downloads.file_check._claim", lose_the_database)

        assert anonymous.follow(resource["url"]).content == CONTENT


def lose_the_database(*_: object) -> bool:
    model.Session.connection().exec_driver_sql("SELECT no_such_column FROM package")
    return True


class TestTheAdministrator:
    def test_is_told_which_files_vanished(
        self, publisher: Caller, resource: dict, key: str, upload: dict
    ) -> None:
        there = publisher.publish(b"there")
        publisher.get(there["url"])
        lose(key)
        publisher.get(resource["url"])

        (file,) = [each for each in vanished_files() if each.resource_id in (resource["id"], there["id"])]

        assert (file.filename, file.key, file.resource_id) == ("rivers.csv", key, resource["id"])
        assert file.dataset == publisher.do("package_show", id=publisher.dataset)["name"]
        (listed, _) = publisher.do("s3multipart_file_list", owner=publisher.dataset)
        assert listed["resource"] == resource["id"]
        assert listed["missing_since"] == file.since.isoformat()

    def test_is_not_told_of_what_is_back(self, publisher: Caller, resource: dict, key: str) -> None:
        lose(key)
        publisher.get(resource["url"])
        put(key, CONTENT)

        assert resource["id"] not in [file.resource_id for file in vanished_files()]

    def test_is_not_told_of_what_was_deleted(self, publisher: Caller, resource: dict, key: str) -> None:
        lose(key)
        publisher.get(resource["url"])

        publisher.do("resource_delete", id=resource["id"])

        assert resource["id"] not in [file.resource_id for file in vanished_files()]

    def test_is_not_told_of_what_came_back_in_one_piece(
        self, publisher: Caller, resource: dict, key: str, upload: dict
    ) -> None:
        """Then the ETag is another one, and the checksum is the same."""
        put(key, CONTENT, ChecksumCRC64NVME=upload["checksum"]["value"])
        publisher.get(resource["url"])

        assert resource["id"] not in [file.resource_id for file in changed_files()]

    @pytest.mark.parametrize("content", [b"station,level\nA,2\n", b"longer than it was"])
    def test_is_told_of_what_is_another_file(
        self, publisher: Caller, resource: dict, key: str, content: bytes
    ) -> None:
        put(key, content)
        publisher.get(resource["url"])

        assert [file.key for file in changed_files() if file.resource_id == resource["id"]] == [key]
        assert resource["id"] not in [file.resource_id for file in vanished_files()]
