"""What counts as a download."""

import pytest
from callers import Caller, new_publisher
from shown_links import CONTENT, Setting

from ckanext.s3multipart.model import downloads

pytestmark = pytest.mark.smoke


@pytest.fixture
def resource(publisher: Caller) -> dict:
    """A published file."""
    return publisher.publish(CONTENT, filename="rivers.csv")


class TestCounting:
    def test_downloads_are_counted(self, anonymous: Caller, resource: dict) -> None:
        for reader in ("Firefox/140.0", "Chrome/140.0", "Safari/605.1"):
            anonymous.get(resource["url"], headers={"User-Agent": reader})

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
    def test_what_someone_wants_to_have_is_one(
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
