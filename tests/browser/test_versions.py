"""Earlier versions on the page of a resource, as an editor uses them: on a desktop and on a phone, with
scripts and without."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from looks import looks_right
from playwright.sync_api import BrowserContext, Page, StorageState, expect
from portal_pages import call_action, new_dataset

from s3portal.demo.people import PUBLISHER, Person

VERSIONS = "#versions"
LONG_NAME = "river-gauges-of-all-stations-between-source-and-mouth-hourly-2026-revised.csv"


def save_file(page: Page, dataset: str, content: str, filename: str, resource: str = "") -> str:
    """Uploads a file and makes it that of a new resource, or of this one; the resource's id."""
    asked: dict[str, object] = {"owner": dataset, "filename": filename, "size": len(content)}
    created = call_action(
        page, "s3multipart_upload_create", {**asked, **({"resource": resource} if resource else {})}
    )
    page.evaluate(
        "async ([url, content]) => await fetch(url, {method: 'PUT', body: content})",
        [created["parts"][0]["url"], content],
    )
    upload = call_action(page, "s3multipart_upload_complete", {"id": created["upload"]["id"]})
    file = {"s3multipart_upload_id": upload["id"], "name": "River gauges"}
    if resource:
        return str(call_action(page, "resource_patch", {"id": resource, **file})["id"])
    return str(call_action(page, "resource_create", {"package_id": dataset, **file})["id"])


@pytest.fixture
def url(publisher: Page) -> str:
    """The page of a resource whose file was replaced twice."""
    dataset = new_dataset(publisher)
    resource = save_file(publisher, dataset, "first\n", LONG_NAME)
    save_file(publisher, dataset, "second,\n", "gauges-2.csv", resource)
    save_file(publisher, dataset, "the third\n", "gauges-3.csv", resource)
    return f"/dataset/{dataset}/resource/{resource}"


def current(page: Page) -> str:
    return page.locator(".s3multipart-file .resource-url-analytics").inner_text()


def test_an_editor_restores_one_and_removes_another(publisher: Page, url: str, tmp_path: Path) -> None:
    publisher.goto(url)
    rows = publisher.locator(f"{VERSIONS} li")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("gauges-2.csv")
    looks_right(publisher, VERSIONS, "versions", tmp_path)

    rows.filter(has_text=LONG_NAME).get_by_role("button", name="Restore").click()

    expect(publisher.get_by_text("This version is the current file again.")).to_be_visible()
    assert current(publisher) == LONG_NAME
    expect(rows.first).to_contain_text("gauges-3.csv")

    # Until CKAN's scripts listen, the link leads to the page that asks.
    publisher.wait_for_load_state("networkidle")
    rows.filter(has_text="gauges-2.csv").get_by_role("link", name="Remove").click()
    question = publisher.locator(".modal.show")
    expect(question).to_contain_text("Remove this version of gauges-2.csv?")
    question.get_by_role("button", name="Confirm").click()

    expect(publisher.get_by_text("The version was removed.")).to_be_visible()
    expect(rows).to_have_count(1)


def test_the_same_without_scripts(
    publisher: Page,
    url: str,
    new_context: Callable[..., BrowserContext],
    cookies_of: Callable[[Person], StorageState],
    tmp_path: Path,
) -> None:
    page = new_context(java_script_enabled=False, storage_state=cookies_of(PUBLISHER)).new_page()
    page.goto(url)
    rows = page.locator(f"{VERSIONS} li")

    rows.filter(has_text="gauges-2.csv").get_by_text("Remove").click()
    expect(page.get_by_role("main")).to_contain_text("Remove this version of gauges-2.csv?")
    if os.environ.get("S3PORTAL_SCREENSHOTS"):
        page.screenshot(path=Path(".test/screenshots/versions-remove-desktop.png"))
    page.get_by_role("button", name="Remove").click()
    expect(rows).to_have_count(1)

    rows.get_by_role("button", name="Restore").click()
    assert current(page) == LONG_NAME


def test_a_reader_downloads_one(reader: Page, publisher: Page, url: str, tmp_path: Path) -> None:
    reader.goto(url)
    row = reader.locator(f"{VERSIONS} li").filter(has_text="gauges-2.csv")
    expect(row.get_by_role("button")).to_have_text(["Copy"])
    looks_right(reader, VERSIONS, "versions-reader", tmp_path)

    with reader.expect_download() as download:
        row.get_by_role("link", name="Download").click()

    assert Path(download.value.path()).read_text() == "second,\n"
    assert download.value.suggested_filename == "gauges-2.csv"
