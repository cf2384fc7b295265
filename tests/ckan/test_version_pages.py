"""Earlier versions on the page of a resource, for readers and for editors, without JavaScript."""

from collections.abc import Callable

import pytest
from browser import Browser, csrf_field
from bs4 import BeautifulSoup
from callers import Caller

from ckanext.s3multipart.uploads import version_pages

Setting = Callable[[str, object], None]

pytestmark = pytest.mark.smoke


@pytest.fixture
def browser(portal, setting: Setting, monkeypatch: pytest.MonkeyPatch) -> Browser:
    """An editor whose resource has had two files, before a portal that checks CSRF tokens."""
    setting("keep_versions", 20)
    monkeypatch.setitem(portal.flask_app.config, "WTF_CSRF_ENABLED", True)
    browser = Browser(portal)
    browser.publish(b"one")
    replace(browser, b"three", '<b>"three".csv')
    return browser


def replace(browser: Browser, content: bytes, filename: str) -> None:
    (resource,) = browser.resources()
    upload = browser.upload(content, filename, resource=resource["id"])
    token = browser.csrf_token()
    saved = browser.action(
        "resource_patch", csrf_token=token, id=resource["id"], s3multipart_upload_id=upload["id"]
    )
    assert saved.status_code == 200, saved.get_data(as_text=True)


def page_url(browser: Browser) -> str:
    return f"/dataset/{browser.dataset}/resource/{browser.resources()[0]['id']}"


def section(browser: Browser) -> BeautifulSoup:
    return browser.page(page_url(browser)).select_one("#versions")


def test_readers_see_what_and_when_but_not_who(browser: Browser, anonymous: Caller) -> None:
    page = BeautifulSoup(anonymous.get(page_url(browser)).get_data(as_text=True), "html.parser")
    shown = page.select_one("#versions")

    assert "rivers.csv" in shown.get_text()
    assert "3 bytes" in shown.get_text()
    assert "replaced" in shown.get_text()
    assert browser.name not in shown.get_text()
    assert shown.select("form, .btn-danger") == []
    assert browser.follow(shown.select_one("a.btn")["href"]).content == b"one"


def test_editors_see_who(browser: Browser) -> None:
    user = browser.get(f"/api/3/action/user_show?id={browser.name}").get_json()["result"]

    assert user["display_name"] in section(browser).get_text()


def test_an_editor_restores(browser: Browser) -> None:
    form = section(browser).select_one("form")
    fields = {field["name"]: field["value"] for field in form.select("input[name]")}

    answer = browser.post(form["action"], data=fields)

    assert answer.status_code == 302
    assert browser.follow(browser.resources()[0]["url"]).content == b"one"
    assert "current file again" in browser.page(page_url(browser)).get_text()


def test_an_editor_removes_after_being_asked(browser: Browser) -> None:
    replace(browser, b"four", "four.csv")
    link = section(browser).select_one("a.btn-danger")["href"]
    asked = browser.page(link)
    assert "Remove this version of" in asked.get_text()
    assert len(section(browser).select("li")) == 2, "asking removes nothing"

    form = asked.select_one("form:has(.btn-danger)")
    fields = {field["name"]: field["value"] for field in form.select("input[name]")}
    assert browser.post(form["action"], data=fields).status_code == 302

    assert len(section(browser).select("li")) == 1
    assert "The version was removed." not in section(browser).get_text()


def test_nothing_is_done_without_the_token_of_the_page(browser: Browser) -> None:
    for url in (
        section(browser).select_one("form")["action"],
        section(browser).select_one(".btn-danger")["href"],
    ):
        assert browser.post(url).status_code in (302, 400, 403)

    assert browser.follow(browser.resources()[0]["url"]).content == b"three"
    assert len(section(browser).select("li")) == 1


def test_nor_for_somebody_who_may_not_edit(browser: Browser, portal) -> None:
    stranger = Browser(portal)
    token = csrf_field(stranger.page("/dataset/"))
    restore = section(browser).select_one("form")["action"]
    remove = section(browser).select_one(".btn-danger")["href"]

    assert stranger.get(remove).status_code == 403
    for url in (restore, remove):
        stranger.post(url, data=token)

    assert browser.follow(browser.resources()[0]["url"]).content == b"three"
    assert len(section(browser).select("li")) == 1


def test_strangers_do_not_learn_what_a_private_dataset_is_called(browser: Browser, anonymous: Caller) -> None:
    restore = section(browser).select_one("form")["action"]
    browser.action("package_patch", csrf_token=browser.csrf_token(), id=browser.dataset, private=True)
    name = browser.package()["name"]

    answer = anonymous.client().post(restore.replace(name, "anything"))

    assert answer.status_code == 302
    assert answer.headers["Location"].endswith("/dataset/anything")


def test_the_page_of_a_version_that_is_gone(browser: Browser) -> None:
    remove = section(browser).select_one(".btn-danger")["href"]
    version = remove.split("/version/")[1].split("/")[0]

    assert browser.get(remove.replace(version, "nothing")).status_code == 404


def test_names_are_shown_as_text(browser: Browser) -> None:
    replace(browser, b"four", "four.csv")

    assert section(browser).select("b") == []
    assert (
        browser.page(section(browser).select_one(".btn-danger")["href"]).select("main b, [role=main] b") == []
    )


def test_a_long_list_has_pages(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version_pages, "_VERSIONS_A_PAGE", 1)
    replace(browser, b"four", "four.csv")

    shown = section(browser)
    assert len(shown.select("li")) == 1
    older = browser.page(shown.select_one("a[rel=next]")["href"]).select_one("#versions")
    assert [each.get_text() for each in older.select("strong")] == ["rivers.csv"]


def test_a_resource_without_earlier_versions_says_nothing_of_them(portal) -> None:
    browser = Browser(portal)
    browser.publish(b"one")

    assert section(browser) is None
