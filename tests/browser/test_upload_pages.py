"""The pages of unfinished uploads, as people use them: their own on the dashboard, everybody's for
administrators, on a desktop and on a phone."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from looks import looks_right
from playwright.sync_api import Page, expect
from portal_pages import call_action, new_dataset
from screens import SCREENS, bring_into_sight

from s3portal.demo.people import ADMIN, ORGANISATION, PUBLISHER, Person

LIST = ".s3multipart-uploads"


def begin(page: Page, dataset: str, filename: str, size: int) -> str:
    """An upload of which nothing is sent; returns its id."""
    created = call_action(
        page, "s3multipart_upload_create", {"owner": dataset, "filename": filename, "size": size}
    )
    return str(created["upload"]["id"])


@pytest.fixture
def confirmed(publisher: Page) -> Callable[[str], None]:
    """Presses a button and confirms in CKAN's own dialog."""

    def press(name: str) -> None:
        publisher.locator(LIST).get_by_role("button", name=name).first.click()
        publisher.locator(".modal.show").get_by_role("button", name="Confirm").click()

    return press


def test_a_publisher_discards_one_of_theirs(
    publisher: Page, confirmed: Callable[[str], None], tmp_path: Path
) -> None:
    dataset = new_dataset(publisher)
    long_name = "river-gauges-of-all-stations-between-source-and-mouth-hourly-2026-revised.csv"
    begin(publisher, dataset, long_name, 58_100_000_000)
    publisher.goto("/dashboard/datasets")
    publisher.get_by_role("link", name="My unfinished uploads").click()
    row = publisher.locator(f"{LIST} > li").filter(has_text=long_name)
    expect(row).to_contain_text("0% of 58.1 GB")
    expect(row).to_contain_text(dataset)
    looks_right(publisher, LIST, "my-uploads", tmp_path)

    confirmed("Discard")

    expect(publisher.get_by_text("The upload was discarded.")).to_be_visible()
    expect(row).to_have_count(0)


def test_the_pages_of_a_long_list_are_gone_through_by_keyboard_and_on_a_phone(
    publisher: Page, tmp_path: Path
) -> None:
    dataset = new_dataset(publisher)
    uploads = [begin(publisher, dataset, f"gauge-{number}.csv", 1_000_000) for number in range(51)]
    publisher.goto("/dashboard/uploads")
    rows = publisher.locator(f"{LIST} > li")
    expect(rows).to_have_count(50)
    looks_right(publisher, LIST, "my-uploads-of-several-pages", tmp_path)
    publisher.set_viewport_size(SCREENS["phone"])

    older = publisher.get_by_role("navigation", name="Pages of unfinished uploads").get_by_role(
        "link", name="Older"
    )
    bring_into_sight(publisher, ".s3multipart-pages")
    assert (older.bounding_box() or {"height": 0})["height"] >= 44
    rows.last.get_by_role("button", name="Discard").focus()
    publisher.keyboard.press("Tab")
    expect(older).to_be_focused()
    publisher.keyboard.press("Enter")

    publisher.wait_for_url(re.compile(r"page=2$"))
    expect(rows.first).to_contain_text(".csv")
    expect(publisher.get_by_role("link", name="Newer")).to_be_visible()
    publisher.set_viewport_size(SCREENS["desktop"])
    for upload_id in uploads:
        call_action(publisher, "s3multipart_upload_abort", {"id": upload_id})


def test_the_form_is_one_click_away(publisher: Page) -> None:
    dataset = new_dataset(publisher)
    upload_id = begin(publisher, dataset, "rivers.csv", 1_000_000)
    publisher.goto("/dashboard/uploads")

    row = publisher.locator(f"{LIST} > li").filter(has_text=dataset)
    row.get_by_role("link", name="Open the form").click()

    publisher.wait_for_url(re.compile(f"/dataset/{dataset}/resource/new"))
    expect(publisher.locator(".s3portal-uploader")).to_be_visible()
    call_action(publisher, "s3multipart_upload_abort", {"id": upload_id})


def test_an_administrator_hands_one_over(
    publisher: Page, page_of: Callable[[Person], Page], tmp_path: Path
) -> None:
    dataset = new_dataset(publisher)
    upload_id = begin(publisher, dataset, "rivers.csv", 1_000_000)
    admin = page_of(ADMIN)
    admin.goto(f"/organization/edit/{ORGANISATION}")
    admin.get_by_role("link", name=re.compile("Uploads$")).click()
    row = admin.locator(f"{LIST} > li").filter(has_text=dataset)
    expect(row).to_contain_text(PUBLISHER.full_name)
    looks_right(admin, LIST, "organization-uploads", tmp_path)

    row.get_by_role("combobox").select_option(PUBLISHER.name)
    row.get_by_role("button", name="Hand over").click()

    expect(admin.get_by_text("The upload was handed over.")).to_be_visible()
    call_action(publisher, "s3multipart_upload_abort", {"id": upload_id})
