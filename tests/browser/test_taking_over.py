"""Files that were written with session credentials, in the form's box: those that the portal is still taking
over, which can be used as soon as it has, and those that it does not accept."""

import os
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
from axe_playwright_python.sync_playwright import Axe
from botocore.config import Config
from playwright.sync_api import Page, expect
from portal_pages import (
    announcer,
    call_action,
    download_sha256,
    leave_time_to_undo,
    open_new_resource,
    open_resource,
    persistent_link,
    save,
    sha256,
)
from random_files import random_file
from screens import OURS, SCREENS, bring_into_sight, stands_out
from unfinished_uploads import MIB, box
from waiting import wait_until

from s3portal.server.testing import RunningServer

Write = Callable[[Path], None]


@pytest.fixture
def write(publisher: Page, dataset: str) -> Write:
    """Writes a file as a program with session credentials for the dataset does."""
    granted = call_action(publisher, "s3multipart_credentials", {"owner": dataset})
    store = boto3.client(
        "s3",
        endpoint_url=granted["endpoint"],
        region_name=granted["region"],
        aws_access_key_id=granted["access_key_id"],
        aws_secret_access_key=granted["secret_access_key"],
        aws_session_token=granted["session_token"],
        config=Config(request_checksum_calculation="when_required"),
    )

    def put(file: Path) -> None:
        store.put_object(Bucket=granted["bucket"], Key=granted["prefix"] + file.name, Body=file.read_bytes())

    return put


def looks_right(page: Page, name: str, folder: Path) -> None:
    """Nothing stands out of any screen, and axe has nothing serious to say."""
    kept = Path(".test/screenshots") if os.environ.get("S3PORTAL_SCREENSHOTS") else folder
    kept.mkdir(parents=True, exist_ok=True)
    for screen, size in SCREENS.items():
        page.set_viewport_size(size)
        bring_into_sight(page)
        page.screenshot(path=kept / f"{name}-{screen}.png", animations="disabled")
        assert stands_out(page) == [], screen
    found = Axe().run(page, context=OURS).response["violations"]
    assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
    page.set_viewport_size(SCREENS["desktop"])


def test_a_file_can_be_used_as_soon_as_it_is_taken_over(
    publisher: Page, s3: RunningServer, dataset: str, write: Write, tmp_path: Path
) -> None:
    file = random_file(tmp_path / "gauges.csv", 2 * MIB)
    write(file)
    s3.faults.add("CopyObject", status=403)

    open_new_resource(publisher, dataset)
    expect(box(publisher)).to_contain_text("gauges.csv 2.1 MB, complete; the portal is taking it over")
    use = box(publisher).get_by_role("button", name="Use it in this form")
    expect(use).to_be_hidden()
    looks_right(publisher, "form-taking-over", tmp_path)
    s3.faults.clear()
    expect(use).to_be_visible(timeout=60_000)
    expect(announcer(publisher)).to_contain_text("gauges.csv can be used in this form now.")

    use.click()
    save(publisher)
    open_resource(publisher, "gauges.csv", dataset)
    assert download_sha256(publisher, persistent_link(publisher)) == sha256(file)


def test_what_is_not_accepted_says_why_and_can_be_given_up(
    publisher: Page, s3: RunningServer, dataset: str, write: Write, tmp_path: Path
) -> None:
    write(random_file(tmp_path / "gauges.csv", MIB))
    # As a store answers where the file is encrypted with a key that only its writer has.
    s3.faults.add("HeadObject", status=400)
    leave_time_to_undo(publisher)

    open_new_resource(publisher, dataset)
    expect(box(publisher)).to_contain_text("gauges.csv 1 MB, not accepted: The portal cannot read this file")
    expect(box(publisher).get_by_role("button", name="Discard")).to_be_visible()
    expect(box(publisher).get_by_role("button")).to_have_count(1)
    looks_right(publisher, "form-not-accepted", tmp_path)

    box(publisher).get_by_role("button", name="Discard").click()
    box(publisher).get_by_role("button", name="Undo").click()
    expect(box(publisher).get_by_role("button", name="Discard")).to_be_focused()
    box(publisher).get_by_role("button", name="Discard").click()
    publisher.goto("/about")

    # The call outlives the page that made it.
    wait_until(
        lambda: call_action(publisher, "s3multipart_upload_list", {"owner": dataset}) == [], "discarded"
    )
