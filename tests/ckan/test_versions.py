"""Earlier versions of a resource's file: which are kept, who reaches them and under which link."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from callers import Caller, new_publisher, new_stranger, new_sysadmin
from ckan import model
from kept_uploads import names, state_of

from ckanext.s3multipart.model import UploadRow, downloads
from ckanext.s3multipart.settings import portal_store
from ckanext.s3multipart.upkeep.fixity import verify
from ckanext.s3multipart.upkeep.janitor import sweep
from ckanext.s3multipart.uploads.quota import usage

Setting = Callable[[str, object], None]


@pytest.fixture
def kept(setting: Setting) -> None:
    """The site keeps two earlier versions."""
    setting("keep_versions", 2)


@pytest.fixture
def replaced(publisher: Caller, kept: None) -> dict:
    """A resource whose file was replaced once."""
    return replace(publisher, publisher.publish(b"first", filename="first.csv"), b"second", "second.txt")


def replace(caller: Caller, resource: dict, content: bytes, filename: str = "rivers.csv") -> dict:
    upload = caller.upload(content, filename=filename, resource=resource["id"], content_type="text/plain")
    return caller.do("resource_patch", id=resource["id"], s3multipart_upload_id=upload["id"])


def versions(caller: Caller, resource: dict) -> list[dict]:
    return caller.do("s3multipart_version_list", resource=resource["id"])


def link(caller: Caller, resource: dict, version: str) -> str:
    return f"/dataset/{caller.dataset}/resource/{resource['id']}/download?version={version}"


def replaced_earlier(version: str, days: int) -> None:
    """The version was replaced so many days before."""
    rows = UploadRow.__table__
    earlier = rows.c.replaced_at - timedelta(days=days)
    model.Session.execute(rows.update().where(rows.c.id == version).values(replaced_at=earlier))
    model.Session.commit()


class TestKeeping:
    def test_a_site_that_sets_nothing_keeps_none(self, publisher: Caller) -> None:
        resource = publisher.publish(b"first", filename="first.csv")
        first = versions(publisher, resource)[0]["version"]

        replace(publisher, resource, b"second", "second.csv")

        assert names(publisher) == ["second.csv"]
        assert [each["current"] for each in versions(publisher, resource)] == [True]
        assert publisher.get(link(publisher, resource, first)).status_code == 404

    def test_the_replaced_file_stays_with_what_was_known_of_it(
        self, publisher: Caller, replaced: dict
    ) -> None:
        current, earlier = versions(publisher, replaced)

        assert (current["current"], current["filename"], current["replaced_at"]) == (True, "second.txt", None)
        assert earlier["uploaded_at"] < earlier["attached_at"] < earlier["replaced_at"]
        assert (earlier["current"], earlier["filename"], earlier["size"]) == (False, "first.csv", 5)
        assert (earlier["content_type"], earlier["publisher"]) == ("text/csv", publisher.name)
        assert earlier["checksum"]["value"] != current["checksum"]["value"]

    def test_no_more_than_the_site_wants(self, publisher: Caller, replaced: dict) -> None:
        replace(publisher, replaced, b"third", "third.csv")
        replace(publisher, replaced, b"fourth", "fourth.csv")

        assert names(publisher) == ["fourth.csv", "second.txt", "third.csv"]
        assert [each["filename"] for each in versions(publisher, replaced)] == [
            "fourth.csv",
            "third.csv",
            "second.txt",
        ]

    def test_a_file_that_makes_room_for_a_link_is_kept_too(self, publisher: Caller, kept: None) -> None:
        resource = publisher.publish(b"first", filename="first.csv")
        publisher.do("resource_update", id=resource["id"], url="http://example.com/a.csv", url_type="")

        (earlier,) = versions(publisher, resource)

        assert publisher.follow(earlier["url"]).content == b"first"
        assert publisher.get(link(publisher, resource, "")[: -len("?version=")]).status_code == 302

    def test_it_is_kept_only_when_the_save_is(self, publisher: Caller, kept: None) -> None:
        resource = publisher.publish(b"first", filename="first.csv")
        upload = publisher.upload(b"second", resource=resource["id"])

        refused = publisher.call(
            "resource_patch",
            id=resource["id"],
            s3multipart_upload_id=upload["id"],
            cache_last_updated="not a time",
        )

        assert refused.status == 409
        assert [each["filename"] for each in versions(publisher, resource)] == ["first.csv"]


@pytest.mark.smoke
class TestLink:
    def test_it_gives_the_file_of_that_version(self, publisher: Caller, replaced: dict) -> None:
        current, earlier = versions(publisher, replaced)

        first = publisher.follow(earlier["url"])

        assert first.content == b"first"
        assert 'filename="first.csv"' in first.headers["Content-Disposition"]
        assert first.headers["Content-Type"].startswith("text/csv")
        assert publisher.follow(current["url"]).content == b"second"
        assert publisher.follow(replaced["url"]).content == b"second"

    def test_head_says_what_is_known_of_that_version(self, publisher: Caller, replaced: dict) -> None:
        earlier = versions(publisher, replaced)[1]

        answer = publisher.head(earlier["url"])

        assert answer.status_code == 200
        assert answer.headers["Content-Length"] == "5"
        assert "no-store" in answer.headers["Cache-Control"]

    @pytest.mark.parametrize(
        "version", ["", "1", "a" * 36, "5f0c7f6e-5f3e-4b1e-9a39-5a2c8c3a7d10", "%00", "%F0%9F", "..%2F.."]
    )
    def test_one_that_is_not_there_is_not_found(
        self, publisher: Caller, replaced: dict, version: str
    ) -> None:
        answer = publisher.get(link(publisher, replaced, version))

        assert answer.status_code == 404
        assert "no-store" in answer.headers["Cache-Control"]

    def test_that_of_another_resource_is_refused(self, publisher: Caller, replaced: dict) -> None:
        other = publisher.publish(b"other")
        foreign = versions(publisher, other)[0]["version"]

        assert publisher.get(link(publisher, replaced, foreign)).status_code == 404

    def test_that_of_an_upload_that_is_no_file_is_refused(self, publisher: Caller, replaced: dict) -> None:
        unsaved = publisher.upload(b"secret", resource=replaced["id"])

        assert publisher.get(link(publisher, replaced, unsaved["id"])).status_code == 404

    def test_a_private_one_is_not_for_strangers(self, portal, kept: None, anonymous: Caller) -> None:
        owner = new_publisher(portal, private=True)
        resource = replace(owner, owner.publish(b"first"), b"second")
        earlier = versions(owner, resource)[1]

        for caller in (anonymous, new_stranger(portal)):
            answer = caller.get(link(owner, resource, earlier["version"]))
            assert answer.status_code in (302, 403, 404)
            assert "X-Amz-Signature" not in answer.headers.get("Location", "")
            assert caller.call("s3multipart_version_list", resource=resource["id"]).status == 403

        owner.do("package_patch", id=owner.dataset, private=False)
        assert anonymous.follow(earlier["url"]).content == b"first"

    def test_on_a_resource_that_never_had_a_file_of_ours_it_means_nothing(self, publisher: Caller) -> None:
        resource = publisher.upload_through_ckan(b"by ckan", "by-ckan.csv")

        assert publisher.get(f"{resource['url']}?version=3").data == b"by ckan"

    def test_its_download_counts_for_the_resource(self, publisher: Caller, replaced: dict) -> None:
        for each in versions(publisher, replaced):
            publisher.follow(each["url"], headers={"User-Agent": "a browser"})

        assert downloads(replaced["id"]) == 2

    def test_it_needs_no_language_and_no_name(self, publisher: Caller, replaced: dict) -> None:
        earlier = versions(publisher, replaced)[1]

        answer = publisher.get(f"/de{link(publisher, replaced, earlier['version'])}")

        assert answer.status_code == 302
        assert earlier["url"].endswith(link(publisher, replaced, earlier["version"]))


class TestList:
    def test_readers_do_not_learn_who_uploaded(
        self, publisher: Caller, replaced: dict, anonymous: Caller
    ) -> None:
        listed = versions(anonymous, replaced)

        assert [each["filename"] for each in listed] == ["second.txt", "first.csv"]
        assert [each["publisher"] for each in listed] == [None, None]

    @pytest.mark.parametrize("resource", ["", "nothing", "\x00", 5, ["a"]])
    def test_a_resource_that_is_none(self, publisher: Caller, resource: object) -> None:
        assert publisher.call("s3multipart_version_list", resource=resource).status in (404, 422)

    def test_that_of_a_deleted_resource_is_not_shown(self, publisher: Caller, replaced: dict) -> None:
        publisher.do("resource_delete", id=replaced["id"])

        assert publisher.call("s3multipart_version_list", resource=replaced["id"]).status == 404


class TestOtherLists:
    def test_the_file_list_has_them_where_they_are_asked_for(
        self, publisher: Caller, replaced: dict, anonymous: Caller
    ) -> None:
        earlier = versions(publisher, replaced)[1]

        (file,) = publisher.do("s3multipart_file_list", owner=publisher.dataset, versions=True)

        assert (file["filename"], file["versions"]) == ("second.txt", [earlier])
        (read,) = anonymous.do("s3multipart_file_list", owner=publisher.dataset, versions=True)
        assert read["versions"] == [{**earlier, "publisher": None}]

    def test_verifying_looks_at_them_too(self, publisher: Caller, replaced: dict) -> None:
        earlier = versions(publisher, replaced)[1]
        row = model.Session.get(UploadRow, earlier["version"])
        portal_store().client().put_object(Bucket=portal_store().bucket, Key=row.key, Body=b"other")

        problems = {each.upload: each for each in verify(restart=True).problems}

        assert "an earlier version" in problems[earlier["version"]].file


class TestQuota:
    def test_versions_count_and_the_sentence_says_so(
        self, publisher: Caller, replaced: dict, setting: Setting
    ) -> None:
        counted = usage(publisher.organisation_id)
        assert (counted.used, counted.versions, counted.files) == (11, 5, 2)
        setting("org_quota", "20")

        refused = publisher.create(size=10)

        assert (refused.status, refused.error["used"], refused.error["versions"]) == (409, 11, 5)
        assert "5 bytes by earlier versions of files" in refused.error["message"]

    def test_those_of_deleted_resources_count_as_deleted(self, publisher: Caller, replaced: dict) -> None:
        publisher.do("resource_delete", id=replaced["id"])

        counted = usage(publisher.organisation_id)

        assert (counted.used, counted.deleted, counted.versions) == (11, 11, 0)

    def test_administrators_see_how_much(self, publisher: Caller, replaced: dict, portal) -> None:
        admin = new_sysadmin(portal)

        shown = admin.do("s3multipart_organization_usage", organization=publisher.organisation)

        assert (shown["used"], shown["versions"]) == (11, 5)
        page = admin.get(f"/organization/uploads/{publisher.organisation}").get_data(as_text=True)
        assert "for earlier versions of files" in page


@pytest.mark.smoke
class TestGoing:
    def test_the_janitor_removes_those_that_are_too_old(self, publisher: Caller, setting: Setting) -> None:
        setting("keep_versions_for", "90 days")
        resource = replace(publisher, publisher.publish(b"first", filename="first.csv"), b"2", "second.csv")
        replace(publisher, resource, b"3", "third.csv")
        second, first = versions(publisher, resource)[1:]
        replaced_earlier(first["version"], 91)
        replaced_earlier(second["version"], 89)

        assert sweep(dry_run=True).versions == 1
        assert sweep().versions == 1

        assert names(publisher) == ["second.csv", "third.csv"]
        assert publisher.get(first["url"]).status_code == 404
        assert publisher.follow(second["url"]).content == b"2"

    def test_and_those_beyond_a_smaller_number(
        self, publisher: Caller, replaced: dict, setting: Setting
    ) -> None:
        replace(publisher, replaced, b"third", "third.csv")
        setting("keep_versions", 1)

        sweep()

        assert names(publisher) == ["second.txt", "third.csv"]

    def test_and_all_where_the_site_keeps_none_any_more_but_never_the_current_file(
        self, publisher: Caller, replaced: dict, setting: Setting
    ) -> None:
        setting("keep_versions", 0)

        sweep()

        assert names(publisher) == ["second.txt"]
        assert publisher.follow(replaced["url"]).content == b"second"

    def test_they_go_with_the_dataset_when_it_is_purged(
        self, publisher: Caller, replaced: dict, portal
    ) -> None:
        new_sysadmin(portal).do("dataset_purge", id=publisher.dataset)

        assert names(publisher) == []

    def test_they_stay_with_a_deleted_resource_as_long_as_its_file(
        self, publisher: Caller, replaced: dict
    ) -> None:
        package = publisher.do("package_show", id=publisher.dataset)
        earlier = versions(publisher, replaced)[1]
        publisher.do("resource_delete", id=replaced["id"])
        sweep()
        assert publisher.get(earlier["url"]).status_code == 404

        publisher.do("package_patch", id=publisher.dataset, resources=package["resources"])

        assert publisher.follow(earlier["url"]).content == b"first"
        sweep()
        assert names(publisher) == ["first.csv", "second.txt"]

    def test_and_go_with_it_when_the_grace_is_over(
        self, publisher: Caller, replaced: dict, setting: Setting
    ) -> None:
        publisher.do("resource_delete", id=replaced["id"])
        setting("delete_grace", 0)

        sweep()

        assert names(publisher) == []

    def test_at_once_where_there_is_no_grace(
        self, publisher: Caller, replaced: dict, setting: Setting
    ) -> None:
        setting("delete_grace", 0)

        publisher.do("resource_delete", id=replaced["id"])

        assert names(publisher) == []

    def test_nobody_gets_them_by_making_a_resource_of_the_same_id(
        self, publisher: Caller, another_publisher: Caller, kept: None
    ) -> None:
        """CKAN lets any dataset use the id of a resource that was purged."""
        resource = publisher.publish(b"secret")
        publisher.do("resource_update", id=resource["id"], url="http://example.com/a.csv", url_type="")
        publisher.do("resource_delete", id=resource["id"])
        publisher.do("package_patch", id=publisher.dataset, notes="Saved")

        taken = another_publisher.call(
            "resource_create",
            package_id=another_publisher.dataset,
            id=resource["id"],
            url="http://example.com/b.csv",
        )

        assert taken.status in (403, 409)


def test_a_version_shows_its_state_to_its_publisher(publisher: Caller, kept: None) -> None:
    resource = publisher.publish(b"first")
    first = versions(publisher, resource)[0]["version"]
    replace(publisher, resource, b"second")

    assert publisher.do("s3multipart_upload_show", id=first)["state"] == "version"
    assert state_of({"id": first}) == "version"
    assert publisher.call("s3multipart_upload_abort", id=first).status == 409
    assert (
        publisher.call("resource_create", package_id=publisher.dataset, s3multipart_upload_id=first).status
        == 409
    )
