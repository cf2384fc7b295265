"""The same file a second time: from two tabs at once it is sent once; one that is published is said to be."""

import re
from pathlib import Path

import pytest
from held_parts import hold_parts
from playwright.sync_api import Locator, Page, expect
from portal_pages import call_action, choose_file, open_new_resource, save, wait_until_uploaded
from random_files import random_file

from s3portal.server.testing import RunningServer

MIB = 1024 * 1024


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two parts."""
    return random_file(tmp_path / "gauges.csv", 6 * MIB)


def operations(s3: RunningServer) -> list[str]:
    """What the store was asked to do for uploads, in order."""
    return [r.operation for r in s3.requests if r.operation in ("CreateMultipartUpload", "UploadPart")]


def refusal(page: Page) -> Locator:
    """What the row of the one file says against it."""
    return page.locator('[data-s3portal="file"]').get_by_role("alert")


def same_file(page: Page) -> Locator:
    """What the row of the one file says of it that is published already."""
    return page.locator('[data-s3portal="same"]')


def test_tabs_that_choose_the_same_file_at_the_same_moment_send_it_once(
    publisher: Page, s3: RunningServer, dataset: str, file: Path
) -> None:
    hold = hold_parts(s3)
    tabs = [publisher, publisher.context.new_page(), publisher.context.new_page()]
    for tab in tabs:
        open_new_resource(tab, dataset)

    # None of the others knew of any upload when it was opened.
    sender, *others = tabs
    choose_file(sender, file)
    hold.wait_for(2)
    for tab in others:
        choose_file(tab, file)
        expect(refusal(tab)).to_contain_text("Another tab of this browser is uploading this file")
    hold.release()

    wait_until_uploaded(sender)
    assert operations(s3) == ["CreateMultipartUpload", "UploadPart", "UploadPart"]

    # Its tab is closed without having saved it: another one continues with what is there.
    sender.close()
    others[0].get_by_role("button", name="Try again").click()
    wait_until_uploaded(others[0])
    assert operations(s3) == ["CreateMultipartUpload", "UploadPart", "UploadPart"]


def test_a_file_that_was_given_up_in_one_tab_is_free_for_another(
    publisher: Page, s3: RunningServer, dataset: str, file: Path
) -> None:
    second_tab = publisher.context.new_page()
    for tab in (publisher, second_tab):
        open_new_resource(tab, dataset)
    choose_file(publisher, file)
    wait_until_uploaded(publisher)
    with publisher.expect_response(lambda answer: "upload_abort" in answer.url):
        publisher.get_by_role("button", name="Remove").click()
    expect(publisher.locator('[data-s3portal="file"]')).to_have_count(0)

    choose_file(second_tab, file)

    wait_until_uploaded(second_tab)


def test_a_file_that_is_published_here_is_said_to_be(
    publisher: Page, s3: RunningServer, dataset: str, file: Path, tmp_path: Path
) -> None:
    open_new_resource(publisher, dataset)
    choose_file(publisher, file)
    wait_until_uploaded(publisher)
    expect(same_file(publisher)).to_be_hidden()
    save(publisher)
    publisher.wait_for_url(f"**/dataset/{dataset}")
    [resource] = call_action(publisher, "package_show", {"id": dataset})["resources"]

    # Under another name, and copied: its content tells.
    (tmp_path / "copy").mkdir()
    copy = tmp_path / "copy" / "levels.csv"
    copy.write_bytes(file.read_bytes())
    for chosen in (file, copy):
        page = publisher.context.new_page()
        open_new_resource(page, dataset)
        choose_file(page, chosen)
        expect(same_file(page)).to_contain_text("The same file is already published here: gauges.csv.")
        link = same_file(page).get_by_role("link", name="View it")
        expect(link).to_have_attribute("href", re.compile(f"/resource/{resource['id']}$"))
        page.close()
