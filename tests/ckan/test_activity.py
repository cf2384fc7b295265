"""Lines of CKAN's activity stream about files: who uploaded, replaced and deleted them, for whom to see."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ckan.plugins as p
import ckanext.activity
import pytest
from callers import Caller, new_publisher, new_stranger
from ckan.cli.db import _run_migrations
from ckan.tests.helpers import CKANTestApp
from kept_loggers import kept_loggers

from ckanext.s3multipart.uploads import activity

pytestmark = pytest.mark.smoke


@pytest.fixture
def stream(portal: CKANTestApp) -> Iterator[None]:
    """The activity plugin is on."""
    p.load("activity")
    try:
        # CKAN 2.10 has its table in the core.
        if (Path(ckanext.activity.__file__).parent / "migration").exists():
            with kept_loggers():
                _run_migrations("activity", "head", True)
        yield
    finally:
        p.unload("activity")


@pytest.mark.usefixtures("stream")
class TestTheStream:
    def test_says_who_uploaded_replaced_and_deleted_what(self, publisher: Caller) -> None:
        resource = publisher.publish(b"1,2", filename="rivers.csv")
        replacing = publisher.upload(b"3,4,5", filename="rivers 2.csv", resource=resource["id"])
        publisher.do("resource_patch", id=resource["id"], s3multipart_upload_id=replacing["id"])
        publisher.do("resource_delete", id=resource["id"])

        lines = ours(publisher, "package_activity_list", publisher.dataset)

        assert [(line["activity_type"], line["data"]["file"]["name"]) for line in lines] == [
            (activity.DELETED, "rivers 2.csv"),
            (activity.REPLACED, "rivers 2.csv"),
            (activity.UPLOADED, "rivers.csv"),
        ]
        assert {line["user_id"] for line in lines} == {publisher.user_id}
        assert [line["data"]["file"]["size"] for line in lines] == [5, 5, 3]

    def test_a_file_that_makes_room_for_a_link_is_deleted_once(self, publisher: Caller) -> None:
        resource = publisher.publish()
        publisher.do("resource_patch", id=resource["id"], url="http://example.com/a", url_type="")
        publisher.do("resource_patch", id=resource["id"], description="Elsewhere")

        lines = ours(publisher, "package_activity_list", publisher.dataset)

        assert [line["activity_type"] for line in lines] == [activity.DELETED, activity.UPLOADED]

    def test_other_changes_are_no_lines_of_ours(self, publisher: Caller) -> None:
        resource = publisher.publish()
        publisher.do("resource_patch", id=resource["id"], description="All gauges")
        publisher.do("package_patch", id=publisher.dataset, notes="Rivers")

        assert len(ours(publisher, "package_activity_list", publisher.dataset)) == 1

    def test_a_save_that_fails_leaves_no_line(self, publisher: Caller) -> None:
        upload = publisher.upload()
        answer = publisher.call(
            "package_patch",
            id=publisher.dataset,
            resources=[
                {"s3multipart_upload_id": upload["id"]},
                {"s3multipart_upload_id": upload["id"]},
            ],
        )

        assert answer.status == 409
        assert ours(publisher, "package_activity_list", publisher.dataset) == []

    def test_can_be_filtered_by_our_types(self, publisher: Caller) -> None:
        publisher.publish()

        lines = publisher.do(
            "package_activity_list", id=publisher.dataset, activity_types=[activity.UPLOADED]
        )

        assert [line["activity_type"] for line in lines] == [activity.UPLOADED]

    def test_what_a_save_changed_is_shown_as_without_our_lines(self, publisher: Caller) -> None:
        publisher.do("package_patch", id=publisher.dataset, notes="Rivers")
        publisher.publish()
        changed = latest(publisher, "changed package")

        diff = publisher.do("activity_diff", id=changed, object_type="package", diff_type="unified")["diff"]

        added = [line for line in diff.splitlines() if line.startswith("+ ")]
        assert any("/download/rivers.csv" in line for line in added)
        assert not any("notes" in line for line in added)


@pytest.mark.usefixtures("stream")
class TestWhoSeesIt:
    @pytest.mark.parametrize("turns", [False, True])
    def test_lines_of_a_private_dataset_are_private_in_every_stream(
        self, portal: CKANTestApp, turns: bool
    ) -> None:
        owner = new_publisher(portal, private=not turns)
        owner.publish(filename="top-secret.csv")
        if turns:
            owner.do("package_patch", id=owner.dataset, private=True)
        stranger = new_stranger(portal)

        assert stranger.call("package_activity_list", id=owner.dataset).status == 403
        for action, entity_id in (
            ("user_activity_list", owner.name),
            ("organization_activity_list", owner.organisation),
        ):
            assert ours(stranger, action, entity_id) == []
        seen = stranger.do("recently_changed_packages_activity_list")
        assert [line for line in seen if line["object_id"] == owner.dataset and is_ours(line)] == []
        if has_labels():
            assert len(ours(owner, "user_activity_list", owner.name)) == 1

    def test_lines_of_a_dataset_that_is_published_become_public(self, portal: CKANTestApp) -> None:
        if not has_labels():
            pytest.skip("this CKAN shows what users did to everyone, so nothing is noted of private datasets")
        owner = new_publisher(portal, private=True)
        owner.publish()
        owner.do("package_patch", id=owner.dataset, private=False)

        assert len(ours(new_stranger(portal), "user_activity_list", owner.name)) == 1

    def test_what_only_members_could_see_is_not_carried_on(self, portal: CKANTestApp) -> None:
        owner = new_publisher(portal, private=True, notes="For members")
        owner.do("package_patch", id=owner.dataset, title="Still private")
        upload = owner.upload()
        owner.do(
            "package_patch",
            id=owner.dataset,
            private=False,
            notes="For all",
            resources=[{"s3multipart_upload_id": upload["id"]}],
        )

        [line] = ours(new_stranger(portal), "package_activity_list", owner.dataset)
        assert "For members" not in str(line["data"])


def test_without_the_plugin_nothing_is_noted_and_everything_works(publisher: Caller) -> None:
    assert not p.plugin_loaded("activity")

    resource = publisher.publish()
    publisher.do("resource_delete", id=resource["id"])

    assert publisher.call("package_activity_list", id=publisher.dataset).status in (400, 404)


def ours(caller: Caller, action: str, entity_id: str) -> list[dict[str, Any]]:
    """The lines about files, the newest first."""
    return [line for line in caller.do(action, id=entity_id) if is_ours(line)]


def is_ours(line: dict[str, Any]) -> bool:
    return line["activity_type"] in activity.TYPES


def latest(caller: Caller, kind: str) -> str:
    lines = caller.do("package_activity_list", id=caller.dataset)
    return str(next(line["id"] for line in lines if line["activity_type"] == kind))


def has_labels() -> bool:
    from ckanext.activity.model import Activity

    return hasattr(Activity, "permission_labels")


def test_the_types_are_those_that_ckan_keeps_private() -> None:
    # CKAN goes by the labels of types with this ending alone.
    assert all(kind.endswith("package") for kind in activity.TYPES)
