"""The main job in a browser with Ceph as the store, by URLs that the portal signs and by session credentials.

`bin/test ceph` starts the gateway and names it in the environment.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import chromium as chromium  # a fixture
from chromium import open_context
from foreign_store import foreign_store
from playwright.sync_api import Browser, Page
from portal_pages import (
    choose_file,
    download_sha256,
    log_in,
    new_dataset,
    open_new_resource,
    persistent_link,
    save,
    sha256,
    wait_until_uploaded,
)
from random_files import random_file

from s3portal.demo.people import PUBLISHER
from s3portal.demo.portal import Portal
from s3portal.demo.s3 import ExternalS3
from s3portal.transfer import cors_rule

SIZE_BYTES = 23 * 1024 * 1024 + 1


@pytest.fixture(params=["presigned", "sts"])
def portal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Portal]:
    """A portal whose store is the gateway."""
    store = ExternalS3(
        endpoint=os.environ["S3PORTAL_TEST_ENDPOINT"],
        bucket=os.environ["S3PORTAL_TEST_BUCKET"],
        access_key_id=os.environ["S3PORTAL_TEST_ACCESS_KEY_ID"],
        secret_access_key=os.environ["S3PORTAL_TEST_SECRET_ACCESS_KEY"],
        role=os.environ["S3PORTAL_TEST_ROLE"],
    )
    mode = {"ckanext.s3multipart.upload_mode": request.param}
    with Portal(tmp_path / "portal", s3=store, ckan_settings=mode, durable=False) as running:
        bucket = foreign_store()
        bucket.client().put_bucket_cors(
            Bucket=bucket.bucket, CORSConfiguration={"CORSRules": [cors_rule(running.url)]}
        )
        yield running


@pytest.fixture
def publisher(portal: Portal, chromium: Browser) -> Iterator[Page]:
    """A page of the publisher's."""
    context = open_context(chromium, base_url=portal.url)
    context.add_init_script("delete window.showOpenFilePicker")
    page = context.new_page()
    log_in(page, PUBLISHER.name, PUBLISHER.password(portal.secrets))
    yield page
    context.close()


def test_a_publisher_uploads_a_file_and_the_link_gives_it_back(publisher: Page, tmp_path: Path) -> None:
    file = random_file(tmp_path / "gauges.csv", SIZE_BYTES)
    open_new_resource(publisher, new_dataset(publisher))

    choose_file(publisher, file)
    publisher.fill('input[name="name"]', "Gauges on Ceph")
    wait_until_uploaded(publisher)
    save(publisher)

    publisher.get_by_role("link", name="Gauges on Ceph").first.click()
    assert download_sha256(publisher, persistent_link(publisher)) == sha256(file)
