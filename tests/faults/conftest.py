"""The portal with an S3 server that is a process of its own, so that either can be killed."""

from collections.abc import Iterator

import pytest
from chromium import chromium as chromium  # a fixture
from chromium import no_unexpected_dialog as no_unexpected_dialog  # a fixture
from chromium import open_context
from held_port import held_port
from playwright.sync_api import Browser, Page
from portal_pages import log_in

from s3portal.demo.people import PUBLISHER
from s3portal.demo.portal import Portal


@pytest.fixture(scope="session")
def whole_portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """The portal as `bin/demo` runs it, every service a process. PostgreSQL is not among those killed."""
    folder = tmp_path_factory.mktemp("whole-portal")
    # Nobody takes the port of a server that was killed, until it runs again.
    with (
        held_port() as port,
        held_port() as s3_port,
        Portal(folder, port=port, s3_port=s3_port, durable=False) as running,
    ):
        yield running


@pytest.fixture
def page(chromium: Browser, whole_portal: Portal) -> Iterator[Page]:
    """A page in which the publisher is logged in."""
    context = open_context(chromium, base_url=whole_portal.url)
    page = context.new_page()
    log_in(page, PUBLISHER.name, PUBLISHER.password(whole_portal.secrets))
    yield page
    context.close()
