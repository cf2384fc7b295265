"""Going on with an upload after the page was left: the box above the field, the same file, a wrong file."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from dialogs import expected_dialog
from held_parts import hold_parts
from playwright.sync_api import Page, expect
from portal_pages import (
    call_action,
    choose_file,
    download_sha256,
    open_new_resource,
    open_resource,
    persistent_link,
    save,
    sha256,
    wait_until_uploaded,
)
from random_files import random_file
from unfinished_uploads import (
    FILE_BYTES,
    MIB,
    PART_COUNT,
    STORED_FIRST,
    begin_and_pause,
    box,
    go_on_with,
    missing_part_numbers,
    pause_in_the_middle,
    stored_part_numbers,
)

from s3portal.demo.people import PUBLISHER, Person
from s3portal.server.testing import RunningServer

# Chromium's dialog for files cannot be driven from outside; the browser's private folder gives handles of
# the same kind, which are kept in the same way.
DIALOG_WITH_HANDLES = """
  window.showOpenFilePicker = async () => {
    const folder = await navigator.storage.getDirectory();
    return [await folder.getFileHandle("gauges.csv")];
  };
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return random_file(tmp_path / "gauges.csv", FILE_BYTES)


def test_after_a_reload_only_what_is_missing_is_sent(
    publisher: Page, s3: RunningServer, dataset: str, file: Path
) -> None:
    begin_and_pause(publisher, s3, dataset, file)

    publisher.reload()
    expect(box(publisher)).to_contain_text("You have an unfinished upload here:")
    expect(box(publisher)).to_contain_text(re.compile(r"gauges\.csv \d+% of 31\.5 MB"))
    missing = missing_part_numbers(publisher, dataset)
    s3.requests.clear()
    go_on_with(publisher, file)
    wait_until_uploaded(publisher)

    assert sorted(stored_part_numbers(s3)) == missing
    assert [r.operation for r in s3.requests].count("CreateMultipartUpload") == 0
    save(publisher)
    open_resource(publisher, "gauges.csv", dataset)
    assert download_sha256(publisher, persistent_link(publisher)) == sha256(file)


def test_in_another_browser_it_is_offered_as_well(
    publisher: Page,
    s3: RunningServer,
    dataset: str,
    file: Path,
    page_of: Callable[[Person], Page],
) -> None:
    begin_and_pause(publisher, s3, dataset, file)
    elsewhere = page_of(PUBLISHER)

    open_new_resource(elsewhere, dataset)
    expect(box(elsewhere)).to_be_visible()
    missing = missing_part_numbers(elsewhere, dataset)
    s3.requests.clear()
    before = elsewhere.locator('[data-s3portal="before"]')
    hold_parts(s3)
    choose_file(elsewhere, file)
    expect(before).to_contain_text("You started uploading this file")
    s3.faults.clear()
    wait_until_uploaded(elsewhere)

    assert sorted(stored_part_numbers(s3)) == missing, "chosen as if new, it is gone on with all the same"
    expect(before, "it is not said under what is complete").to_be_empty()
    expect(box(elsewhere)).to_be_hidden()


def test_what_another_tab_sends_is_not_offered(
    publisher: Page, s3: RunningServer, dataset: str, file: Path
) -> None:
    begin_and_pause(publisher, s3, dataset, file)
    second_tab = publisher.context.new_page()

    with second_tab.expect_response(lambda answer: "upload_list" in answer.url) as listed:
        open_new_resource(second_tab, dataset)

    assert len(listed.value.json()["result"]) == 1
    expect(box(second_tab)).to_be_hidden()


def test_a_wrong_file_is_refused_with_the_reason(
    publisher: Page, s3: RunningServer, dataset: str, file: Path, tmp_path: Path
) -> None:
    begin_and_pause(publisher, s3, dataset, file)
    publisher.reload()
    (tmp_path / "other").mkdir()
    longer = random_file(tmp_path / "other" / "gauges.csv", 40 * MIB)

    go_on_with(publisher, longer)

    expect(box(publisher).get_by_role("alert")).to_have_text(
        "This is a different file: it is 41.9 MB, the unfinished one is 31.5 MB."
    )
    expect(publisher.locator('[data-s3portal="file"]')).to_have_count(0)


def test_a_kept_handle_resumes_with_one_click(
    publisher: Page, s3: RunningServer, dataset: str, file: Path
) -> None:
    publisher.add_init_script(DIALOG_WITH_HANDLES)
    open_new_resource(publisher, dataset)
    publisher.evaluate(
        """async (size) => {
             const folder = await navigator.storage.getDirectory();
             const writer = await (await folder.getFileHandle("gauges.csv", {create: true})).createWritable();
             const bytes = new Uint8Array(size).map((_, i) => i % 251);
             await writer.write(bytes);
             await writer.close();
           }""",
        FILE_BYTES,
    )
    hold = hold_parts(s3, after=STORED_FIRST)
    publisher.get_by_text("choose files").click()
    pause_in_the_middle(publisher, s3, hold)

    publisher.reload()
    box(publisher).get_by_role("button", name="Resume").click()

    wait_until_uploaded(publisher)
    assert sorted(set(stored_part_numbers(s3))) == list(range(1, PART_COUNT + 1))


def upload_and_leave(page: Page, dataset: str, file: Path) -> None:
    """The whole file is stored, and the form is opened anew without having been saved."""
    open_new_resource(page, dataset)
    choose_file(page, file)
    wait_until_uploaded(page)
    with expected_dialog(page, accept=True):
        page.reload()


def test_a_file_that_is_uploaded_and_was_not_saved_is_offered(
    publisher: Page, s3: RunningServer, dataset: str, file: Path
) -> None:
    upload_and_leave(publisher, dataset, file)

    expect(box(publisher)).to_contain_text("uploaded but not saved yet")
    box(publisher).get_by_role("button", name="Use it in this form").click()
    expect(publisher.locator('input[name="name"]')).to_have_value("gauges.csv")
    save(publisher)

    open_resource(publisher, "gauges.csv", dataset)
    assert download_sha256(publisher, persistent_link(publisher)) == sha256(file)


def test_a_file_that_is_uploaded_and_is_chosen_as_if_new_is_not_sent_again(
    publisher: Page, s3: RunningServer, dataset: str, file: Path
) -> None:
    upload_and_leave(publisher, dataset, file)
    s3.requests.clear()

    choose_file(publisher, file)
    wait_until_uploaded(publisher)
    expect(publisher.locator('[data-s3portal="before"]')).to_contain_text("it is not sent again")
    expect(box(publisher)).to_be_hidden()
    save(publisher)

    open_resource(publisher, "gauges.csv", dataset)
    assert download_sha256(publisher, persistent_link(publisher)) == sha256(file)
    assert {"CreateMultipartUpload", "UploadPart"}.isdisjoint(r.operation for r in s3.requests)


def test_discarding_can_be_undone_and_then_leaves_nothing_at_the_store(
    publisher: Page, s3: RunningServer, dataset: str, file: Path
) -> None:
    begin_and_pause(publisher, s3, dataset, file)
    publisher.clock.install()
    publisher.reload()

    box(publisher).get_by_role("button", name="Discard").click()
    box(publisher).get_by_role("button", name="Undo").click()
    publisher.clock.run_for(60_000)
    expect(box(publisher).get_by_role("button", name="Choose the file to resume")).to_be_visible()
    assert "AbortMultipartUpload" not in [r.operation for r in s3.requests]

    with publisher.expect_response(lambda answer: "upload_abort" in answer.url):
        box(publisher).get_by_role("button", name="Discard").click()
        publisher.clock.run_for(20_000)
    expect(box(publisher)).to_be_hidden()
    assert "AbortMultipartUpload" in [r.operation for r in s3.requests]


def test_what_is_discarded_is_gone_although_the_page_is_left_at_once(
    publisher: Page, s3: RunningServer, dataset: str, file: Path
) -> None:
    begin_and_pause(publisher, s3, dataset, file)
    publisher.reload()
    box(publisher).get_by_role("button", name="Discard").click()

    publisher.goto("/about")

    publisher.wait_for_function(
        """async (owner) => {
             const answer = await fetch("/api/3/action/s3multipart_upload_list?owner=" + owner);
             return (await answer.json()).result.length === 0;
           }""",
        arg=dataset,
    )


def test_others_see_nothing_of_it(
    publisher: Page, reader: Page, s3: RunningServer, dataset: str, file: Path
) -> None:
    begin_and_pause(publisher, s3, dataset, file)

    reader.goto("/")

    assert call_action(reader, "s3multipart_upload_list", {"owner": dataset}) == []
