"""Downloads on the pages of CKAN, as people see them; and that looking at a file's page is no download."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import psycopg2
import pytest
from looks import looks_right
from playwright.sync_api import BrowserContext, Page, Response, StorageState, expect
from portal_pages import call_action, new_dataset

from s3portal.demo.people import ORGANISATION, PUBLISHER, Person
from s3portal.demo.portal import Portal

BROWSER = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
CHART = ".s3multipart-downloads"
PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8ffff3f030008fc02fe"
    "a7d2b2e40000000049454e44ae426082"
)


def publish(page: Page, name: str, content: bytes) -> tuple[str, str]:
    """A resource with a small file in a dataset of its own; the ids of both."""
    dataset = new_dataset(page)
    upload = call_action(
        page,
        "s3multipart_upload_create",
        {"owner": dataset, "filename": name, "size": len(content)},
    )
    [part] = upload["parts"]
    assert page.request.put(part["url"], data=content, headers=part["headers"]).ok
    call_action(page, "s3multipart_upload_complete", {"id": upload["upload"]["id"]})
    resource = call_action(
        page,
        "resource_create",
        {"package_id": dataset, "name": name, "s3multipart_upload_id": upload["upload"]["id"]},
    )
    return dataset, str(resource["id"])


def counted(portal: Portal, resource: str, days: dict[date, int]) -> None:
    """The resource was downloaded as often on these days."""
    with psycopg2.connect(portal.postgres.url()) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO s3multipart_download (resource_id, day, count, bytes_sent) VALUES (%s, %s, %s, %s)",
            [(resource, day, number, number * 58_100_000) for day, number in days.items()],
        )


def downloads(page: Page, resource: str) -> int:
    """How often the resource was downloaded."""
    return int(call_action(page, "s3multipart_download_stats", {"resource": resource})["count"])


def chart_colours(page: Page) -> tuple[str, str]:
    """The colour of the columns, and that of the text around them."""
    drawn = page.locator(f"{CHART} rect").first.evaluate("column => getComputedStyle(column).fill")
    written = page.locator(CHART).evaluate("chart => getComputedStyle(chart).color")
    return str(drawn), str(written)


@pytest.fixture
def visitor(new_context: Callable[..., BrowserContext], cookies_of: Callable[[Person], StorageState]) -> Page:
    """The publisher in a browser that says what people's browsers say: one without a window says that it is
    one, and is a robot to COUNTER."""
    page = new_context(storage_state=cookies_of(PUBLISHER), user_agent=BROWSER).new_page()
    page.goto("/about")
    return page


@pytest.fixture
def busy(publisher: Page, portal: Portal) -> tuple[str, str]:
    """A file that was downloaded a lot in the last hundred days."""
    dataset, resource = publish(publisher, "river-gauges-of-all-stations-hourly-2026.csv", b"1,2")
    today = datetime.now(timezone.utc).date()
    counted(portal, resource, {today - timedelta(days=n): 3 + n * n % 41 for n in range(0, 100)})
    return dataset, resource


def test_the_chart_is_read_on_a_desktop_and_on_a_phone(
    publisher: Page, busy: tuple[str, str], tmp_path: Path
) -> None:
    dataset, resource = busy
    publisher.goto(f"/dataset/{dataset}/resource/{resource}")
    expect(publisher.get_by_role("img", name=re.compile("^Downloads, "))).to_be_visible()
    looks_right(publisher, CHART, "downloads-resource", tmp_path)

    publisher.locator(f"{CHART} summary").click()
    expect(publisher.get_by_role("table", name=re.compile("^Downloads, "))).to_be_visible()
    looks_right(publisher, f"{CHART} table", "downloads-table", tmp_path)

    publisher.goto(f"/dataset/{dataset}?downloads=30d")
    looks_right(publisher, CHART, "downloads-dataset", tmp_path)
    colours = [chart_colours(publisher)]
    publisher.emulate_media(color_scheme="dark", forced_colors="active")
    colours.append(chart_colours(publisher))
    # In the reader's own colours, too, it is drawn as the text is written.
    assert colours[0] != colours[1]
    assert all(drawn == written for drawn, written in colours)


def test_the_chart_is_there_without_javascript_and_the_keyboard_reaches_everything(
    publisher: Page, busy: tuple[str, str], new_context: Callable[..., BrowserContext]
) -> None:
    dataset, _resource = busy
    page = new_context(java_script_enabled=False).new_page()
    page.goto(f"/dataset/{dataset}")
    expect(page.locator(f"{CHART} svg rect").first).to_be_visible()

    publisher.goto(f"/dataset/{dataset}")
    links = publisher.locator(f"{CHART} .s3multipart-ranges a")
    links.first.focus()
    for number in range(1, 4):
        publisher.keyboard.press("Tab")
        expect(links.nth(number)).to_be_focused()
    publisher.keyboard.press("Tab")
    expect(publisher.locator(f"{CHART} summary")).to_be_focused()
    publisher.keyboard.press("Enter")
    expect(publisher.locator(f"{CHART} table")).to_be_visible()

    links.first.focus()
    publisher.keyboard.press("Enter")
    publisher.wait_for_url(re.compile(r"downloads=30d#s3multipart-downloads$"))
    expect(links.first).to_have_attribute("aria-current", "true")


def test_an_organisation_has_a_page_of_its_downloads(
    publisher: Page, reader: Page, busy: tuple[str, str], tmp_path: Path
) -> None:
    reader.goto(f"/organization/{ORGANISATION}")
    reader.get_by_role("link", name=re.compile("Downloads$")).click()
    expect(reader.get_by_role("heading", name=re.compile("^Downloads from "))).to_be_visible()
    looks_right(reader, CHART, "downloads-organization", tmp_path)
    looks_right(reader, ".s3multipart-top", "downloads-organization-files", tmp_path)

    reader.get_by_label("From", exact=True).fill("2020-01-01")
    reader.get_by_role("button", name="Show").click()
    reader.wait_for_url(re.compile("from=2020-01-01"))
    with reader.expect_download() as download:
        reader.get_by_role("link", name="Download these numbers as CSV").click()
    assert download.value.suggested_filename == f"downloads-{ORGANISATION}.csv"


@pytest.mark.parametrize(
    ("view", "filename", "content"),
    [
        ("image_view", "gauge.png", PICTURE),
        ("text_view", "notes.txt", b"Water levels"),
        ("audio_view", "rain.mp3", b"no sound"),
        ("video_view", "flood.mp4", b"no picture"),
        ("webpage_view", "about.html", b"<p>Rivers</p>"),
    ],
    ids=["image", "text", "audio", "video", "webpage"],
)
def test_what_a_view_fetches_is_no_download(visitor: Page, view: str, filename: str, content: bytes) -> None:
    dataset, resource = publish(visitor, filename, content)
    created = call_action(
        visitor,
        "resource_view_create",
        {"resource_id": resource, "view_type": view, "title": "Look"},
    )
    link = f"/dataset/{dataset}/resource/{resource}"

    def is_the_file(answer: Response) -> bool:
        return f"/resource/{resource}/download/" in answer.url and answer.status == 302

    with visitor.expect_response(is_the_file):
        visitor.goto(f"{link}?view_id={created['id']}")
    visitor.wait_for_load_state("networkidle")
    assert downloads(visitor, resource) == 0

    with visitor.expect_download():
        visitor.locator("a.resource-url-analytics").first.click()
    assert downloads(visitor, resource) == 1


def test_the_activity_stream_says_what_happened_to_files(publisher: Page) -> None:
    dataset, resource = publish(publisher, "<i>rivers.csv", b"1,2")
    call_action(publisher, "resource_delete", {"id": resource})

    publisher.goto(f"/dataset/activity/{dataset}")

    for kind, words in (
        ("uploaded-file-to-package", f"{PUBLISHER.full_name} uploaded the file"),
        ("deleted-file-of-package", f"{PUBLISHER.full_name} deleted the file"),
    ):
        line = publisher.locator(f"ul.activity li.{kind}")
        expect(line).to_contain_text(words)
        expect(line.locator(".dataset")).to_contain_text(dataset)
        expect(line.locator(".s3multipart-activity-file")).to_contain_text("rivers.csv")
