"""Restoring and removing earlier versions: by editors only, and safe whatever else happens meanwhile."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from callers import Caller, new_stranger
from ckan import model
from kept_uploads import names, state_of

from ckanext.s3multipart.model import UploadRow
from ckanext.s3multipart.settings import portal_store
from ckanext.s3multipart.upkeep.janitor import sweep
from s3portal.server.testing import RunningServer

Setting = Callable[[str, object], None]

CHANGES = ("s3multipart_version_restore", "s3multipart_version_remove")


@pytest.fixture(autouse=True)
def kept(setting: Setting) -> None:
    """The site keeps ten earlier versions."""
    setting("keep_versions", 10)


@pytest.fixture
def resource(publisher: Caller) -> dict:
    """A resource whose file was replaced twice."""
    resource = publisher.publish(b"one", filename="one.csv")
    replace(publisher, resource, b"two!", "two.txt")
    return replace(publisher, resource, b"three", "three.csv")


def replace(caller: Caller, resource: dict, content: bytes, filename: str) -> dict:
    upload = caller.upload(content, filename=filename, resource=resource["id"])
    return caller.do("resource_patch", id=resource["id"], s3multipart_upload_id=upload["id"])


def by_name(caller: Caller, resource: dict) -> dict[str, str]:
    """The ids of the versions by file name, the current one first."""
    listed = caller.do("s3multipart_version_list", resource=resource["id"])
    return {each["filename"]: each["version"] for each in listed}


def change(caller: Caller, action: str, resource: dict, version: str):
    return caller.call(action, resource=resource["id"], version=version)


@pytest.mark.smoke
class TestRestore:
    def test_the_earlier_version_is_the_file_again(self, publisher: Caller, resource: dict) -> None:
        before = by_name(publisher, resource)

        restored = change(publisher, CHANGES[0], resource, before["one.csv"]).result

        assert (restored["current"], restored["filename"]) == (True, "one.csv")
        assert publisher.follow(resource["url"]).content == b"one"
        assert list(by_name(publisher, resource)) == ["one.csv", "three.csv", "two.txt"]
        assert names(publisher) == ["one.csv", "three.csv", "two.txt"]

    def test_the_resource_says_what_is_true_of_it(self, publisher: Caller, resource: dict) -> None:
        change(publisher, CHANGES[0], resource, by_name(publisher, resource)["two.txt"])

        after = publisher.do("resource_show", id=resource["id"])

        assert (after["size"], after["format"], after["url"].rsplit("/", 1)[-1]) == (4, "TXT", "two.txt")
        assert after["s3multipart_checksum"] != resource["s3multipart_checksum"]
        assert after["last_modified"] > resource["last_modified"]
        assert publisher.head(after["url"]).headers["Content-Length"] == "4"

    def test_each_version_keeps_its_link(self, publisher: Caller, resource: dict) -> None:
        listed = publisher.do("s3multipart_version_list", resource=resource["id"])
        change(publisher, CHANGES[0], resource, listed[-1]["version"])

        assert [publisher.follow(each["url"]).content for each in listed] == [b"three", b"two!", b"one"]

    def test_an_editor_restores_what_somebody_else_uploaded(
        self, publisher: Caller, resource: dict, another_publisher: Caller
    ) -> None:
        """Nobody may attach another's upload; this is a file of the resource already."""
        model.Session.query(UploadRow).filter_by(resource_id=resource["id"]).update(
            {"user": another_publisher.user_id}
        )
        model.Session.commit()

        assert change(publisher, CHANGES[0], resource, by_name(publisher, resource)["one.csv"]).status == 200
        assert publisher.follow(resource["url"]).content == b"one"

    def test_again_is_the_same(self, publisher: Caller, resource: dict) -> None:
        version = by_name(publisher, resource)["one.csv"]
        first = change(publisher, CHANGES[0], resource, version).result

        assert change(publisher, CHANGES[0], resource, version).result == first


def test_a_restore_takes_nothing_away_even_where_the_site_keeps_none_any_more(
    publisher: Caller, resource: dict, setting: Setting
) -> None:
    setting("keep_versions", 0)

    change(publisher, CHANGES[0], resource, by_name(publisher, resource)["one.csv"])

    assert names(publisher) == ["one.csv", "three.csv", "two.txt"]


@pytest.mark.parametrize("name", ["one.csv", "two.txt"])
def test_nor_where_the_number_is_reached(
    publisher: Caller, resource: dict, setting: Setting, name: str
) -> None:
    setting("keep_versions", 2)

    change(publisher, CHANGES[0], resource, by_name(publisher, resource)[name])

    assert names(publisher) == ["one.csv", "three.csv", "two.txt"]
    assert len(by_name(publisher, resource)) == 3


def test_a_resource_that_became_a_link_gets_its_file_back(publisher: Caller, resource: dict) -> None:
    publisher.do("resource_update", id=resource["id"], url="http://example.com/a.csv", url_type="")

    change(publisher, CHANGES[0], resource, by_name(publisher, resource)["three.csv"])

    assert publisher.follow(resource["url"]).content == b"three"
    assert publisher.do("resource_show", id=resource["id"])["url_type"] == "upload"


class TestRace:
    def test_restores_at_once_leave_one_file_and_lose_none(self, publisher: Caller, resource: dict) -> None:
        versions = list(by_name(publisher, resource).values())

        with ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(lambda each: change(publisher, CHANGES[0], resource, each), versions * 3))

        assert {answer.status for answer in answers} == {200}
        listed = publisher.do("s3multipart_version_list", resource=resource["id"])
        assert [each["current"] for each in listed] == [True, False, False]
        assert sorted(each["version"] for each in listed) == sorted(versions)
        shown = publisher.do("resource_show", id=resource["id"])
        assert shown["size"] == listed[0]["size"] == len(publisher.follow(shown["url"]).content)

    def test_restores_and_removals_at_once(self, publisher: Caller, resource: dict) -> None:
        """Whichever comes first, the file is there or the restore says that it is gone."""
        version = by_name(publisher, resource)["one.csv"]

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda action: change(publisher, action, resource, version), CHANGES * 3))

        assert {answer.status for answer in answers} <= {200, 404, 409}
        current = next(iter(by_name(publisher, resource)))
        content = publisher.follow(resource["url"]).content
        assert content == {"one.csv": b"one", "three.csv": b"three"}[current]

    def test_a_restore_while_another_file_is_uploaded(self, publisher: Caller, resource: dict) -> None:
        begun = publisher.begin(b"four", filename="four.csv", resource=resource["id"])
        change(publisher, CHANGES[0], resource, by_name(publisher, resource)["one.csv"])
        upload = publisher.do("s3multipart_upload_complete", id=begun["id"])

        publisher.do("resource_patch", id=resource["id"], s3multipart_upload_id=upload["id"])

        assert publisher.follow(resource["url"]).content == b"four"
        assert list(by_name(publisher, resource)) == ["four.csv", "one.csv", "three.csv", "two.txt"]

    def test_a_form_that_was_open_meanwhile_changes_nothing(self, publisher: Caller, resource: dict) -> None:
        """It sends what it was shown: the size, the type and the address of the file before."""
        change(publisher, CHANGES[0], resource, by_name(publisher, resource)["one.csv"])

        publisher.do("resource_update", **{**resource, "name": "Saved from an open form"})

        after = publisher.do("resource_show", id=resource["id"])
        assert (after["size"], after["name"]) == (3, "Saved from an open form")
        assert publisher.follow(after["url"]).content == b"one"

    def test_the_janitor_leaves_one_that_is_the_file_again(
        self, publisher: Caller, resource: dict, setting: Setting
    ) -> None:
        change(publisher, CHANGES[0], resource, by_name(publisher, resource)["one.csv"])
        setting("keep_versions", 0)

        sweep()

        assert names(publisher) == ["one.csv"]


class TestRemove:
    @pytest.mark.smoke
    def test_one_goes_at_once_and_the_others_stay(self, publisher: Caller, resource: dict) -> None:
        version = by_name(publisher, resource)["one.csv"]

        assert change(publisher, CHANGES[1], resource, version).result == {"version": version, "size": 3}

        assert names(publisher) == ["three.csv", "two.txt"]
        assert list(by_name(publisher, resource)) == ["three.csv", "two.txt"]
        url = f"/dataset/{publisher.dataset}/resource/{resource['id']}/download?version={version}"
        assert publisher.get(url).status_code == 404

    def test_again_is_the_same_and_a_restore_says_that_it_is_gone(
        self, publisher: Caller, resource: dict
    ) -> None:
        version = by_name(publisher, resource)["one.csv"]
        first = change(publisher, CHANGES[1], resource, version).result

        assert change(publisher, CHANGES[1], resource, version).result == first
        refused = change(publisher, CHANGES[0], resource, version)
        assert (refused.status, refused.error["code"]) == (404, "version_not_found")
        assert publisher.follow(resource["url"]).content == b"three"

    def test_the_current_file_is_not_removed(self, publisher: Caller, resource: dict) -> None:
        refused = change(publisher, CHANGES[1], resource, by_name(publisher, resource)["three.csv"])

        assert (refused.status, refused.error["code"]) == (409, "version_is_current")
        assert publisher.follow(resource["url"]).content == b"three"

    def test_what_the_store_does_not_remove_is_left_to_the_janitor(
        self, publisher: Caller, resource: dict, s3_server: RunningServer
    ) -> None:
        version = by_name(publisher, resource)["one.csv"]
        s3_server.faults.add("DeleteObject", status=503)
        assert change(publisher, CHANGES[1], resource, version).status == 200
        assert state_of({"id": version}) == "removing"

        s3_server.faults.clear()
        sweep()

        assert state_of({"id": version}) == "removed"
        assert names(publisher) == ["three.csv", "two.txt"]


@pytest.mark.parametrize("action", CHANGES)
class TestPermission:
    def test_readers_may_not(
        self, publisher: Caller, resource: dict, action: str, portal, anonymous: Caller
    ) -> None:
        version = by_name(publisher, resource)["one.csv"]

        assert change(anonymous, action, resource, version).status == 401
        refused = change(new_stranger(portal), action, resource, version)
        assert (refused.status, refused.error["code"]) == (403, "may_not_edit")
        assert list(by_name(publisher, resource)) == ["three.csv", "two.txt", "one.csv"]

    def test_a_version_of_another_resource_is_not_found(
        self, publisher: Caller, resource: dict, action: str, another_publisher: Caller
    ) -> None:
        foreign = another_publisher.publish(b"foreign")
        replace(another_publisher, foreign, b"newer", "newer.csv")
        (version,) = set(by_name(another_publisher, foreign).values()) - {
            by_name(another_publisher, foreign)["newer.csv"]
        }

        assert change(publisher, action, resource, version).status == 404
        assert change(publisher, action, foreign, version).status == 403
        assert len(by_name(another_publisher, foreign)) == 2

    @pytest.mark.parametrize("version", ["nothing", "", "\x00", "\ud800", 7, ["a"], None])
    def test_what_is_no_version(
        self, publisher: Caller, resource: dict, action: str, version: object
    ) -> None:
        assert change(publisher, action, resource, version).status in (404, 422)

    def test_an_upload_that_is_no_file_yet_is_not_found(
        self, publisher: Caller, resource: dict, action: str
    ) -> None:
        upload = publisher.upload(b"new", resource=resource["id"])

        assert change(publisher, action, resource, upload["id"]).status == 404


def test_a_version_that_the_store_has_lost_is_not_restored(publisher: Caller, resource: dict) -> None:
    version = by_name(publisher, resource)["one.csv"]
    row = model.Session.get(UploadRow, version)
    portal_store().client().delete_object(Bucket=portal_store().bucket, Key=row.key)

    refused = change(publisher, CHANGES[0], resource, version)

    assert (refused.status, refused.error["code"]) == (409, "object_gone")
    assert publisher.follow(resource["url"]).content == b"three"
