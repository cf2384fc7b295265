"""The main job, as a publisher and a reader do it: form, upload, resource page, link, equal bytes."""

from pathlib import Path
from urllib.parse import urlsplit

from held_parts import AT_A_TIME, hold_parts
from playwright.sync_api import Page, Request, expect
from portal_pages import (
    choose_file,
    download_sha256,
    new_dataset,
    open_new_resource,
    persistent_link,
    save,
    sha256,
    wait_until_uploaded,
)

from s3portal.demo.portal import Portal
from s3portal.server.testing import RunningServer

PART_SIZE_BYTES = 5 * 1024 * 1024
PART_COUNT = 13
# A form, a page, a script: nothing that passes through the portal is as large as a hundredth of a part.
SMALL_BYTES = 50_000


def publish(page: Page, s3: RunningServer, file: Path, name: str) -> None:
    """Uploads the file on the form of a new resource, saves it and stays on the page that follows."""
    hold = hold_parts(s3)
    # A dataset of its own: elsewhere the file may have an unfinished upload, which would be resumed.
    open_new_resource(page, new_dataset(page))
    choose_file(page, file)
    page.fill('input[name="name"]', name)
    # So many at once, however slow the browser is, and however fast the store.
    hold.wait_for(AT_A_TIME)
    hold.release()
    wait_until_uploaded(page)
    save(page)
    page.get_by_role("link", name=name).first.click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()


def stored_parts(s3: RunningServer) -> list[int]:
    """The sizes of the parts that the store took, by part number."""
    taken = {
        r.part_number: r.bytes_in for r in s3.requests if r.operation == "UploadPart" and r.status == 200
    }
    return [taken[number] for number in sorted(taken)]


def test_a_publisher_uploads_a_big_file_and_the_link_gives_it_back(
    publisher: Page, portal: Portal, s3: RunningServer, big_file: Path
) -> None:
    to_the_portal: list[Request] = []
    publisher.on("request", lambda r: to_the_portal.append(r) if r.url.startswith(portal.url) else None)

    publish(publisher, s3, big_file, "Gauges of 2026")

    expect(publisher.locator(".resource-view, .module-content").first).to_be_visible()
    assert "67.1 MB" in publisher.content()
    assert "CSV" in publisher.content()
    assert download_sha256(publisher, persistent_link(publisher)) == sha256(big_file)

    puts = [record for record in s3.requests if record.operation == "UploadPart"]
    assert max(record.in_flight for record in puts) == AT_A_TIME
    assert stored_parts(s3) == [PART_SIZE_BYTES] * (PART_COUNT - 1) + [
        64 * 1024 * 1024 + 3 - 12 * PART_SIZE_BYTES
    ]
    bodies = [len(request.post_data_buffer or b"") for request in to_the_portal]
    assert max(bodies) < SMALL_BYTES, "a file's bytes went to the portal"


def test_every_fifth_part_refused_with_503_changes_nothing_for_the_publisher(
    publisher: Page, s3: RunningServer, big_file: Path
) -> None:
    s3.faults.add(operation="UploadPart", status=503, every=5)

    publish(publisher, s3, big_file, "Gauges, store busy")

    assert any(r.status == 503 for r in s3.requests if r.operation == "UploadPart")
    assert max(r.in_flight for r in s3.requests if r.operation == "UploadPart") == AT_A_TIME
    assert download_sha256(publisher, persistent_link(publisher)) == sha256(big_file)


def test_a_connection_cut_in_the_middle_of_a_part_changes_nothing_for_the_publisher(
    publisher: Page, s3: RunningServer, big_file: Path
) -> None:
    s3.faults.add(operation="UploadPart", cut_body_at=1_000_000, first=1)

    publish(publisher, s3, big_file, "Gauges, line cut")

    assert len([r for r in s3.requests if r.operation == "UploadPart"]) > PART_COUNT
    assert download_sha256(publisher, persistent_link(publisher)) == sha256(big_file)


def test_the_link_answers_with_a_redirect_that_no_one_may_keep(
    publisher: Page, portal: Portal, s3: RunningServer, big_file: Path
) -> None:
    publish(publisher, s3, big_file, "Gauges, redirect")

    answer = publisher.request.get(persistent_link(publisher), max_redirects=0)

    assert answer.status == 302
    assert {part.strip() for part in answer.headers["cache-control"].split(",")} == {"no-store", "private"}
    assert urlsplit(answer.headers["location"]).netloc == urlsplit(s3.endpoint).netloc
