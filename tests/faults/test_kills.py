"""kill -9 in the middle of an upload: once the server is back, the page goes on where it was."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page
from portal_pages import (
    choose_file,
    download_sha256,
    open_new_resource,
    persistent_link,
    save,
    sha256,
    wait_until_uploaded,
)
from random_files import random_file

from s3portal.demo.portal import Portal

MIB = 1024 * 1024
SIZE_BYTES = 256 * MIB
PART_COUNT = 52


@pytest.fixture(scope="module")
def huge_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Large enough that a kill comes in the middle of it."""
    return random_file(tmp_path_factory.mktemp("files") / "quarter-of-a-gigabyte.bin", SIZE_BYTES)


def stored_part_numbers(log: Path, name: str) -> list[int]:
    """The parts that the S3 server said it stored, of uploads whose key holds the name."""
    records = (json.loads(line) for line in log.read_text("utf-8").splitlines())
    return [
        record["part_number"]
        for record in records
        if record["operation"] == "UploadPart" and record["status"] == 200 and name in record["key"]
    ]


def wait_for_share(page: Page, share: float) -> None:
    """Waits until so much of the file is stored."""
    page.wait_for_function(
        "share => document.querySelector('.s3portal-uploader progress').value >= share", arg=share
    )


def save_and_compare(page: Page, name: str, file: Path) -> None:
    """Saves the form, follows the link and compares the bytes."""
    wait_until_uploaded(page)
    save(page)
    page.get_by_role("link", name=name).first.click()
    assert download_sha256(page, persistent_link(page)) == sha256(file)


def test_the_s3_server_is_killed_and_the_upload_goes_on_where_it_was(
    page: Page, whole_portal: Portal, huge_file: Path
) -> None:
    assert whole_portal.s3_server is not None
    open_new_resource(page)
    choose_file(page, huge_file)
    page.fill('input[name="name"]', "Store killed")
    wait_for_share(page, 0.2)

    whole_portal.s3_server.kill()
    before = stored_part_numbers(whole_portal.s3_server.access_log, "quarter-of-a-gigabyte")
    whole_portal.s3_server.start()

    save_and_compare(page, "Store killed", huge_file)
    stored = stored_part_numbers(whole_portal.s3_server.access_log, "quarter-of-a-gigabyte")
    assert 0 < len(before) < PART_COUNT
    assert sorted(stored) == list(range(1, PART_COUNT + 1)), "a stored part was sent again"


def test_ckan_is_killed_and_the_upload_goes_on_where_it_was(
    page: Page, whole_portal: Portal, huge_file: Path
) -> None:
    open_new_resource(page)
    choose_file(page, huge_file)
    page.fill('input[name="name"]', "Portal killed")
    wait_for_share(page, 0.2)

    whole_portal.ckan.kill()
    # The parts go on to the store without the portal, as far as their URLs reach; completing needs it again.
    wait_for_share(page, 0.6)
    whole_portal.ckan.start()

    save_and_compare(page, "Portal killed", huge_file)
