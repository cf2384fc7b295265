"""What nothing needs any more goes from the store after the transaction, and not if that is given up."""

from collections.abc import Callable

import pytest
from callers import Caller, new_publisher, new_sysadmin
from ckan import model
from ckan.tests import helpers
from kept_uploads import days_pass, names, states

from ckanext.s3multipart.upkeep.janitor import sweep
from ckanext.s3multipart.upload_states import RowState
from ckanext.s3multipart.uploads.held_files import held_by_deleted
from ckanext.s3multipart.uploads.quota import usage
from ckanext.s3multipart.uploads.removal import mark_files_of_dataset
from s3portal.server.testing import RunningServer

Setting = Callable[[str, object], None]


@pytest.fixture
def resource(publisher: Caller) -> dict:
    """A resource with a file, beside another that stays."""
    publisher.publish(b"stays", filename="stays.csv")
    resource = publisher.publish(b"goes", filename="goes.csv")
    assert names(publisher) == ["goes.csv", "stays.csv"]
    return resource


def delete(admin: Caller, caller: Caller, action: str) -> None:
    """Deletes the caller's dataset in one of CKAN's ways."""
    asked = {
        "package_delete": {"id": caller.dataset},
        "package_patch": {"id": caller.dataset, "state": "deleted"},
        "bulk_update_delete": {"datasets": [caller.dataset], "org_id": caller.organisation_id},
    }
    admin.do(action, **asked[action])


@pytest.mark.smoke
class TestResource:
    def test_its_file_goes_with_it_at_once_where_there_is_no_grace(
        self, publisher: Caller, resource: dict, setting: Setting
    ) -> None:
        setting("delete_grace", 0)

        publisher.do("resource_delete", id=resource["id"])

        assert names(publisher) == ["stays.csv"]

    @pytest.mark.parametrize("remove_files_on", ["delete", "purge"])
    def test_its_file_goes_when_the_grace_is_over(
        self, publisher: Caller, resource: dict, setting: Setting, remove_files_on: str
    ) -> None:
        setting("remove_files_on", remove_files_on)
        publisher.do("resource_delete", id=resource["id"])

        days_pass(publisher, 6)
        sweep()
        assert names(publisher) == ["goes.csv", "stays.csv"]

        days_pass(publisher, 1)
        sweep()
        assert names(publisher) == ["stays.csv"]

    @pytest.mark.parametrize("remove_files_on", ["delete", "purge"])
    def test_a_restore_within_the_grace_brings_its_file_back(
        self, publisher: Caller, resource: dict, setting: Setting, remove_files_on: str
    ) -> None:
        """CKAN restores a resource whose id is saved with the dataset again."""
        setting("remove_files_on", remove_files_on)
        package = publisher.do("package_show", id=publisher.dataset)
        publisher.do("resource_delete", id=resource["id"])
        days_pass(publisher, 6)
        sweep()

        publisher.do("package_patch", id=publisher.dataset, resources=package["resources"])
        days_pass(publisher, 30)
        sweep()

        assert publisher.follow(resource["url"]).content == b"goes"

    def test_its_file_stays_for_the_grace_when_the_dataset_is_saved_in_the_meantime(
        self, publisher: Caller, resource: dict, setting: Setting
    ) -> None:
        """CKAN purges a deleted resource then, and makes it again where its id is saved again."""
        setting("org_quota", "1000")
        publisher.do("resource_delete", id=resource["id"])
        publisher.do("package_patch", id=publisher.dataset, notes="Saved meanwhile")
        publisher.do("resource_create", package_id=publisher.dataset, url="http://example.com/rivers.csv")
        assert model.Session.get(model.Resource, resource["id"]) is None
        days_pass(publisher, 6)
        sweep()
        assert names(publisher) == ["goes.csv", "stays.csv"]
        assert usage(publisher.organisation_id).deleted == len(b"goes")
        assert held_by_deleted(publisher.organisation_id).files == 1

        restored = publisher.do("resource_create", **{**resource, "package_id": publisher.dataset})
        days_pass(publisher, 30)
        sweep()
        assert publisher.follow(restored["url"]).content == b"goes"

        publisher.do("resource_delete", id=resource["id"])
        publisher.do("resource_create", package_id=publisher.dataset, url="http://example.com/lakes.csv")
        days_pass(publisher, 8)
        sweep()
        assert names(publisher) == ["stays.csv"]

    def test_its_link_says_so(self, publisher: Caller, resource: dict) -> None:
        publisher.do("resource_delete", id=resource["id"])

        assert publisher.get(resource["url"]).status_code == 404

    def test_its_file_goes_when_the_dataset_is_saved_without_it(
        self, publisher: Caller, resource: dict, setting: Setting
    ) -> None:
        setting("delete_grace", 0)
        package = publisher.do("package_show", id=publisher.dataset)
        kept = [each for each in package["resources"] if each["id"] != resource["id"]]

        publisher.do("package_patch", id=publisher.dataset, resources=kept)

        assert names(publisher) == ["stays.csv"]

    def test_its_file_goes_when_it_becomes_a_link(self, publisher: Caller, resource: dict) -> None:
        after = publisher.do(
            "resource_update", id=resource["id"], url="http://example.com/rivers.csv", url_type=""
        )

        assert names(publisher) == ["stays.csv"]
        assert after["url"] == "http://example.com/rivers.csv"
        assert publisher.get(resource["url"]).headers["Location"] == "http://example.com/rivers.csv"

    def test_its_file_goes_when_ckan_itself_stores_another(self, publisher: Caller, resource: dict) -> None:
        after = publisher.upload_through_ckan(b"by ckan", "by-ckan.csv", id=resource["id"])

        assert names(publisher) == ["stays.csv"]
        assert publisher.get(after["url"]).data == b"by ckan"

    def test_the_old_file_goes_when_a_new_one_comes(self, publisher: Caller, resource: dict) -> None:
        upload = publisher.upload(b"new", filename="new.csv")

        publisher.do("resource_patch", id=resource["id"], s3multipart_upload_id=upload["id"])

        assert names(publisher) == ["new.csv", "stays.csv"]


@pytest.mark.smoke
class TestDataset:
    @pytest.mark.parametrize("action", ["package_delete", "package_patch", "bulk_update_delete"])
    def test_its_files_stay_until_it_is_purged(
        self, publisher: Caller, portal, resource: dict, action: str
    ) -> None:
        admin = new_sysadmin(portal)

        delete(admin, publisher, action)
        days_pass(publisher, 1000)
        sweep()
        assert names(publisher) == ["goes.csv", "stays.csv"]

        admin.do("package_patch", id=publisher.dataset, state="active")
        assert publisher.follow(resource["url"]).content == b"goes"

        admin.do("dataset_purge", id=publisher.dataset)
        assert names(publisher) == []

    def test_what_it_holds_when_it_is_deleted_stays_with_it(
        self, publisher: Caller, portal, resource: dict
    ) -> None:
        """Also a resource that was deleted a day before: the restored dataset is the one that was there."""
        publisher.do("resource_delete", id=resource["id"])
        publisher.do("package_delete", id=publisher.dataset)
        days_pass(publisher, 1000)

        sweep()

        assert names(publisher) == ["goes.csv", "stays.csv"]

    @pytest.mark.parametrize("action", ["package_delete", "package_patch", "bulk_update_delete"])
    def test_its_files_can_go_after_a_grace(
        self, publisher: Caller, portal, resource: dict, setting: Setting, action: str
    ) -> None:
        setting("remove_files_on", "delete")
        delete(new_sysadmin(portal), publisher, action)
        assert names(publisher) == ["goes.csv", "stays.csv"]

        days_pass(publisher, 6)
        sweep()
        assert names(publisher) == ["goes.csv", "stays.csv"]

        days_pass(publisher, 1)
        sweep()
        assert names(publisher) == []
        assert states(publisher) == [RowState.REMOVED, RowState.REMOVED]

    @pytest.mark.parametrize("action", ["package_delete", "package_patch", "bulk_update_delete"])
    def test_its_files_can_go_with_it(
        self, publisher: Caller, portal, resource: dict, setting: Setting, action: str
    ) -> None:
        setting("remove_files_on", "delete")
        setting("delete_grace", 0)

        delete(new_sysadmin(portal), publisher, action)

        assert names(publisher) == []
        assert states(publisher) == [RowState.REMOVED, RowState.REMOVED]

    @pytest.mark.parametrize("action", ["package_delete", "bulk_update_delete"])
    def test_a_restore_within_the_grace_brings_everything_back(
        self, publisher: Caller, portal, resource: dict, setting: Setting, action: str
    ) -> None:
        setting("remove_files_on", "delete")
        admin = new_sysadmin(portal)
        delete(admin, publisher, action)
        days_pass(publisher, 6)
        sweep()

        admin.do("package_patch", id=publisher.dataset, state="active")
        days_pass(publisher, 30)
        sweep()

        assert publisher.follow(resource["url"]).content == b"goes"
        assert names(publisher) == ["goes.csv", "stays.csv"]

    def test_a_restore_past_ckan_counts_too(self, publisher: Caller, portal, resource: dict, setting) -> None:
        setting("remove_files_on", "delete")
        publisher.do("package_delete", id=publisher.dataset)
        model.Session.query(model.Package).filter_by(id=publisher.dataset).update({"state": "active"})
        model.Session.commit()
        days_pass(publisher, 30)

        sweep()

        assert publisher.follow(resource["url"]).content == b"goes"

    def test_a_restored_dataset_says_that_its_files_are_gone(
        self, publisher: Caller, portal, resource: dict, setting: Setting
    ) -> None:
        setting("remove_files_on", "delete")
        setting("delete_grace", 0)
        publisher.do("package_delete", id=publisher.dataset)
        new_sysadmin(portal).do("package_patch", id=publisher.dataset, state="active")

        answer = publisher.get(resource["url"])

        assert answer.status_code == 404
        assert "The file of this resource was deleted." in answer.get_data(as_text=True)

    def test_a_file_whose_resource_went_to_another_dataset_stays(
        self, publisher: Caller, portal, resource: dict, setting: Setting
    ) -> None:
        other = new_publisher(portal)
        model.Session.query(model.Resource).filter_by(id=resource["id"]).update({"package_id": other.dataset})
        model.Session.commit()
        setting("remove_files_on", "delete")
        setting("delete_grace", 0)

        publisher.do("package_delete", id=publisher.dataset)
        assert names(publisher) == ["goes.csv"]
        new_sysadmin(portal).do("dataset_purge", id=publisher.dataset)
        sweep()

        assert names(publisher) == ["goes.csv"]

    def test_the_janitor_says_what_deleted_ones_hold(self, publisher: Caller, portal, resource: dict) -> None:
        before = sweep()

        publisher.do("package_delete", id=publisher.dataset)

        after = sweep()
        assert after.held_files == before.held_files + 2
        assert after.held_bytes == before.held_bytes + len(b"goes") + len(b"stays")

    def test_saving_it_removes_nothing(self, publisher: Caller, resource: dict) -> None:
        publisher.do("package_patch", id=publisher.dataset, private=True, title="New")

        assert names(publisher) == ["goes.csv", "stays.csv"]


class TestTransaction:
    def test_a_deletion_that_is_rolled_back_removes_nothing(
        self, publisher: Caller, resource: dict, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail() -> None:
            raise RuntimeError("the database went away")

        # The context of the actions stays what it is: only the end of the transaction is another.
        monkeypatch.setattr(model.repo, "commit", fail)
        with pytest.raises(RuntimeError):
            helpers.call_action("package_delete", id=publisher.dataset)
        model.Session.flush()
        model.Session.rollback()
        model.Session.commit()

        assert names(publisher) == ["goes.csv", "stays.csv"]
        assert states(publisher) == ["attached", "attached"]
        assert publisher.follow(resource["url"]).content == b"goes"

    def test_a_savepoint_is_no_end(self, publisher: Caller, resource: dict) -> None:
        with model.Session.begin_nested():
            mark_files_of_dataset(publisher.dataset)
        assert names(publisher) == ["goes.csv", "stays.csv"]

        model.Session.commit()

        assert names(publisher) == []

    def test_a_savepoint_inside_a_transaction_that_is_rolled_back(
        self, publisher: Caller, resource: dict
    ) -> None:
        with model.Session.begin_nested():
            mark_files_of_dataset(publisher.dataset)
        model.Session.rollback()
        model.Session.commit()

        assert names(publisher) == ["goes.csv", "stays.csv"]

    def test_a_failing_store_leaves_the_files_to_the_janitor(
        self, publisher: Caller, resource: dict, s3_server: RunningServer, setting: Setting
    ) -> None:
        setting("remove_files_on", "delete")
        setting("delete_grace", 0)
        s3_server.faults.add("DeleteObject", status=503)
        publisher.do("package_delete", id=publisher.dataset)
        assert states(publisher) == [RowState.REMOVING, RowState.REMOVING]
        assert names(publisher) == ["goes.csv", "stays.csv"]

        s3_server.faults.clear()
        sweep()

        assert names(publisher) == []
        assert states(publisher) == [RowState.REMOVED, RowState.REMOVED]
