"""kill -9 in the middle of an upload: once the server is back, the page goes on where it was."""

import json
import re
from collections.abc import Callable
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
# The largest file of whose parts each has 5 MiB also where a loaded machine takes long to answer.
SIZE_BYTES = 90 * MIB
PART_COUNT = 18
AT_A_TIME = 4


@pytest.fixture(scope="module")
def huge_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of more parts than are under way at a time."""
    return random_file(tmp_path_factory.mktemp("files") / "ninety-megabytes.bin", SIZE_BYTES)


def stored_part_numbers(log: Path, name: str) -> list[int]:
    """The parts that the S3 server said it stored, of uploads whose key holds the name."""
    records = (json.loads(line) for line in log.read_text("utf-8").splitlines())
    return [
        record["part_number"]
        for record in records
        if record["operation"] == "UploadPart" and record["status"] == 200 and name in record["key"]
    ]


def hold_parts(page: Page, after: int) -> Callable[[], None]:
    """Keeps all but so many parts from leaving the browser, so that a kill comes in the middle of an upload,
    however fast the machine is; what lets them go."""

    def is_held(url: str) -> bool:
        part_number = re.search(r"partNumber=(\d+)", url)
        return bool(part_number) and int(part_number[1]) > after

    # A request that nobody answers waits until nothing intercepts it any more.
    page.route(is_held, lambda route: None)
    return lambda: page.unroute(is_held)


def wait_for_share(page: Page, share: float) -> None:
    """Waits until so much of the file is stored or under way."""
    page.wait_for_function(
        "share => document.querySelector('.s3portal-uploader progress').value >= share", arg=share
    )


def save_and_compare(page: Page, name: str, file: Path) -> None:
    """Saves the form, follows the link and compares the bytes."""
    wait_until_uploaded(page)
    save(page)
    page.get_by_role("link", name=name).first.click()
    assert download_sha256(page, persistent_link(page)) == sha256(file)


def test_the_s3_server_is_killed_and_the_upload_resumes_where_it_was(
    page: Page, whole_portal: Portal, huge_file: Path
) -> None:
    assert whole_portal.s3_server is not None
    release_parts = hold_parts(page, after=12)
    open_new_resource(page)
    choose_file(page, huge_file)
    page.fill('input[name="name"]', "Store killed")
    # More than what is under way at a time.
    wait_for_share(page, 0.4)

    whole_portal.s3_server.kill()
    before = stored_part_numbers(whole_portal.s3_server.access_log, "ninety-megabytes")
    whole_portal.s3_server.start()
    release_parts()

    save_and_compare(page, "Store killed", huge_file)
    stored = stored_part_numbers(whole_portal.s3_server.access_log, "ninety-megabytes")
    assert 0 < len(before) < PART_COUNT
    assert set(stored) == set(range(1, PART_COUNT + 1))
    # The kill may have come between an answer and its arrival.
    assert len(stored) <= PART_COUNT + AT_A_TIME, "what was stored before was sent again"


def test_ckan_is_killed_and_the_upload_resumes_where_it_was(
    page: Page, whole_portal: Portal, huge_file: Path
) -> None:
    release_parts = hold_parts(page, after=12)
    open_new_resource(page)
    choose_file(page, huge_file)
    page.fill('input[name="name"]', "Portal killed")
    wait_for_share(page, 0.3)

    whole_portal.ckan.kill()
    # The parts go on to the store without the portal, as far as their URLs reach; completing needs it again.
    wait_for_share(page, 0.6)
    whole_portal.ckan.start()
    release_parts()

    save_and_compare(page, "Portal killed", huge_file)
