"""The persistent link: who gets the file by it, and what is left to CKAN."""

import pytest
from browser import Browser
from callers import Caller, new_publisher, new_stranger
from shown_links import CONTENT


@pytest.fixture
def resource(publisher: Caller) -> dict:
    """A published file."""
    return publisher.publish(CONTENT, filename="rivers.csv")


@pytest.mark.smoke
class TestWhoGetsIt:
    @pytest.fixture
    def private(self, portal) -> Caller:
        return new_publisher(portal, private=True)

    def test_a_private_file_goes_to_its_organisation(self, private: Caller) -> None:
        assert private.follow(private.publish(CONTENT)["url"]).content == CONTENT

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_a_private_file_goes_to_no_one_else(
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

    def test_a_file_of_a_deleted_dataset_goes_to_no_one(
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
