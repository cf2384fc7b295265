"""Administrators of an organisation see, hand over and abort the uploads of others to it, and nobody else
does.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest
from callers import Caller, new_stranger, new_sysadmin
from ckan import model
from kept_uploads import names, states
from organisation_members import member_of

from ckanext.s3multipart.model import UploadRow, now
from ckanext.s3multipart.upload_states import RowState

Setting = Callable[[str, object], None]


ACTIONS = {
    "s3multipart_organization_upload_list": ("organization",),
    "s3multipart_organization_usage": ("organization",),
    "s3multipart_deleted_files_remove": ("organization",),
    "s3multipart_upload_hand_over": ("id", "user"),
    "s3multipart_upload_abort": ("id",),
}


@pytest.fixture
def admin(publisher: Caller) -> Caller:
    """An administrator of the publisher's organisation."""
    return member_of(publisher, "admin")


class TestList:
    @pytest.mark.parametrize("who", ["administrator", "sysadmin"])
    def test_everyones_unfinished_uploads_are_listed(
        self, portal, publisher: Caller, admin: Caller, who: str
    ) -> None:
        sent = publisher.begin(b"12345", filename="unfinished.csv")
        publisher.do("s3multipart_upload_show", id=sent["id"])
        publisher.upload(filename="unsaved.csv")
        publisher.publish(filename="saved.csv")
        caller = admin if who == "administrator" else new_sysadmin(portal)

        listed = caller.do("s3multipart_organization_upload_list", organization=publisher.organisation)

        assert [each["filename"] for each in listed] == ["unsaved.csv", "unfinished.csv"]
        assert {each["publisher"] for each in listed} == {publisher.name}
        assert [each["last_stored_bytes"] for each in listed] == [3, 5]

    def test_uploads_of_another_organisation_are_not(self, another_publisher: Caller, admin: Caller) -> None:
        another_publisher.begin()

        refused = admin.call(
            "s3multipart_organization_upload_list", organization=another_publisher.organisation
        )

        assert (refused.status, refused.error["code"]) == (403, "not_an_administrator")


class TestWhoMay:
    def asked(self, publisher: Caller, action: str) -> dict[str, str]:
        values = {
            "organization": publisher.organisation_id,
            "user": publisher.name,
            "id": publisher.begin()["id"],
        }
        return {field: values[field] for field in ACTIONS[action]}

    @pytest.mark.parametrize("action", ACTIONS)
    @pytest.mark.parametrize("who", ["editor", "member", "stranger", "anonymous", "administrator of another"])
    def test_no_one_else(
        self, portal, publisher: Caller, another_publisher: Caller, anonymous: Caller, action: str, who: str
    ) -> None:
        callers: dict[str, Callable[[], Caller]] = {
            "editor": lambda: member_of(publisher, "editor"),
            "member": lambda: member_of(publisher, "member"),
            "stranger": lambda: new_stranger(portal),
            "anonymous": lambda: anonymous,
            "administrator of another": lambda: member_of(another_publisher, "admin"),
        }
        asked = self.asked(publisher, action)

        refused = callers[who]().call(action, **asked)

        assert refused.status == (401 if who == "anonymous" else 404 if "id" in asked else 403)
        assert states(publisher) == ["uploading"]

    @pytest.mark.parametrize("action", ACTIONS)
    @pytest.mark.parametrize("strange", ["", "no-such", "\x00", 7, ["a"], {}, None])
    def test_strange_values_are_refused(self, admin: Caller, action: str, strange: object) -> None:
        refused = admin.call(action, **dict.fromkeys(ACTIONS[action], strange))

        assert 400 <= refused.status < 500


class TestAbort:
    def test_an_administrator_aborts_what_someone_else_sends(self, publisher: Caller, admin: Caller) -> None:
        upload = publisher.upload(filename="unsaved.csv")

        aborted = admin.do("s3multipart_upload_abort", id=upload["id"])

        assert aborted["state"] == RowState.ABORTED
        assert names(publisher) == []
        assert publisher.do("s3multipart_upload_show", id=upload["id"])["state"] == RowState.ABORTED


class TestHandOver:
    def test_the_other_publisher_resumes_it_and_the_first_has_nothing_left(
        self, publisher: Caller, admin: Caller
    ) -> None:
        upload = publisher.begin(b"12345", idempotency_key="mine")
        editor = member_of(publisher, "editor")

        admin.do("s3multipart_upload_hand_over", id=upload["id"], user=editor.name)

        assert publisher.call("s3multipart_upload_show", id=upload["id"]).status == 404
        assert publisher.call("s3multipart_upload_complete", id=upload["id"]).status == 404
        completed = editor.do("s3multipart_upload_complete", id=upload["id"])
        resource = editor.do(
            "resource_create", package_id=publisher.dataset, s3multipart_upload_id=completed["id"]
        )
        assert editor.follow(resource["url"]).content == b"12345"

    def test_a_repeated_creation_by_the_first_makes_another_upload(
        self, publisher: Caller, admin: Caller
    ) -> None:
        upload = publisher.create(idempotency_key="mine").result["upload"]
        editor = member_of(publisher, "editor")
        admin.do("s3multipart_upload_hand_over", id=upload["id"], user=editor.name)

        again = publisher.create(idempotency_key="mine").result["upload"]

        assert again["id"] != upload["id"]

    @pytest.mark.parametrize("whom", ["member", "stranger", "nobody", "administrator of another"])
    def test_only_to_someone_who_may_upload_there(
        self, portal, publisher: Caller, another_publisher: Caller, admin: Caller, whom: str
    ) -> None:
        upload = publisher.begin()
        names_of: dict[str, Callable[[], str]] = {
            "member": lambda: member_of(publisher, "member").name,
            "stranger": lambda: new_stranger(portal).name,
            "nobody": lambda: "no-such-user",
            "administrator of another": lambda: member_of(another_publisher, "admin").name,
        }

        refused = admin.call("s3multipart_upload_hand_over", id=upload["id"], user=names_of[whom]())

        assert (refused.status, refused.error["code"]) == (409, "cannot_take_over")
        assert publisher.do("s3multipart_upload_show", id=upload["id"])["state"] == "uploading"

    def test_not_where_the_organisation_may_not_upload(
        self, publisher: Caller, admin: Caller, setting: Setting
    ) -> None:
        upload = publisher.begin()
        editor = member_of(publisher, "editor")
        setting("enabled_orgs", "another")

        refused = admin.call("s3multipart_upload_hand_over", id=upload["id"], user=editor.name)

        assert refused.error["code"] == "cannot_take_over"

    @pytest.mark.parametrize("completed", [False, True])
    def test_not_what_has_expired(self, publisher: Caller, admin: Caller, completed: bool) -> None:
        """The janitor may be removing it."""
        upload = publisher.upload() if completed else publisher.begin()
        model.Session.query(UploadRow).filter_by(id=upload["id"]).update(
            {"expires_at": now() - timedelta(seconds=1)}
        )
        model.Session.commit()
        editor = member_of(publisher, "editor")

        refused = admin.call("s3multipart_upload_hand_over", id=upload["id"], user=editor.name)

        assert (refused.status, refused.error["code"]) == (404, "upload_not_found")
        assert publisher.call("s3multipart_upload_show", id=upload["id"]).status == 200

    def test_not_what_is_saved(self, publisher: Caller, admin: Caller) -> None:
        upload = publisher.upload()
        publisher.attach(upload)
        editor = member_of(publisher, "editor")

        refused = admin.call("s3multipart_upload_hand_over", id=upload["id"], user=editor.name)

        assert (refused.status, refused.error["code"]) == (409, "upload_not_open")


class TestDeletedFiles:
    def test_administrators_see_and_remove_them_at_once(self, publisher: Caller, admin: Caller) -> None:
        publisher.publish(b"12345", filename="goes.csv")
        publisher.do("package_delete", id=publisher.dataset)
        assert names(publisher) == ["goes.csv"]

        usage = admin.do("s3multipart_organization_usage", organization=publisher.organisation)
        removed = admin.do("s3multipart_deleted_files_remove", organization=publisher.organisation)

        assert (usage["used"], usage["deleted"], usage["files"]) == (5, 5, 1)
        assert removed == {"files": 1, "bytes": 5}
        assert names(publisher) == []

    def test_files_of_what_is_there_stay(self, publisher: Caller, admin: Caller) -> None:
        gone = publisher.publish(b"1", filename="goes.csv")
        publisher.publish(b"2", filename="stays.csv")
        publisher.do("resource_delete", id=gone["id"])

        removed = admin.do("s3multipart_deleted_files_remove", organization=publisher.organisation)

        assert removed["files"] == 1
        assert names(publisher) == ["stays.csv"]

    def test_files_of_another_organisation_stay(
        self, publisher: Caller, another_publisher: Caller, admin: Caller
    ) -> None:
        another_publisher.publish(b"1", filename="stays.csv")
        another_publisher.do("package_delete", id=another_publisher.dataset)

        admin.do("s3multipart_deleted_files_remove", organization=publisher.organisation)

        assert names(another_publisher) == ["stays.csv"]
