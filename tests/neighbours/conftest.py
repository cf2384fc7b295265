"""A portal with the extensions that CKAN sites have beside s3multipart, as they are on PyPI, and Chromium."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from chromium import chromium as chromium  # a fixture
from chromium import no_unexpected_dialog as no_unexpected_dialog  # a fixture
from chromium import open_context
from datastore_database import datastore_server, datastore_settings
from neighbour_site import Site
from playwright.sync_api import Browser, Page
from portal_pages import log_in
from site_tokens import let_in, token_of_extensions

from s3portal.demo.configuration import SEARCH_PLUGIN
from s3portal.demo.people import ADMIN, PUBLISHER, Person
from s3portal.demo.portal import Portal

GAUGES = Path(__file__).parent / "gauges.yaml"
PLUGINS = (
    # Templates of a plugin win over those of the plugins behind it.
    *("s3multipart", "scheming_datasets", "xloader", "datastore", "dcat", "croissant", "resource_proxy"),
    *("text_view", "image_view", "pdf_view", "webpage_view", "datatables_view", "geojson_view", "geo_view"),
    *("activity", SEARCH_PLUGIN),
)


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """The portal of the whole run, with its first data."""
    folder = tmp_path_factory.mktemp("neighbours")
    datastore = datastore_server(folder / "datastore").start()
    settings = {
        **datastore_settings(datastore),
        "ckan.plugins": " ".join(PLUGINS),
        # dcat asks scheming for the type of every dataset, so CKAN's own type is declared, too.
        "scheming.dataset_schemas": f"ckanext.scheming:ckan_dataset.yaml {GAUGES.as_uri()}",
        "ckanext.xloader.api_token": token_of_extensions(folder / "ckan"),
        "ckanext.xloader.jobs_db.uri": f"sqlite:///{folder / 'xloader.db'}",
        "ckan.views.default_views": "",
        "ckanext.s3multipart.enabled_orgs": "*",
        # What the views of PDFs and of HTML pages show, an administrator has to allow.
        "ckanext.s3multipart.inline_types": "application/pdf text/html",
        "ckanext.s3multipart.force_download_active": "false",
    }
    running = Portal(folder, ckan_settings=settings, durable=False)
    try:
        running.start()
        let_in(running.postgres.url(), ADMIN.name)
        yield running
    finally:
        running.stop()
        datastore.stop()


@pytest.fixture(scope="session")
def site(portal: Portal) -> Site:
    """The portal as the publisher's programs see it."""
    return Site(portal.url, portal.publisher_token())


@pytest.fixture
def page_of(chromium: Browser, portal: Portal) -> Iterator[Callable[[Person | None], Page]]:
    """Opens a page in a browser profile of its own, for somebody who is logged in or for a stranger."""
    contexts = []

    def open_page(person: Person | None) -> Page:
        context = open_context(chromium, base_url=portal.url)
        contexts.append(context)
        page = context.new_page()
        if person is not None:
            log_in(page, person.name, person.password(portal.secrets))
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def publisher(page_of: Callable[[Person | None], Page]) -> Page:
    """A page in which the publisher is logged in."""
    return page_of(PUBLISHER)
