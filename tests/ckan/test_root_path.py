"""Links and pages below a path of the site, and in the languages of its readers."""

from urllib.parse import urlsplit

import pytest
from browser import SITE_URL, Browser, read, resource_form
from callers import Caller, new_publisher
from shown_links import CONTENT, shown_link

ROOT = "/data"


def at_portal(url: str) -> str:
    """What the portal is asked, after the web server has taken the path of the site off."""
    path = urlsplit(url).path
    assert path.startswith(f"{ROOT}/"), url
    return path.removeprefix(ROOT)


@pytest.mark.smoke
@pytest.mark.parametrize(
    "root_path", [f"{ROOT}/{{{{LANG}}}}", ROOT], ids=["language in the path", "path alone"]
)
class TestRootPath:
    @pytest.fixture(autouse=True)
    def below_a_path(self, ckan_config, monkeypatch: pytest.MonkeyPatch, root_path: str) -> None:
        monkeypatch.setitem(ckan_config, "ckan.root_path", root_path)

    def test_the_link_of_a_file_has_it_and_works(self, publisher: Caller, anonymous: Caller) -> None:
        resource = publisher.publish(CONTENT, filename="rivers.csv")

        assert resource["url"].startswith(f"{SITE_URL}{ROOT}/dataset/")
        assert anonymous.follow(at_portal(resource["url"])).content == CONTENT

    def test_a_file_keeps_its_link_when_its_resource_is_saved_again(self, publisher: Caller) -> None:
        resource = publisher.publish(CONTENT, filename="rivers.csv")

        saved = publisher.do("resource_update", **{**resource, "description": "of 2026"})

        assert saved["url"] == resource["url"]
        assert publisher.follow(at_portal(saved["url"])).content == CONTENT

    def test_the_link_that_is_shown_has_no_language_and_no_name(self, portal, publisher: Caller) -> None:
        resource = publisher.publish(CONTENT, filename="rivers.csv")
        link = f"{SITE_URL}{ROOT}/dataset/{publisher.dataset}/resource/{resource['id']}/download"

        assert shown_link(portal, resource["url"]) == link
        for language in ("", "/de"):
            page = read(publisher.get(f"{language}/dataset/{publisher.dataset}/resource/{resource['id']}"))
            assert page.select_one(".s3multipart-file a")["href"] == link

    @pytest.mark.parametrize("language", ["", "/de"])
    def test_the_form_asks_below_the_path(self, portal, language: str) -> None:
        browser = Browser(portal)

        form = resource_form(browser.get(f"{language}/dataset/{browser.dataset}/resource/new"))
        uploader = form.select_one("[data-module=s3multipart-uploader]")

        for name in ("data-script-url", "data-distance-url"):
            assert browser.get(at_portal(uploader[name])).status_code == 200
        assert uploader["data-api"].startswith(ROOT)
        assert browser.get(at_portal(f"{uploader['data-api']}/status_show")).status_code == 200

    def test_the_page_of_unfinished_uploads_leads_to_the_form(self, portal) -> None:
        browser = Browser(portal)
        browser.upload()

        page = browser.page("/dashboard/uploads")

        [link] = {link["href"] for link in page.select("a[href*='/resource/new']")}
        assert browser.page(at_portal(link))


@pytest.mark.smoke
class TestLanguages:
    def test_a_link_with_a_language_leads_to_the_file(self, publisher: Caller, anonymous: Caller) -> None:
        resource = publisher.publish(CONTENT, filename="rivers.csv")
        path = urlsplit(resource["url"]).path

        for language in ("/de", "/fr", "/pt_BR"):
            assert anonymous.follow(language + path).content == CONTENT
            described = anonymous.head(language + path)
            assert described.headers["Content-Length"] == str(len(CONTENT))

    def test_a_private_file_stays_private_in_every_language(self, portal, anonymous: Caller) -> None:
        private = new_publisher(portal, private=True)
        path = urlsplit(private.publish(CONTENT)["url"]).path

        assert anonymous.get(f"/de{path}").status_code in (403, 404)
        assert private.follow(f"/de{path}").content == CONTENT
