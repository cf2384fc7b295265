"""A portal whose database is read-only for a while, as during maintenance or on a standby: readers go on
reading, and publishers are told."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from browser import Browser
from callers import Caller
from ckan import model

from ckanext.s3multipart.model import downloads

pytestmark = pytest.mark.smoke

CONTENT = b"gauge,level\n1,2\n"


@pytest.fixture
def resource(publisher: Caller) -> dict:
    """A published file."""
    return publisher.publish(CONTENT, filename="rivers.csv")


@pytest.fixture
def browser(portal) -> Browser:
    """Somebody who logged in before, and opened a page: CKAN notes when somebody was last there."""
    browser = Browser(portal)
    browser.page("/dataset/")
    return browser


@pytest.fixture
def read_only(resource: dict, browser: Browser) -> Iterator[None]:
    """From here on, nothing can be written."""
    engine = model.Session.get_bind()
    with engine.connect() as connection:
        role = connection.execute(sa.text("SELECT quote_ident(current_user)")).scalar()

    def set_to(value: str) -> None:
        model.Session.remove()
        # Connections know what held when they were made.
        engine.dispose()
        with engine.begin() as connection:
            connection.execute(sa.text("SET TRANSACTION READ WRITE"))
            connection.execute(sa.text(f"ALTER ROLE {role} SET default_transaction_read_only = {value}"))
        engine.dispose()

    set_to("on")
    yield
    set_to("off")


@pytest.mark.usefixtures("read_only")
class TestReaders:
    def test_a_link_leads_to_the_file(self, anonymous: Caller, resource: dict) -> None:
        assert anonymous.follow(resource["url"]).content == CONTENT
        assert anonymous.head(resource["url"]).headers["Content-Length"] == str(len(CONTENT))

    def test_the_page_of_a_resource_shows_its_file(self, anonymous: Caller, resource: dict) -> None:
        page = anonymous.get(f"/dataset/{resource['package_id']}/resource/{resource['id']}")

        assert page.status_code == 200
        assert "rivers.csv" in page.get_data(as_text=True)

    def test_what_cannot_be_counted_is_not(self, anonymous: Caller, resource: dict) -> None:
        assert anonymous.get(resource["url"]).status_code == 302

        assert downloads(resource["id"]) == 0

    def test_the_list_of_files_answers(self, anonymous: Caller, resource: dict) -> None:
        [file] = anonymous.do("s3multipart_file_list", owner=resource["package_id"])

        assert file["filename"] == "rivers.csv"


@pytest.mark.usefixtures("read_only")
class TestPublishers:
    def test_the_form_and_the_list_of_uploads_are_shown(self, browser: Browser) -> None:
        assert browser.page(f"/dataset/{browser.dataset}/resource/new")
        assert browser.page("/dashboard/uploads")

    def test_an_upload_is_refused_with_a_sentence(self, browser: Browser) -> None:
        answer = browser.action(
            "s3multipart_upload_create",
            csrf_token=browser.csrf_token(),
            **{"owner": browser.dataset, "filename": "rivers.csv", "size": 3, "content_type": "text/csv"},
        )

        assert answer.status_code == 503
        error = answer.get_json()["error"]
        assert error["code"] == "portal_read_only"
        assert error["message"].startswith("This portal is read-only at the moment")
