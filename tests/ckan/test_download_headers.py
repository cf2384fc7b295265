"""The persistent link and clients that send an Authorization header, which the store does not take."""

import pytest
import requests
from callers import Caller
from shown_links import CONTENT, Setting


@pytest.fixture
def resource(publisher: Caller) -> dict:
    """A published file."""
    return publisher.publish(CONTENT, filename="rivers.csv")


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

    def test_readers_without_the_header_are_redirected_anyway(
        self, anonymous: Caller, resource: dict, setting: Setting
    ) -> None:
        setting("proxy_token_downloads", True)

        assert anonymous.get(resource["url"]).status_code == 302
