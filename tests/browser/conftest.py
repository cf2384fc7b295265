"""The portal on real parts, and a real browser: CKAN, PostgreSQL, Redis, the S3 server and Chromium.

The S3 server runs inside the test process, so that a test can read its request log and switch faults on;
everything else is a process of its own, as `bin/demo` starts it.
"""

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from chromium import chromium as chromium  # a fixture
from chromium import no_unexpected_dialog as no_unexpected_dialog  # a fixture
from chromium import open_context
from playwright.sync_api import Browser, BrowserContext, Page, StorageState
from portal_pages import log_in, new_dataset
from random_files import random_file

from s3portal.client.ckan import CkanPortal
from s3portal.demo.ckan import PLUGINS
from s3portal.demo.configuration import SEARCH_PLUGIN
from s3portal.demo.people import DATASET, PUBLISHER, READER, Person
from s3portal.demo.portal import Portal
from s3portal.demo.s3 import ExternalS3
from s3portal.server.testing import RunningServer

BUCKET = "river-data"
CUSTOM_FIELDS = Path(__file__).parent / "custom_fields"
#: CKAN's own views of files, beside those that the embedded portal has.
VIEWS = ("text_view", "audio_view", "video_view", "webpage_view", "resource_proxy")
ROLE_ARN = "arn:aws:iam::000000000000:role/uploads"


def _allow(*actions: str) -> dict[str, object]:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}],
    }


S3_CONFIG: dict[str, object] = {
    "users": [
        {
            "name": "portal",
            "access_key_id": "PORTALKEYID000000000",
            "secret_access_key": "secret-of-the-portal-in-these-tests",
            "policy": _allow("s3:*", "sts:AssumeRole"),
        }
    ],
    "roles": [{"name": "uploads", "trusted": ["portal"], "max_session_s": 3600, "policy": _allow("s3:*")}],
    "buckets": [
        {
            "name": BUCKET,
            "cors": [
                {
                    "AllowedOrigins": ["http://127.0.0.1:*"],
                    "AllowedMethods": ["GET", "HEAD", "PUT", "POST"],
                    "AllowedHeaders": ["*"],
                    "ExposeHeaders": [
                        *("ETag", "x-amz-checksum-crc64nvme", "x-amz-checksum-crc32c", "Retry-After"),
                    ],
                    "MaxAgeSeconds": 3600,
                },
                {
                    "AllowedOrigins": ["*"],
                    "AllowedMethods": ["GET", "HEAD"],
                    "AllowedHeaders": ["Range", "If-Match", "If-None-Match"],
                    "ExposeHeaders": ["Accept-Ranges", "Content-Length", "Content-Range", "ETag"],
                    "MaxAgeSeconds": 3600,
                },
            ],
        }
    ],
}


@pytest.fixture(scope="session")
def s3_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the S3 server keeps everything."""
    return tmp_path_factory.mktemp("s3")


@pytest.fixture(scope="session")
def s3_session(s3_root: Path) -> Iterator[RunningServer]:
    """The S3 server of the whole run."""
    with RunningServer(s3_root, S3_CONFIG) as server:
        yield server


@pytest.fixture
def s3(s3_session: RunningServer) -> Iterator[RunningServer]:
    """The S3 server, with an empty request log and no faults."""
    s3_session.faults.clear()
    # What the pages of the test before had on its way belongs into that test's log.
    s3_session.wait_until_idle()
    s3_session.requests.clear()
    yield s3_session
    s3_session.faults.clear()


@pytest.fixture(scope="session")
def store(s3_session: RunningServer) -> ExternalS3:
    """How portals get at the bucket."""
    return ExternalS3(
        endpoint=s3_session.endpoint,
        bucket=BUCKET,
        access_key_id="PORTALKEYID000000000",
        secret_access_key="secret-of-the-portal-in-these-tests",
        role=ROLE_ARN,
    )


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory, store: ExternalS3) -> Iterator[Portal]:
    """The portal of the whole run."""
    settings = {
        "ckan.plugins": " ".join((*PLUGINS, *VIEWS, "custom_fields", SEARCH_PLUGIN)),
        "ckanext.s3multipart.keep_versions": "20",
    }
    folder = tmp_path_factory.mktemp("portal")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", str(CUSTOM_FIELDS), prepend=os.pathsep)
        running = Portal(folder, s3=store, ckan_settings=settings, durable=False).start()
    try:
        _create_first_upload(running)
        yield running
    finally:
        running.stop()


def _create_first_upload(portal: Portal) -> None:
    """With its first upload CKAN tries which checksums the store computes, and with its first credentials to
    what the store holds them; the tests' logs and faults are to be without those requests."""
    client = CkanPortal(portal.url, portal.publisher_token())
    upload, _ = client.create_upload(
        dataset=DATASET, filename="first.txt", size_bytes=0, content_type="", idempotency_key="first"
    )
    client.credentials(upload.id)
    client.abort_upload(upload.id)


@pytest.fixture
def new_context(chromium: Browser, portal: Portal) -> Iterator[Callable[..., BrowserContext]]:
    """Makes browser profiles whose pages resolve against the portal's address; closed after the test."""
    contexts: list[BrowserContext] = []

    def make(**options: object) -> BrowserContext:
        context = open_context(chromium, base_url=portal.url, **options)
        # Chromium's own dialog for files cannot be driven from outside; other browsers do not have it.
        context.add_init_script("delete window.showOpenFilePicker")
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def cookies_of(chromium: Browser, portal: Portal) -> Callable[[Person], StorageState]:
    """What a browser keeps of a login; everybody logs in once in the whole run, since it takes seconds."""

    @functools.cache
    def logged_in(person: Person) -> StorageState:
        context = open_context(chromium, base_url=portal.url)
        log_in(context.new_page(), person.name, person.password(portal.secrets))
        cookies = context.storage_state()
        context.close()
        return cookies

    return logged_in


@pytest.fixture
def page_of(
    new_context: Callable[..., BrowserContext], cookies_of: Callable[[Person], StorageState]
) -> Callable[[Person], Page]:
    """Opens a page, in a browser profile of its own, in which somebody is logged in."""

    def open_page(person: Person) -> Page:
        page = new_context(storage_state=cookies_of(person)).new_page()
        page.goto("/about")
        return page

    return open_page


@pytest.fixture
def publisher(page_of: Callable[[Person], Page]) -> Page:
    """A page in which the publisher is logged in."""
    return page_of(PUBLISHER)


@pytest.fixture
def reader(page_of: Callable[[Person], Page]) -> Page:
    """A page in which a user who may only read is logged in."""
    return page_of(READER)


@pytest.fixture
def dataset(publisher: Page) -> str:
    """The name of a dataset that nothing was uploaded to before: its form offers nothing unfinished."""
    return new_dataset(publisher)


@pytest.fixture(scope="session")
def big_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """64 MiB of random bytes and three more, so that the last part is a short one."""
    return random_file(tmp_path_factory.mktemp("files") / "river gauges é 2026.csv", 64 * 1024 * 1024 + 3)
