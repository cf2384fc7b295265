"""The persistent link: what the answer says, and that it never goes stale."""

from urllib.parse import urlsplit

import pytest
import requests
from callers import Caller, new_publisher
from shown_links import CONTENT, Setting, shown_link


@pytest.fixture
def resource(publisher: Caller) -> dict:
    """A published file."""
    return publisher.publish(CONTENT, filename="rivers.csv")


@pytest.mark.smoke
class TestWhatItAnswers:
    def test_it_sends_the_reader_to_the_store_for_minutes(self, anonymous: Caller, resource: dict) -> None:
        answer = anonymous.get(resource["url"])

        assert answer.status_code == 302
        assert "X-Amz-Expires=300" in answer.headers["Location"]
        assert requests.get(answer.headers["Location"], timeout=120).content == CONTENT

    def test_no_one_may_keep_the_answer(self, anonymous: Caller, resource: dict) -> None:
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
