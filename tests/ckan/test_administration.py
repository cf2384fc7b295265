"""Administrators of an organisation see, hand over and abort the uploads of others to it, and nobody else
does."""

import json
from collections.abc import Callable
from datetime import timedelta

import ckan.plugins.toolkit as tk
import pytest
from browser import SITE_URL, Browser, csrf_field
from bs4 import BeautifulSoup
from callers import Caller, new_stranger, new_sysadmin
from ckan import model
from ckan.tests import helpers
from test_removal import names, states

from ckanext.s3multipart.cli import s3multipart
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


def member_of(caller: Caller, capacity: str) -> Caller:
    """Another member of the caller's organisation."""
    member = new_stranger(caller.app)
    add_member(caller, member, capacity)
    return member


def add_member(caller: Caller, member: Caller, capacity: str) -> None:
    helpers.call_action(
        "organization_member_create", id=caller.organisation_id, username=member.name, role=capacity
    )
    model.Session.remove()


@pytest.fixture
def admin(publisher: Caller) -> Caller:
    """An administrator of the publisher's organisation."""
    return member_of(publisher, "admin")


class TestList:
    @pytest.mark.parametrize("who", ["administrator", "sysadmin"])
    def test_everybodys_unfinished_uploads_are_listed(
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
    def test_nobody_else(
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
    def test_an_administrator_aborts_what_somebody_else_sends(self, publisher: Caller, admin: Caller) -> None:
        upload = publisher.upload(filename="unsaved.csv")

        aborted = admin.do("s3multipart_upload_abort", id=upload["id"])

        assert aborted["state"] == RowState.ABORTED
        assert names(publisher) == []
        assert publisher.do("s3multipart_upload_show", id=upload["id"])["state"] == RowState.ABORTED


class TestHandOver:
    def test_the_other_publisher_goes_on_and_the_first_has_nothing_any_more(
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
    def test_only_to_somebody_who_may_upload_there(
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


class TestPages:
    @pytest.fixture
    def browser(self, portal) -> Browser:
        return Browser(portal)

    def test_the_dashboard_shows_ones_own_across_datasets(self, browser: Browser) -> None:
        assert browser.page("/dashboard/uploads").select_one(".empty")
        browser.upload(b"12345", filename="unsaved.csv")

        page = browser.page("/dashboard/uploads")

        [shown] = page.select(".s3multipart-uploads > li")
        assert "unsaved.csv" in shown.get_text()
        assert "complete but not saved" in shown.get_text()
        assert shown.select_one("a.btn-primary")["href"].endswith("/resource/new")
        assert page.select_one('.nav-tabs a[href$="/dashboard/uploads"]')

    def test_what_is_being_sent_says_how_much_is_there(self, browser: Browser) -> None:
        begun = browser.action(
            "s3multipart_upload_create",
            csrf_token=browser.csrf_token(),
            **{"owner": browser.dataset, "filename": "100 % {sure} %s.csv", "size": 58_100_000_000},
        ).get_json()["result"]["upload"]
        model.Session.query(UploadRow).filter_by(id=begun["id"]).update({"stored_bytes": 35_500_000_000})
        model.Session.commit()

        [shown] = browser.page("/dashboard/uploads").select(".s3multipart-uploads > li")
        assert "61% of 58.1 GB" in " ".join(shown.get_text().split())
        assert "100 % {sure} %s.csv" in shown.get_text()

        make_admin(browser)
        [shown] = browser.page(f"/organization/uploads/{browser.organisation}").select(
            ".s3multipart-uploads > li"
        )
        assert "61% of 58.1 GB" in " ".join(shown.get_text().split())

    @pytest.mark.smoke
    def test_a_name_that_is_html_stays_a_name(self, portal, browser: Browser) -> None:
        """CKAN 2.12 writes the question that is asked before discarding into the page as HTML."""
        name = "<img src=x onerror=alert(1)> & co.csv"
        browser.upload(filename=name)
        make_admin(browser)

        for url in ("/dashboard/uploads", f"/organization/uploads/{browser.organisation}"):
            [shown] = browser.page(url).select(".s3multipart-uploads > li")
            assert name in shown.get_text()
            assert shown.select("img") == []
            question = shown.select_one("[data-module=confirm-action]")["data-module-content"]
            if tk.check_ckan_version(min_version="2.12"):
                as_html = BeautifulSoup(question, "html.parser")
                assert as_html.find_all() == []
                question = as_html.get_text()
            assert name in question

    @pytest.mark.parametrize("state", ["deleted", "purged"])
    def test_of_a_dataset_that_is_gone_an_upload_is_shown_still(
        self, portal, browser: Browser, state: str
    ) -> None:
        browser.upload()
        action = "package_delete" if state == "deleted" else "dataset_purge"
        new_sysadmin(portal).do(action, id=browser.dataset)

        [shown] = browser.page("/dashboard/uploads").select(".s3multipart-uploads > li")

        assert shown.select("a") == []
        assert ("(deleted)" if state == "deleted" else "no longer there") in shown.get_text()

    def test_the_tab_is_for_those_who_have_uploads(self, browser: Browser) -> None:
        tab = '.nav-tabs a[href$="/dashboard/uploads"]'
        assert not browser.page("/dashboard/datasets").select_one(tab)

        browser.upload()

        assert browser.page("/dashboard/datasets").select_one(tab)

    def test_one_is_discarded(self, browser: Browser) -> None:
        browser.upload()

        page = press(browser, browser.page("/dashboard/uploads"), "discard")

        assert "The upload was discarded." in page.get_text()
        assert page.select(".s3multipart-uploads > li") == []

    @pytest.mark.parametrize(
        "url",
        [
            "/dashboard/uploads/discard",
            "/organization/uploads/{}/discard",
            "/organization/uploads/{}/hand-over",
            "/organization/uploads/{}/remove-deleted",
        ],
    )
    def test_nothing_happens_without_the_csrf_token(
        self, portal, browser: Browser, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of all that this administrator may do."""
        browser.publish(b"12345")
        helpers.call_action("resource_delete", id=browser.resources()[0]["id"])
        upload = browser.upload()
        make_admin(browser)
        editor = new_stranger(portal)
        helpers.call_action(
            "organization_member_create", id=browser.organisation, username=editor.name, role="editor"
        )
        # As outside of tests.
        monkeypatch.setitem(portal.flask_app.config, "WTF_CSRF_ENABLED", True)

        browser.post(url.format(browser.organisation), data={"upload": upload["id"], "user": editor.name})

        assert states(browser) == ["attached", "completed"]
        assert len(browser.page("/dashboard/uploads").select(".s3multipart-uploads > li")) == 1

    def test_whoever_is_not_signed_in_logs_in_first(self, anonymous: Caller) -> None:
        assert "/user/login" in anonymous.get("/dashboard/uploads").headers["Location"]

    def test_administrators_see_the_page_of_their_organisation(self, browser: Browser) -> None:
        browser.upload(filename="unsaved.csv")
        make_admin(browser)

        page = browser.page(f"/organization/uploads/{browser.organisation}")

        assert "unsaved.csv" in page.select_one(".s3multipart-uploads").get_text()
        assert browser.name in [option["value"] for option in page.select("select[name=user] option")]
        assert page.select_one(f'a[href$="/organization/uploads/{browser.organisation}"]')

    def test_editors_do_not(self, browser: Browser) -> None:
        assert browser.get(f"/organization/uploads/{browser.organisation}").status_code == 403
        assert browser.get("/organization/uploads/no-such").status_code == 404

    def test_an_upload_is_handed_over_on_the_page(self, portal, browser: Browser) -> None:
        upload = browser.upload(filename="unsaved.csv")
        make_admin(browser)
        editor = new_stranger(portal)
        helpers.call_action(
            "organization_member_create", id=browser.organisation, username=editor.name, role="editor"
        )
        page = browser.page(f"/organization/uploads/{browser.organisation}")

        after = press(browser, page, "hand-over", user=editor.name)

        assert "The upload was handed over." in after.get_text()
        assert editor.do("s3multipart_upload_show", id=upload["id"])["state"] == "completed"

    def test_files_of_deleted_datasets_are_removed_on_the_page(self, browser: Browser) -> None:
        browser.publish(b"12345")
        make_admin(browser)
        helpers.call_action("package_delete", id=browser.dataset)
        page = browser.page(f"/organization/uploads/{browser.organisation}")
        assert "hold 5 bytes in 1 file," in page.get_text()

        after = press(browser, page, "remove-deleted")

        assert "are removed" in after.get_text()
        assert after.select('form[action$="remove-deleted"]') == []


def make_admin(browser: Browser) -> None:
    helpers.call_action(
        "organization_member_create", id=browser.organisation, username=browser.name, role="admin"
    )
    model.Session.remove()


def press(browser: Browser, page, what: str, **fields: str):
    """Submits the form whose address ends so, with what is in it; returns the page that comes after."""
    form = page.select_one(f'form[action$="/{what}"]')
    values = {field["name"]: field["value"] for field in form.select("input[name]")}
    answer = browser.post(form["action"], data={**values, **csrf_field(page), **fields})
    assert answer.status_code == 302, answer.get_data(as_text=True)[:500]
    return browser.page(answer.headers["Location"].removeprefix(SITE_URL))


class TestTerminal:
    def test_uploads_are_listed_handed_over_and_aborted(self, cli, publisher: Caller) -> None:
        upload = publisher.begin(filename="unfinished.csv")
        editor = member_of(publisher, "editor")

        listed = run(cli, "list", "--organization", publisher.organisation)
        assert "unfinished.csv" in listed and publisher.name in listed and upload["id"] in listed

        run(cli, "hand-over", upload["id"], editor.name)
        [row] = json.loads(run(cli, "list", "--user", editor.name, "--json"))
        assert (row["id"], row["publisher"]) == (upload["id"], editor.name)

        run(cli, "abort", upload["id"])
        assert states(publisher) == [RowState.ABORTED]

    def test_a_name_does_not_steer_the_terminal(self, cli, publisher: Caller) -> None:
        publisher.begin(filename="un\x1b[2Jfinished\n.csv")

        listed = run(cli, "list", "--organization", publisher.organisation)

        assert "un[2Jfinished.csv" in listed

    @pytest.mark.parametrize(
        "arguments",
        [("abort", "no-such"), ("hand-over", "no-such", "nobody"), ("list", "--user", "no-such-user")],
    )
    def test_what_is_not_there_is_said(self, cli, arguments: tuple[str, ...]) -> None:
        said = cli.invoke(s3multipart, ["uploads", *arguments])

        assert said.exit_code == 1
        assert "Traceback" not in said.output


def run(cli, *arguments: str) -> str:
    said = cli.invoke(s3multipart, ["uploads", *arguments], catch_exceptions=False)
    assert said.exit_code == 0, said.output
    return said.stdout
