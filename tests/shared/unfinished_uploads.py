"""Uploads that a publisher begins and leaves, and what of them is where."""

from pathlib import Path

from held_parts import hold_parts, lose_parts
from playwright.sync_api import Locator, Page, expect
from portal_pages import call_action, choose_file, open_new_resource, status

from s3portal.server.testing import Hold, RunningServer
from s3portal.transfer import parse_ranges

MIB = 1024 * 1024
#: Of the files that are left in their middle, with the smallest parts that there are.
PART_COUNT = 6
FILE_BYTES = PART_COUNT * 5 * MIB
STORED_FIRST = 4


def box(page: Page) -> Locator:
    """The box with unfinished uploads."""
    return page.locator('[data-s3portal="unfinished"]')


def stored_part_numbers(s3: RunningServer) -> list[int | None]:
    """The parts that the store took, in order."""
    return [r.part_number for r in s3.requests if r.operation == "UploadPart" and r.status == 200]


def missing_part_numbers(page: Page, dataset: str) -> list[int]:
    """The parts that the store does not have of the one unfinished upload."""
    [listed] = call_action(page, "s3multipart_upload_list", {"owner": dataset})
    upload = call_action(page, "s3multipart_upload_show", {"id": listed["id"]})
    stored = parse_ranges(upload["stored"])
    assert stored, "the store has nothing to go on from"
    return [number for number in range(1, upload["part_count"] + 1) if number not in stored]


def begin_and_pause(page: Page, s3: RunningServer, dataset: str, file: Path) -> None:
    """Uploads most of the file, and pauses."""
    hold = hold_parts(s3, after=STORED_FIRST)
    open_new_resource(page, dataset)
    choose_file(page, file)
    pause_in_the_middle(page, s3, hold)


def pause_in_the_middle(page: Page, s3: RunningServer, hold: Hold) -> None:
    """Pauses once the store has most parts; it gets no other, and what it has is certain from here on."""
    hold.wait_for(PART_COUNT - STORED_FIRST)
    page.get_by_role("button", name="Pause").click()
    expect(status(page)).to_contain_text("You can close this page and resume later")
    lose_parts(s3, hold)


def go_on_with(page: Page, file: Path) -> None:
    """Presses the box's button and chooses the file."""
    with page.expect_file_chooser() as chooser:
        box(page).get_by_role("button", name="Choose the file to resume").click()
    chooser.value.set_files(file)
