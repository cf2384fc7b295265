"""The uploader's field beside CKAN's own controls, on a bad network, and on a phone."""

import re
from pathlib import Path

import pytest
from held_parts import AT_A_TIME, hold_parts
from playwright.sync_api import Page, expect
from portal_pages import choose_file, open_new_resource, status, uploader, wait_until_uploaded

from s3portal.server.testing import RunningServer


@pytest.fixture
def small_file(tmp_path: Path) -> Path:
    path = tmp_path / "stations.csv"
    path.write_text("station,level\n1,2.5\n", encoding="utf-8")
    return path


def on_its_way(page: Page, s3: RunningServer, dataset: str, file: Path) -> None:
    """Brings an upload to where it has stored something and the rest is held back."""
    hold = hold_parts(s3, after=5)
    open_new_resource(page, dataset)
    choose_file(page, file)
    hold.wait_for(AT_A_TIME)
    expect(status(page)).to_contain_text(re.compile(r"[1-9]\d?%"))


def stored_part_numbers(s3: RunningServer) -> list[int | None]:
    return [r.part_number for r in s3.requests if r.operation == "UploadPart" and r.status == 200]


def test_a_pause_stops_sending_and_nothing_stored_is_sent_again(
    publisher: Page, s3: RunningServer, dataset: str, big_file: Path
) -> None:
    on_its_way(publisher, s3, dataset, big_file)
    publisher.get_by_role("button", name="Pause").click()
    expect(status(publisher)).to_contain_text("Paused")

    s3.faults.clear()
    publisher.get_by_role("button", name="Resume").click()
    wait_until_uploaded(publisher)

    assert sorted(set(stored_part_numbers(s3))) == list(range(1, 14))
    assert len(stored_part_numbers(s3)) <= 13 + 4, "at most the four in flight were sent twice"


def test_a_lost_network_is_said_and_its_return_resumes_it(
    publisher: Page, s3: RunningServer, dataset: str, big_file: Path
) -> None:
    on_its_way(publisher, s3, dataset, big_file)
    publisher.context.set_offline(True)
    expect(status(publisher)).to_contain_text("Connection lost")

    s3.faults.clear()
    publisher.context.set_offline(False)
    wait_until_uploaded(publisher)


def test_a_link_instead_of_a_file_puts_the_uploader_away(publisher: Page) -> None:
    open_new_resource(publisher)
    publisher.locator("#resource-link-button").click()
    expect(uploader(publisher)).to_be_hidden()
    expect(publisher.locator("#field-resource-url")).to_be_visible()

    publisher.locator(".btn-remove-url:visible").click()
    expect(uploader(publisher)).to_be_visible()


def test_a_file_chosen_with_ckans_own_button_goes_the_same_way(
    publisher: Page, s3: RunningServer, dataset: str, small_file: Path
) -> None:
    open_new_resource(publisher, dataset)
    with publisher.expect_file_chooser() as chooser:
        publisher.locator("#resource-upload-button").click()
    chooser.value.set_files(small_file)
    wait_until_uploaded(publisher)

    assert stored_part_numbers(s3) == [1]
    assert publisher.evaluate("document.querySelector('#field-resource-upload').files.length") == 0


def test_the_keyboard_stays_where_it_was_when_controls_come_and_go(
    publisher: Page, s3: RunningServer, dataset: str, small_file: Path
) -> None:
    open_new_resource(publisher, dataset)
    file_input = publisher.locator("[data-s3portal=input]")
    with publisher.expect_file_chooser() as chooser:
        file_input.press("Enter")
    chooser.value.set_files(small_file)
    wait_until_uploaded(publisher)
    expect(file_input).to_be_focused()

    publisher.keyboard.press("Shift+Tab")
    expect(publisher.get_by_role("button", name="Remove")).to_be_focused()
    publisher.keyboard.press("Enter")
    expect(file_input).to_be_focused()


def test_on_a_phone_the_field_is_as_wide_as_the_form(
    publisher: Page, s3: RunningServer, dataset: str, tmp_path: Path
) -> None:
    long_name = tmp_path / ("water_levels_" * 12 + ".csv")
    long_name.write_text("a\n", encoding="utf-8")
    publisher.set_viewport_size({"width": 390, "height": 844})
    open_new_resource(publisher, dataset)
    choose_file(publisher, long_name)
    wait_until_uploaded(publisher)

    assert publisher.evaluate(
        "(root => root.scrollWidth <= root.clientWidth)(document.querySelector('.s3portal-uploader'))"
    )
