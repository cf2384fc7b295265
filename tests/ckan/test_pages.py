"""What people see: the uploader where they may use it, CKAN's own field everywhere, the file on its page."""

import json
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
import requests
from browser import Browser, read, resource_form
from callers import Caller
from ckan.tests import factories

from s3portal.portal.web import web_folder

Setting = Callable[[str, object], None]


@pytest.fixture
def browser(portal) -> Browser:
    return Browser(portal)


@pytest.mark.smoke
class TestForm:
    def uploader(self, browser: Browser, url: str = ""):
        page = resource_form(browser.get(url or f"/dataset/{browser.dataset}/resource/new"))
        assert page.select_one("input#field-resource-upload"), "CKAN's own field is always there"
        return page.select_one("[data-module=s3multipart-uploader]")

    def test_a_publisher_sees_the_uploader(self, browser: Browser, setting: Setting) -> None:
        setting("max_upload_size", "5 GB")

        uploader = self.uploader(browser)

        assert uploader["data-owner"] == browser.dataset
        assert uploader["data-resource"] == ""
        assert uploader["data-api"] == "/api/3/action"
        assert uploader["data-max-size"] == "5000000000"
        assert uploader["data-concurrency"] == "4"
        assert json.loads(uploader["data-texts"])

    def test_without_scripts_it_does_not_show(self, browser: Browser) -> None:
        uploader = self.uploader(browser)

        assert uploader.has_attr("hidden")
        assert uploader.select_one("input[name=s3multipart_upload_id]").has_attr("disabled")

    def test_a_resource_that_is_edited_is_named(self, browser: Browser) -> None:
        browser.publish(b"1")
        [resource] = browser.resources()

        uploader = self.uploader(browser, f"/dataset/{browser.dataset}/resource/{resource['id']}/edit")

        assert uploader["data-resource"] == resource["id"]

    def test_the_quota_is_said(self, browser: Browser, setting: Setting) -> None:
        setting("org_quota", "100 GB")
        browser.publish(b"12345")

        assert "5 bytes of 100 GB used by" in self.uploader(browser).get_text()

    def test_an_organisation_that_is_not_enabled_sees_ckans_field_alone(
        self, browser: Browser, setting: Setting
    ) -> None:
        setting("enabled_orgs", "some-other-lab")

        assert self.uploader(browser) is None

    def test_the_first_step_of_a_new_dataset_has_no_uploader(self, browser: Browser) -> None:
        assert browser.page("/dataset/new").select_one("[data-module=s3multipart-uploader]") is None

    def test_the_second_step_of_a_new_dataset_has_it(self, portal) -> None:
        assert self.uploader(Browser(portal, state="draft")) is not None

    def test_no_keys_are_written_into_the_page(
        self, browser: Browser, store_settings: dict[str, str]
    ) -> None:
        page = browser.get(f"/dataset/{browser.dataset}/resource/new").get_data(as_text=True)

        assert store_settings["ckanext.s3multipart.s3_access_key_id"] not in page
        assert store_settings["ckanext.s3multipart.s3_secret_access_key"] not in page

    def test_its_script_and_style_are_loaded(self, browser: Browser) -> None:
        page = browser.page(f"/dataset/{browser.dataset}/resource/new")

        sources = [script["src"] for script in page.select("script[src]")]
        assert any("/webassets/s3multipart/" in source for source in sources)
        assert page.select_one("link[rel=stylesheet][href$='_uploader.css']")


@pytest.mark.smoke
class TestResourcePage:
    def test_it_says_what_the_file_is(self, publisher: Caller) -> None:
        resource = publisher.publish(b"x" * 12_345, filename="Flüsse 2026.csv")

        page = read(publisher.get(f"/dataset/{publisher.dataset}/resource/{resource['id']}"))

        shown = page.select_one(".s3multipart-file").get_text(" ", strip=True)
        assert "Flüsse 2026.csv" in shown
        assert "12.3 kB" in shown
        assert "CSV" in shown
        assert f"{resource['url'].rsplit('/', 1)[0]} Copy" in shown
        assert "Downloads 0" in shown

    def test_it_words_the_size_as_the_form_does_wherever_it_stands(self, publisher: Caller) -> None:
        resource = publisher.publish(b"x" * 3_000_000)
        link = publisher.do(
            "resource_create", package_id=publisher.dataset, url="http://a.org/x", size=3_000_000
        )

        ours, another = (
            read(publisher.get(f"/dataset/{publisher.dataset}/resource/{each['id']}")).get_text(
                " ", strip=True
            )
            for each in (resource, link)
        )

        assert ours.count("3 MB") == 2
        assert "MiB" not in ours
        assert "MiB" in another

    def test_it_names_no_file_so_that_it_looks_like_another(self, publisher: Caller) -> None:
        resource = publisher.publish(filename="a\u202efdp.exe")

        page = read(publisher.get(f"/dataset/{publisher.dataset}/resource/{resource['id']}"))

        assert page.select_one(".s3multipart-file dd").get_text(strip=True) == "afdp.exe"

    def test_the_persistent_link_and_the_checksum_can_be_copied(self, publisher: Caller) -> None:
        resource = publisher.publish()
        publisher.do("resource_patch", id=resource["id"], hash="0cc175b9c0f1b6a831c399e269772661")

        page = read(publisher.get(f"/dataset/{publisher.dataset}/resource/{resource['id']}"))

        copied = [button["data-module-text"] for button in page.select("[data-module=s3multipart-copy]")]
        assert copied == [resource["s3multipart_checksum"], resource["url"].removesuffix("/rivers.csv")]
        assert resource["s3multipart_checksum"].startswith("crc64nvme:")

    def test_no_address_of_the_store_is_on_the_page(
        self, publisher: Caller, store_settings: dict[str, str]
    ) -> None:
        resource = publisher.publish()

        page = publisher.get(f"/dataset/{publisher.dataset}/resource/{resource['id']}")

        assert store_settings["ckanext.s3multipart.s3_endpoint"] not in page.get_data(as_text=True)

    def test_a_link_looks_as_before(self, portal, publisher: Caller) -> None:
        with portal.flask_app.test_request_context():
            link = factories.Resource(package_id=publisher.dataset, url="http://example.com/x.csv")

        page = read(publisher.get(f"/dataset/{publisher.dataset}/resource/{link['id']}"))

        assert page.select_one(".s3multipart-file") is None
        assert "http://example.com/x.csv" in page.get_text()


class TestWebModules:
    @pytest.fixture
    def script_url(self, browser: Browser) -> str:
        page = browser.page(f"/dataset/{browser.dataset}/resource/new")
        return urlsplit(page.select_one("[data-module=s3multipart-uploader]")["data-script-url"]).path

    def test_a_module_is_kept_for_ever(self, anonymous: Caller, script_url: str) -> None:
        answer = anonymous.get(script_url)

        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
        assert "immutable" in answer.headers["Cache-Control"]
        assert "max-age=31536000" in answer.headers["Cache-Control"]
        assert answer.data == (web_folder("js") / "src/ckan/form.js").read_bytes()

    def test_a_module_of_an_older_version_is_not_kept(self, anonymous: Caller, script_url: str) -> None:
        answer = anonymous.get("/s3multipart/web/0123456789abcdef/src/ckan/form.js")

        assert answer.status_code == 200
        assert "no-cache" in answer.headers["Cache-Control"]
        assert "immutable" not in answer.headers["Cache-Control"]

    def test_the_style_is_a_style(self, anonymous: Caller, script_url: str) -> None:
        answer = anonymous.get(script_url.replace("src/ckan/form.js", "uploader.css"))

        assert answer.headers["Content-Type"] == "text/css; charset=utf-8"

    @pytest.mark.parametrize(
        "path",
        [
            "package.json",
            "../setup.py",
            "..%2fs3portal/portal/web.py",
            "%2e%2e/s3portal/portal/web.py",
            "src/../../tests/js/x.js",
            "/etc/passwd",
            "node_modules/x/index.js",
            "src/none.js",
            "src",
            "",
        ],
    )
    def test_nothing_else_is_served(self, anonymous: Caller, script_url: str, path: str) -> None:
        answer = anonymous.get(script_url.replace("src/ckan/form.js", path))

        assert answer.status_code in (404, 308, 301)


class TestDistance:
    def test_the_form_s_script_gets_a_url_that_lists_nothing(self, browser: Browser) -> None:
        form = resource_form(browser.get(f"/dataset/{browser.dataset}/resource/new"))
        address = form.select_one("[data-module=s3multipart-uploader]")["data-distance-url"]

        answer = browser.get(address)

        assert "no-store" in answer.headers["Cache-Control"]
        listed = requests.get(answer.get_json()["url"], timeout=120)
        assert listed.status_code == 200
        assert "<KeyCount>0</KeyCount>" in listed.text

    def test_who_may_not_upload_gets_none(
        self, publisher: Caller, another_publisher: Caller, anonymous: Caller
    ) -> None:
        address = f"/s3multipart/distance/{publisher.dataset}"

        assert anonymous.get(address).status_code == 401
        refused = another_publisher.get(address)
        assert (refused.status_code, refused.get_json()) == (403, {"code": "may_not_edit"})
