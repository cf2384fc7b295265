"""What else a publisher meets on the form: saving early, taking it back, cancelling, leaving, no scripts."""

from collections.abc import Callable
from pathlib import Path

import pytest
from dialogs import expected_dialog
from held_parts import hold_parts
from playwright.sync_api import BrowserContext, Page, StorageState, expect
from portal_pages import (
    call_action,
    choose_file,
    download_sha256,
    drop_files,
    log_in,
    open_new_resource,
    persistent_link,
    save,
    saving_line,
    sha256,
    uploader,
    wait_until_uploaded,
)
from random_files import random_file

from s3portal.demo.people import ADMIN, PUBLISHER, Person
from s3portal.demo.portal import Portal
from s3portal.server.testing import RunningServer

MIB = 1024 * 1024


@pytest.fixture
def small_file(tmp_path: Path) -> Path:
    """Three parts and a bit."""
    return random_file(tmp_path / "stations.csv", 16 * MIB)


def hear_announcements(page: Page) -> None:
    """Listens to what screen readers are told from here on: ``window.heard``, with the page's own time."""
    page.evaluate(
        """() => {
             const region = document.querySelector('[data-s3portal="announcer"]');
             window.heard = [];
             const hear = () => window.heard.push({text: region.textContent, atMs: performance.now()});
             new MutationObserver(hear).observe(region, {childList: true});
           }"""
    )


def operations(s3: RunningServer) -> list[str]:
    """What the store was asked to do, in order."""
    return [record.operation for record in s3.requests]


def test_saving_waits_for_the_upload_and_then_continues_automatically(
    publisher: Page, s3: RunningServer, dataset: str, small_file: Path
) -> None:
    hold = hold_parts(s3)
    open_new_resource(publisher, dataset)
    choose_file(publisher, small_file)
    publisher.fill('input[name="name"]', "Stations, saved early")

    save(publisher)

    expect(saving_line(publisher)).to_contain_text("Saving when the upload is done")
    hold.release()
    publisher.get_by_role("link", name="Stations, saved early").first.click()
    assert download_sha256(publisher, persistent_link(publisher)) == sha256(small_file)


def test_saving_can_be_taken_back_and_the_answer_is_not_drowned_by_progress(
    publisher: Page, s3: RunningServer, dataset: str, small_file: Path
) -> None:
    hold = hold_parts(s3)
    open_new_resource(publisher, dataset)
    choose_file(publisher, small_file)
    save(publisher)
    hear_announcements(publisher)

    publisher.get_by_role("button", name="Do not save yet").click()
    publisher.wait_for_function("window.heard.some(({text}) => text.startsWith('Not saving'))")
    hold.release()

    wait_until_uploaded(publisher)
    heard = publisher.evaluate("window.heard")
    [answered_at] = [
        said["atMs"] for said in heard if said["text"] == "Not saving yet. The upload continues."
    ]
    # By the page's own clock, so that it does not matter how fast the machine is.
    steps = [said["atMs"] - answered_at for said in heard if "%" in said["text"]]
    assert not [after for after in steps if 0 < after < 4_900], heard
    expect(uploader(publisher)).to_be_visible()
    assert publisher.url.endswith("/resource/new")


def test_name_and_format_are_suggested_and_stay_the_publishers_own(
    publisher: Page, s3: RunningServer, dataset: str, small_file: Path
) -> None:
    open_new_resource(publisher, dataset)

    choose_file(publisher, small_file)
    wait_until_uploaded(publisher)

    assert publisher.input_value('input[name="name"]') == "stations.csv"
    assert publisher.input_value('input[name="format"]') == "CSV"


def test_cancelling_leaves_nothing_at_the_store(
    publisher: Page, s3: RunningServer, dataset: str, small_file: Path
) -> None:
    hold = hold_parts(s3)
    open_new_resource(publisher, dataset)
    choose_file(publisher, small_file)
    hold.wait_for(1)

    with publisher.expect_response(lambda answer: "upload_abort" in answer.url) as aborted:
        publisher.get_by_role("button", name="Cancel").click()

    assert aborted.value.ok
    assert "AbortMultipartUpload" in operations(s3)
    assert "CompleteMultipartUpload" not in operations(s3)


def test_leaving_the_page_asks_first_while_a_file_is_uploading(
    publisher: Page, s3: RunningServer, dataset: str, small_file: Path
) -> None:
    hold = hold_parts(s3)
    open_new_resource(publisher, dataset)
    choose_file(publisher, small_file)
    hold.wait_for(1)
    # Browsers ask only where the visitor has done something on the page.
    publisher.fill('input[name="name"]', "Going away")

    with expected_dialog(publisher, accept=False) as asked:
        publisher.close(run_before_unload=True)

    assert asked == ["beforeunload"]


def test_who_was_logged_out_logs_in_in_another_tab_and_loses_nothing(
    publisher: Page, portal: Portal, s3: RunningServer, dataset: str, small_file: Path
) -> None:
    hold = hold_parts(s3)
    open_new_resource(publisher, dataset)
    choose_file(publisher, small_file)
    publisher.fill('input[name="name"]', "Stations, logged out")
    hold.wait_for(1)
    publisher.context.clear_cookies()

    hold.release()
    expect(
        publisher.get_by_role("alert").filter(has_text="log in again in another tab").first
    ).to_be_visible()
    log_in(publisher.context.new_page(), PUBLISHER.name, PUBLISHER.password(portal.secrets))
    publisher.get_by_role("button", name="Try again").click()
    wait_until_uploaded(publisher)
    save(publisher)

    publisher.get_by_role("link", name="Stations, logged out").first.click()
    assert download_sha256(publisher, persistent_link(publisher)) == sha256(small_file)


def test_replacing_a_file_keeps_the_link_and_serves_the_new_bytes(
    publisher: Page, s3: RunningServer, dataset: str, small_file: Path, tmp_path: Path
) -> None:
    open_new_resource(publisher, dataset)
    choose_file(publisher, small_file)
    publisher.fill('input[name="name"]', "Stations, replaced")
    wait_until_uploaded(publisher)
    save(publisher)
    publisher.get_by_role("link", name="Stations, replaced").first.click()
    expect(publisher.get_by_role("heading", name="Stations, replaced")).to_be_visible()
    link = persistent_link(publisher)
    newer = random_file(tmp_path / "stations-2.csv", 6 * MIB)

    publisher.goto(f"{publisher.url}/edit")
    expect(uploader(publisher)).to_be_visible()
    choose_file(publisher, newer)
    wait_until_uploaded(publisher)
    publisher.locator('#resource-edit button[name="save"]').last.click()
    publisher.wait_for_url("**/resource/*")

    fetched = publisher.request.get(link)
    assert fetched.body() == newer.read_bytes()


def test_the_file_that_is_replaced_is_called_as_its_publisher_called_it(
    publisher: Page, s3: RunningServer, dataset: str
) -> None:
    open_new_resource(publisher, dataset)
    drop_files(publisher, {"😀 emoji файл.txt": "smile\n"})
    wait_until_uploaded(publisher)
    assert publisher.input_value('input[name="name"]') == "😀 emoji файл.txt"
    assert publisher.input_value('input[name="format"]') == "TXT"
    save(publisher)
    publisher.wait_for_url(f"**/dataset/{dataset}")
    [resource] = call_action(publisher, "package_show", {"id": dataset})["resources"]

    publisher.goto(f"/dataset/{dataset}/resource/{resource['id']}/edit")
    drop_files(publisher, {"другой.txt": "other\n"})

    expect(publisher.locator('[data-s3portal="replaces"]')).to_have_text(
        "Replaces 😀 emoji файл.txt when you save this form."
    )
    # Else its requests were among those of the next test.
    wait_until_uploaded(publisher)


def test_without_javascript_ckans_own_upload_works(
    new_context: Callable[..., BrowserContext],
    cookies_of: Callable[[Person], StorageState],
    tmp_path: Path,
    s3: RunningServer,
) -> None:
    page = new_context(java_script_enabled=False, storage_state=cookies_of(PUBLISHER)).new_page()
    plain = tmp_path / "plain.txt"
    plain.write_text("through CKAN, as ever")

    page.goto("/dataset/rivers/resource/new")
    expect(uploader(page)).to_be_hidden()
    page.set_input_files("#field-resource-upload", plain)
    page.fill('input[name="name"]', "Plain upload")
    save(page)
    page.get_by_role("link", name="Plain upload").first.click()

    fetched = page.request.get(persistent_link(page))
    assert fetched.text() == "through CKAN, as ever"
    assert operations(s3) == []


def test_outside_the_enabled_organisations_there_is_ckans_own_upload_only(
    page_of: Callable[[Person], Page],
) -> None:
    page = page_of(ADMIN)
    call_action(page, "organization_create", {"name": "not-enabled"})
    call_action(page, "package_create", {"name": "elsewhere", "owner_org": "not-enabled"})

    page.goto("/dataset/elsewhere/resource/new")

    expect(page.locator("#resource-upload-button, #field-resource-upload").first).to_be_visible()
    expect(uploader(page)).to_have_count(0)
