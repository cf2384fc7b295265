"""A file that was away or changed in the middle of its upload is not the end: it is chosen again."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect
from portal_pages import (
    choose_file,
    download_sha256,
    open_resource,
    persistent_link,
    save,
    sha256,
    wait_until_uploaded,
)
from random_files import random_file
from unfinished_uploads import FILE_BYTES, begin_and_pause, box, missing_part_numbers, stored_part_numbers

from s3portal.server.testing import RunningServer


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return random_file(tmp_path / "gauges.csv", FILE_BYTES)


def choose_again(page: Page) -> Locator:
    """The button of a file that can no longer be read."""
    return page.get_by_role("button", name="Choose the file again")


def test_a_file_that_was_away_for_a_while_is_chosen_again_and_resumes(
    publisher: Page, s3: RunningServer, dataset: str, file: Path, tmp_path: Path
) -> None:
    begin_and_pause(publisher, s3, dataset, file)
    file.rename(tmp_path / "away")
    publisher.get_by_role("button", name="Resume").click()
    expect(publisher.get_by_role("alert").filter(has_text="can no longer be read").first).to_be_visible()
    (tmp_path / "away").rename(file)
    s3.wait_until_idle()
    missing = missing_part_numbers(publisher, dataset)
    s3.requests.clear()

    with publisher.expect_file_chooser() as chooser:
        choose_again(publisher).click()
    chooser.value.set_files(file)
    wait_until_uploaded(publisher)

    s3.wait_until_idle()
    assert sorted(number or 0 for number in stored_part_numbers(s3)) == missing
    expect(publisher.locator('[data-s3portal="file"]')).to_have_count(1)
    save(publisher)
    open_resource(publisher, "gauges.csv", dataset)
    assert download_sha256(publisher, persistent_link(publisher)) == sha256(file)


def test_a_file_that_was_changed_takes_the_place_of_what_it_was(
    publisher: Page, s3: RunningServer, dataset: str, file: Path
) -> None:
    begin_and_pause(publisher, s3, dataset, file)
    random_file(file, FILE_BYTES)
    os.utime(file, (1_700_000_000, 1_700_000_000))
    publisher.get_by_role("button", name="Resume").click()
    expect(choose_again(publisher)).to_be_visible()

    choose_file(publisher, file)
    wait_until_uploaded(publisher)

    expect(publisher.locator('[data-s3portal="file"]')).to_have_count(1)
    expect(box(publisher)).to_contain_text("You have an unfinished upload here:")
    save(publisher)
    open_resource(publisher, "gauges.csv", dataset)
    assert download_sha256(publisher, persistent_link(publisher)) == sha256(file)
