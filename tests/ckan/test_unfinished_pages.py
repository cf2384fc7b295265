"""The pages of unfinished uploads: one's own on the dashboard, everybody's for administrators."""

import ckan.plugins.toolkit as tk
import pytest
from browser import SITE_URL, Browser, csrf_field
from bs4 import BeautifulSoup
from callers import Caller, new_stranger, new_sysadmin
from ckan import model
from ckan.tests import helpers
from kept_uploads import states
from organisation_members import member_of

from ckanext.s3multipart.model import UploadRow


@pytest.fixture
def admin(publisher: Caller) -> Caller:
    """An administrator of the publisher's organisation."""
    return member_of(publisher, "admin")


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
        assert ("(deleted)" if state == "deleted" else "no longer exists") in shown.get_text()

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

    def test_a_visitor_who_is_not_signed_in_logs_in_first(self, anonymous: Caller) -> None:
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

        assert "have been removed" in after.get_text()
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
