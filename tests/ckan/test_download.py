"""The persistent link: who gets the file by it, what the answer says, and that it never goes stale."""

from collections.abc import Callable
from urllib.parse import quote, urlsplit

import pytest
import requests
from browser import Browser
from callers import Caller, new_publisher, new_stranger
from ckan.lib.munge import munge_filename
from odd_names import ODD_NAMES

from ckanext.s3multipart.links import link_name, persistent_link
from ckanext.s3multipart.model import downloads
from s3portal.transfer import safe_filename

Setting = Callable[[str, object], None]
CONTENT = b"station,level\nA,1\n"


@pytest.fixture
def resource(publisher: Caller) -> dict:
    """A published file."""
    return publisher.publish(CONTENT, filename="rivers.csv")


def shown_link(portal, url: str) -> str:
    """The link that the resource page shows, to be kept."""
    with portal.flask_app.test_request_context():
        return persistent_link(url)


@pytest.mark.smoke
class TestWhatItAnswers:
    def test_it_sends_the_reader_to_the_store_for_minutes(self, anonymous: Caller, resource: dict) -> None:
        answer = anonymous.get(resource["url"])

        assert answer.status_code == 302
        assert "X-Amz-Expires=300" in answer.headers["Location"]
        assert requests.get(answer.headers["Location"], timeout=120).content == CONTENT

    def test_nobody_may_keep_the_answer(self, anonymous: Caller, resource: dict) -> None:
        cache_control = anonymous.get(resource["url"]).headers["Cache-Control"]

        assert "no-store" in cache_control
        assert "public" not in cache_control
        assert "max-age" not in cache_control

    def test_no_byte_of_the_file_is_in_it(self, anonymous: Caller, resource: dict) -> None:
        assert CONTENT not in anonymous.get(resource["url"]).data

    def test_a_range_is_served(self, anonymous: Caller, resource: dict) -> None:
        part = anonymous.follow(resource["url"], headers={"Range": "bytes=8-12"})

        assert (part.status_code, part.content) == (206, CONTENT[8:13])

    def test_head_describes_the_file_without_a_redirect(self, anonymous: Caller, resource: dict) -> None:
        answer = anonymous.head(resource["url"])

        assert answer.status_code == 200
        assert answer.headers["Content-Length"] == str(len(CONTENT))
        assert answer.headers["Content-Type"].startswith("text/csv")
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="rivers.csv"'
        assert "no-store" in answer.headers["Cache-Control"]
        assert answer.data == b""

    def test_head_and_get_agree(self, anonymous: Caller, resource: dict) -> None:
        described = anonymous.head(resource["url"]).headers
        served = anonymous.follow(resource["url"]).headers

        for name in ("Content-Length", "ETag", "Content-Disposition", "Content-Type", "Last-Modified"):
            assert described[name] == served[name]

    @pytest.mark.parametrize(
        ("condition", "status"),
        [
            ({"If-None-Match": "{etag}"}, 304),
            ({"If-None-Match": 'W/{etag}, "other"'}, 304),
            ({"If-None-Match": "*"}, 304),
            ({"If-None-Match": '"other"'}, 200),
            ({"If-Modified-Since": "{last_modified}"}, 304),
            ({"If-Modified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}, 200),
            ({"If-None-Match": '"other"', "If-Modified-Since": "{last_modified}"}, 200),
            ({"If-Match": '"other"'}, 412),
            ({"If-Match": "{etag}"}, 200),
        ],
    )
    def test_head_answers_conditions_as_the_store_does(
        self, anonymous: Caller, resource: dict, condition: dict[str, str], status: int
    ) -> None:
        described = anonymous.head(resource["url"]).headers
        location = anonymous.get(resource["url"]).headers["Location"]
        values = {"etag": described["ETag"], "last_modified": described["Last-Modified"]}
        headers = {name: value.format(**values) for name, value in condition.items()}

        answer = anonymous.client().head(resource["url"], headers=headers)

        assert (
            answer.status_code == status == requests.get(location, headers=headers, timeout=120).status_code
        )
        if status != 412:
            assert answer.headers["ETag"] == described["ETag"]
        assert "no-store" in answer.headers["Cache-Control"]
        assert answer.data == b""

    @pytest.mark.parametrize("ending", ["", "/rivers.csv", "/the-name-it-had-before.xls", "/Fl%C3%BCsse.csv"])
    def test_the_name_in_the_link_may_be_any(self, anonymous: Caller, resource: dict, ending: str) -> None:
        link = resource["url"].rsplit("/", 1)[0] + ending

        assert anonymous.follow(link).content == CONTENT

    def test_the_dataset_in_the_link_may_have_its_old_name(self, publisher: Caller, resource: dict) -> None:
        old_name = publisher.do("package_show", id=publisher.dataset)["name"]
        link = resource["url"].replace(publisher.dataset, old_name)
        publisher.do("package_patch", id=publisher.dataset, name=f"renamed-{old_name}")

        assert publisher.follow(link).content == CONTENT

    def test_datasets_of_other_types_have_it_too(self, portal) -> None:
        """``fancy_type`` comes from CKAN's own example of a dataset type."""
        publisher = new_publisher(portal, type="fancy_type")
        resource = publisher.publish(CONTENT)
        link = f"/fancy_type/{publisher.dataset}/resource/{resource['id']}/download/rivers.csv"

        assert publisher.follow(resource["url"]).content == CONTENT
        assert publisher.follow(link).content == CONTENT
        assert publisher.head(link).headers["Content-Length"] == str(len(CONTENT))

    def test_a_file_that_browsers_would_run_is_only_saved(self, publisher: Caller) -> None:
        resource = publisher.publish(b"<script>", filename="page.html", content_type="text/html")

        served = publisher.follow(resource["url"])

        assert served.headers["Content-Type"] == "application/octet-stream"
        assert served.headers["Content-Disposition"].startswith("attachment")

    def test_the_link_that_is_shown_stays_when_the_file_is_replaced(
        self, portal, publisher: Caller, anonymous: Caller, resource: dict
    ) -> None:
        shown = shown_link(portal, resource["url"])
        upload = publisher.upload(b"new", filename="levels.png", resource=resource["id"])
        after = publisher.do("resource_patch", id=resource["id"], s3multipart_upload_id=upload["id"])

        assert shown.endswith(f"/dataset/{publisher.dataset}/resource/{resource['id']}/download")
        assert shown_link(portal, after["url"]) == shown
        assert anonymous.follow(shown).content == b"new"
        assert anonymous.head(shown).headers["Content-Length"] == "3"

    def test_a_replaced_file_is_served_at_once(self, publisher: Caller, resource: dict) -> None:
        upload = publisher.upload(b"new", filename="rivers-2.csv", resource=resource["id"])
        publisher.do("resource_patch", id=resource["id"], s3multipart_upload_id=upload["id"])

        assert publisher.follow(resource["url"]).content == b"new"


class TestHowItEnds:
    @pytest.mark.parametrize("row", ODD_NAMES, ids=lambda row: ascii(row["name"]))
    def test_whatever_the_file_is_called(self, row: dict[str, str]) -> None:
        """CKAN makes the end of the link of the name that the resource has."""
        assert munge_filename(link_name(row["name"])) == row["link"]
        assert row["link"][0].isalnum() or row["link"][0] == "_"

    @pytest.mark.parametrize(
        ("filename", "ending", "file_format"),
        [
            ("Реки.csv", "file.csv", "CSV"),
            ("trailing .csv ", "trailing-.csv", "CSV"),
            ("grid.nc", "grid.nc", "NetCDF"),
        ],
    )
    def test_through_the_api(self, publisher: Caller, filename: str, ending: str, file_format: str) -> None:
        resource = publisher.publish(filename=filename)
        again = publisher.do("resource_patch", id=resource["id"], description="New")

        for each in (resource, again):
            assert (each["url"].rsplit("/", 1)[-1], each["format"]) == (ending, file_format)
        disposition = publisher.head(resource["url"]).headers["Content-Disposition"]
        assert quote(safe_filename(filename)) in disposition or safe_filename(filename) in disposition

    @pytest.mark.parametrize(
        "url",
        [
            "https://example.org/dataset/a/resource/b/download/c.csv",
            "http://test.ckan.net/dataset/a/resource/b",
            "",
        ],
    )
    def test_the_address_of_anything_else_is_shown_as_it_is(self, portal, url: str) -> None:
        assert shown_link(portal, url) == url


@pytest.mark.smoke
class TestWhoGetsIt:
    @pytest.fixture
    def private(self, portal) -> Caller:
        return new_publisher(portal, private=True)

    def test_a_private_file_goes_to_its_organisation(self, private: Caller) -> None:
        assert private.follow(private.publish(CONTENT)["url"]).content == CONTENT

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_a_private_file_goes_to_nobody_else(
        self, portal, private: Caller, anonymous: Caller, method: str
    ) -> None:
        link = private.publish(CONTENT)["url"]

        for caller in (anonymous, new_stranger(portal)):
            answer = caller.get(link) if method == "GET" else caller.head(link)
            assert answer.status_code in (403, 404)
            assert "Location" not in answer.headers
            assert "X-Amz-Signature" not in answer.get_data(as_text=True)

    def test_a_file_that_becomes_private_is_private_at_once(
        self, publisher: Caller, anonymous: Caller, resource: dict
    ) -> None:
        assert anonymous.get(resource["url"]).status_code == 302

        publisher.do("package_patch", id=publisher.dataset, private=True)

        assert anonymous.get(resource["url"]).status_code in (403, 404)
        assert publisher.follow(resource["url"]).content == CONTENT

    def test_a_file_that_becomes_public_is_public_at_once(self, private: Caller, anonymous: Caller) -> None:
        link = private.publish(CONTENT)["url"]

        private.do("package_patch", id=private.dataset, private=False)

        assert anonymous.follow(link).content == CONTENT

    def test_a_private_file_is_not_got_by_the_link_of_a_public_dataset(
        self, private: Caller, publisher: Caller, anonymous: Caller
    ) -> None:
        link = private.publish(CONTENT)["url"].replace(private.dataset, publisher.dataset)

        assert anonymous.get(link).status_code in (403, 404)

    def test_a_draft_goes_to_its_publisher_alone(self, portal, anonymous: Caller) -> None:
        publisher = new_publisher(portal, state="draft")
        link = publisher.publish(CONTENT)["url"]

        assert publisher.follow(link).content == CONTENT
        assert anonymous.get(link).status_code in (403, 404)

    def test_a_file_of_a_deleted_dataset_goes_to_nobody(
        self, publisher: Caller, anonymous: Caller, resource: dict
    ) -> None:
        publisher.do("package_delete", id=publisher.dataset)

        assert anonymous.get(resource["url"]).status_code in (403, 404)

    def test_a_reader_who_is_signed_in_by_cookie_gets_it(self, portal) -> None:
        browser = Browser(portal, private=True)
        browser.publish(CONTENT)

        assert browser.follow(browser.resources()[0]["url"]).content == CONTENT


class TestWhatIsNotOurs:
    def test_a_link_is_ckans(self, publisher: Caller) -> None:
        link = publisher.do("resource_create", package_id=publisher.dataset, url="http://example.com/x.csv")

        answer = publisher.get(f"/dataset/{publisher.dataset}/resource/{link['id']}/download")

        assert answer.headers["Location"] == "http://example.com/x.csv"

    def test_a_file_that_ckan_stores_is_ckans(self, publisher: Caller) -> None:
        resource = publisher.upload_through_ckan(b"by ckan", "by-ckan.csv")

        answer = publisher.get(resource["url"])

        assert (answer.status_code, answer.data) == (200, b"by ckan")

    def test_a_resource_that_is_not_there_is_ckans(self, publisher: Caller) -> None:
        assert publisher.get(f"/dataset/{publisher.dataset}/resource/none/download").status_code == 404


class TestAuthorizationHeader:
    """S3 refuses a presigned URL that comes with an Authorization header, whatever is in it."""

    def test_a_client_that_drops_the_header_gets_the_file(self, publisher: Caller, resource: dict) -> None:
        answer = publisher.get(resource["url"])

        dropped = requests.Session().rebuild_auth
        prepared = requests.Request("GET", answer.headers["Location"], headers=publisher.headers).prepare()
        came_from = requests.Response()
        came_from.request = requests.Request("GET", "http://test.ckan.net/dataset").prepare()
        dropped(prepared, came_from)

        assert requests.Session().send(prepared, timeout=120).content == CONTENT

    def test_a_client_that_forwards_the_header_is_refused_by_the_store(
        self, publisher: Caller, resource: dict
    ) -> None:
        location = publisher.get(resource["url"]).headers["Location"]

        assert requests.get(location, headers=publisher.headers, timeout=120).status_code == 400

    def test_a_client_that_forwards_the_header_gets_the_file_through_ckan(
        self, publisher: Caller, resource: dict, setting: Setting
    ) -> None:
        setting("proxy_token_downloads", True)

        answer = publisher.get(resource["url"])

        assert (answer.status_code, answer.data) == (200, CONTENT)
        assert answer.headers["Content-Disposition"] == 'attachment; filename="rivers.csv"'
        assert "no-store" in answer.headers["Cache-Control"]

    def test_ranges_pass_through_ckan_too(self, publisher: Caller, resource: dict, setting: Setting) -> None:
        setting("proxy_token_downloads", True)

        part = publisher.get(resource["url"], headers={"Range": "bytes=0-6"})
        outside = publisher.get(resource["url"], headers={"Range": "bytes=900-"})

        assert (part.status_code, part.data) == (206, CONTENT[:7])
        assert part.headers["Content-Range"] == f"bytes 0-6/{len(CONTENT)}"
        assert (outside.status_code, outside.headers["Content-Range"]) == (416, f"bytes */{len(CONTENT)}")

    def test_conditions_are_answered_by_ckan_where_the_file_passes_through_it(
        self, publisher: Caller, resource: dict, setting: Setting
    ) -> None:
        setting("proxy_token_downloads", True)
        whole = publisher.get(resource["url"])

        known = publisher.get(resource["url"], headers={"If-None-Match": whole.headers["ETag"]})

        assert (known.status_code, known.data) == (304, b"")
        assert whole.headers["Last-Modified"] == publisher.head(resource["url"]).headers["Last-Modified"]

    def test_readers_without_the_header_are_redirected_all_the_same(
        self, anonymous: Caller, resource: dict, setting: Setting
    ) -> None:
        setting("proxy_token_downloads", True)

        assert anonymous.get(resource["url"]).status_code == 302


class TestCounting:
    def test_downloads_are_counted(self, anonymous: Caller, resource: dict) -> None:
        for _ in range(3):
            anonymous.get(resource["url"])

        assert downloads(resource["id"]) == 3

    def test_looking_is_no_download_and_ranges_are_one(self, anonymous: Caller, resource: dict) -> None:
        anonymous.head(resource["url"])
        for asked in ("bytes=0-4", "bytes=5-9", "bytes=10-"):
            anonymous.get(resource["url"], headers={"Range": asked})

        assert downloads(resource["id"]) == 1

    @pytest.mark.parametrize(
        "headers",
        [
            {"Sec-Fetch-Dest": "image", "Sec-Fetch-Site": "same-origin"},
            {"Sec-Fetch-Dest": "image", "Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Dest": "video", "Range": "bytes=0-"},
            {"Sec-Fetch-Dest": "audio"},
            {"Sec-Fetch-Dest": "iframe"},
            {"Sec-Fetch-Dest": "object"},
            {"Sec-Fetch-Dest": "embed"},
            {"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"},
            {"Sec-Fetch-Dest": "document", "Sec-Purpose": "prefetch"},
            {"Sec-Fetch-Dest": "document", "Sec-Purpose": "prefetch;prerender"},
            {"Accept": "image/avif,image/webp,*/*"},
        ],
    )
    def test_what_a_page_shows_is_no_download(
        self, anonymous: Caller, resource: dict, headers: dict[str, str]
    ) -> None:
        assert anonymous.get(resource["url"], headers=headers).status_code == 302

        assert downloads(resource["id"]) == 0

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Accept": "*/*"},
            {"Accept": "text/html,image/webp,*/*"},
            {"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate", "Accept": "text/html"},
            {"Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "cross-site"},
        ],
    )
    def test_what_somebody_wants_to_have_is_one(
        self, anonymous: Caller, resource: dict, headers: dict[str, str]
    ) -> None:
        anonymous.get(resource["url"], headers=headers)

        assert downloads(resource["id"]) == 1

    def test_a_refused_reader_is_not_counted(self, portal, anonymous: Caller) -> None:
        private = new_publisher(portal, private=True)
        resource = private.publish()

        anonymous.get(resource["url"])

        assert downloads(resource["id"]) == 0

    def test_counting_can_be_turned_off(self, anonymous: Caller, resource: dict, setting: Setting) -> None:
        setting("count_downloads", False)

        anonymous.get(resource["url"])

        assert downloads(resource["id"]) == 0


def test_a_store_without_credentials_is_said_so(
    publisher: Caller, resource: dict, setting: Setting, monkeypatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    setting("s3_access_key_id", "")
    setting("s3_secret_access_key", "")

    assert publisher.get(resource["url"]).status_code == 503


def test_links_go_to_the_address_that_browsers_use(
    publisher: Caller, resource: dict, setting: Setting
) -> None:
    setting("s3_public_endpoint", "https://files.example.org")

    assert urlsplit(publisher.get(resource["url"]).headers["Location"]).netloc == "files.example.org"
