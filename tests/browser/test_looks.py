"""How the pages look and read, in every state of the field, on a desktop and on a phone: nothing stands out
of the screen, and axe has nothing serious to say.

With S3PORTAL_SCREENSHOTS=1 every picture goes to .test/screenshots, and those that the docs show to
docs/screenshots.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from dialogs import expected_dialog
from held_parts import AT_A_TIME, hold_parts, lose_parts
from playwright.sync_api import Page, expect
from portal_pages import (
    call_action,
    choose_file,
    choose_files,
    leave_time_to_undo,
    new_dataset,
    open_new_resource,
    open_resource,
    save,
    saving_line,
    status,
    wait_until_uploaded,
)
from random_files import random_file
from screens import OURS, SCREENS, bring_into_sight, stands_out
from slow_line import slow_line

from s3portal.portal.web import web_folder
from s3portal.server.testing import RunningServer

MIB = 1024 * 1024
SHOWN_IN_DOCS = {
    "form-uploading-desktop",
    "form-several-desktop",
    "form-unfinished-desktop",
    "resource-desktop",
}
SERIOUS = ("serious", "critical")

Look = Callable[[str], None]


@pytest.fixture
def page(publisher: Page) -> Page:
    """The publisher's page; no time is taken for pictures that move."""
    publisher.set_viewport_size(SCREENS["desktop"])
    leave_time_to_undo(publisher)
    return publisher


@pytest.fixture
def look(page: Page, tmp_path: Path) -> Look:
    """Looks at the page as it is now, on every screen, and checks what holds for every state."""
    is_kept = bool(os.environ.get("S3PORTAL_SCREENSHOTS"))
    everything = Path(".test/screenshots") if is_kept else tmp_path

    def take(name: str) -> None:
        # Icons and copy buttons come with late styles and scripts.
        page.wait_for_load_state("networkidle")
        page.evaluate("document.activeElement.blur()")
        for screen, size in SCREENS.items():
            page.set_viewport_size(size)
            bring_into_sight(page)
            picture = page.screenshot(animations="disabled")
            for folder in [everything, *_docs(is_kept, f"{name}-{screen}")]:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f"{name}-{screen}.png").write_bytes(picture)
            assert stands_out(page) == [], screen
        assert findings(page) == []
        page.set_viewport_size(SCREENS["desktop"])

    return take


def _docs(is_kept: bool, name: str) -> list[Path]:
    return [Path("docs/screenshots")] if is_kept and name in SHOWN_IN_DOCS else []


def findings(page: Page) -> list[str]:
    """Serious accessibility findings about what is ours."""
    results = Axe().run(page, context=OURS)
    return [
        f"{violation['id']}: {node['html'][:120]} {node.get('failureSummary', '')}"
        for violation in results.response["violations"]
        if violation["impact"] in SERIOUS
        for node in violation["nodes"]
    ]


def test_one_file_from_the_empty_form_to_the_resource_page(
    page: Page, look: Look, s3: RunningServer, tmp_path: Path
) -> None:
    file = random_file(tmp_path / "river-gauges-2026.csv", 90 * MIB)
    dataset = new_dataset(page)
    open_new_resource(page, dataset)
    look("form-empty")

    # More than what is given up without a question, and the rest when all has been looked at.
    hold = hold_parts(s3, after=10)
    with slow_line(page, 2 * MIB):
        choose_file(page, file)
        page.fill('textarea[name="description"]', "Water levels of all gauges, hourly")
        expect(status(page)).to_contain_text(re.compile("/s .* left"))
        look("form-uploading")
    hold.wait_for(AT_A_TIME)
    expect(status(page)).to_contain_text("Waiting for the storage")
    look("form-waiting")

    page.context.set_offline(True)
    expect(status(page)).to_contain_text("Connection lost")
    look("form-offline")
    page.context.set_offline(False)
    expect(status(page)).to_contain_text("Waiting for the storage")

    save(page)
    expect(saving_line(page)).to_contain_text("Saving when the upload is done")
    look("form-saving")
    page.get_by_role("button", name="Pause").click()
    expect(saving_line(page)).to_contain_text("the upload is paused")
    look("form-paused")

    page.get_by_role("button", name="Do not save yet").click()
    page.get_by_role("button", name="Cancel").click()
    look("form-given-up")
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Resume").click()
    s3.faults.clear()
    wait_until_uploaded(page)
    look("form-uploaded")

    save(page)
    open_resource(page, file.name, dataset)
    look("resource")


def test_several_files_one_of_which_the_store_refuses(
    page: Page, look: Look, s3: RunningServer, tmp_path: Path
) -> None:
    sizes = {"stations.geojson": 2 * MIB, "gauges-2026.csv": 60 * MIB, "levels in the delta.nc": 40 * MIB}
    open_new_resource(page, new_dataset(page))
    first, *others = [random_file(tmp_path / name, size) for name, size in sizes.items()]
    choose_file(page, first)
    wait_until_uploaded(page)
    hold = hold_parts(s3, after=8)
    choose_files(page, others)
    hold.wait_for(AT_A_TIME)
    look("form-several")

    s3.faults.add(operation="UploadPart", status=403)
    hold.release()
    expect(
        page.get_by_role("alert").filter(has_text="the problem is in the portal's settings").first
    ).to_be_visible()
    look("form-failed")


def test_unfinished_uploads_and_a_wrong_file(
    page: Page, look: Look, s3: RunningServer, tmp_path: Path
) -> None:
    dataset = new_dataset(page)
    open_new_resource(page, dataset)
    choose_file(page, random_file(tmp_path / "stations.geojson", 2 * MIB))
    wait_until_uploaded(page)
    hold = hold_parts(s3, after=5)
    choose_file(page, random_file(tmp_path / "river-gauges-2026.csv", 50 * MIB))
    hold.wait_for(AT_A_TIME)
    page.get_by_role("button", name="Pause").click()
    lose_parts(s3, hold)
    with expected_dialog(page, accept=True):
        page.reload()
    box = page.locator('[data-s3portal="unfinished"]')
    expect(box).to_contain_text("You have unfinished uploads here:")
    expect(box).to_contain_text("river-gauges-2026.csv")
    look("form-unfinished")

    (tmp_path / "other").mkdir()
    with page.expect_file_chooser() as chooser:
        box.get_by_role("button", name="Choose the file to resume").click()
    chooser.value.set_files(random_file(tmp_path / "other" / "river-gauges-2026.csv", 20 * MIB))
    expect(box.get_by_role("alert").filter(has_text=re.compile("a different file"))).to_be_visible()
    look("form-wrong-file")
    for name in ("Discard", "Discard"):
        box.get_by_role("button", name=name).first.click()
    look("form-discarded")


def test_a_long_name_fits_in(page: Page, look: Look, s3: RunningServer, dataset: str, tmp_path: Path) -> None:
    open_new_resource(page, dataset)
    choose_file(page, random_file(tmp_path / f"{'x' * 195}.csv", 10))
    wait_until_uploaded(page)
    look("form-long-name")

    save(page)
    page.wait_for_url(f"**/dataset/{dataset}")
    [resource] = call_action(page, "package_show", {"id": dataset})["resources"]
    page.goto(f"/dataset/{dataset}/resource/{resource['id']}")
    look("resource-long-name")


def test_the_style_has_no_colour_of_its_own_so_that_every_theme_fits() -> None:
    style = (web_folder("js") / "uploader.css").read_text("utf-8")

    assert re.findall(r"#[0-9a-f]{3,8}\b|\b(?:rgb|hsl|lab|oklch)a?\(", style) == []
