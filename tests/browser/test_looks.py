"""How the pages look and read: no sideways scrolling, no accessibility finding, and the screenshots of docs/.

With S3PORTAL_SCREENSHOTS=1 they are written to docs/screenshots, else to a temporary folder.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect
from portal_pages import (
    choose_file,
    log_in,
    new_dataset,
    open_new_resource,
    save,
    saving_line,
    wait_until_uploaded,
)
from random_files import random_file

from s3portal.demo.people import PUBLISHER
from s3portal.demo.portal import Portal
from s3portal.server.testing import RunningServer

SCREENS = {"desktop": {"width": 1280, "height": 1000}, "phone": {"width": 390, "height": 844}}
SERIOUS = ("serious", "critical")


@pytest.fixture(params=sorted(SCREENS))
def screen(request: pytest.FixtureRequest) -> str:
    """Which screen the page is shown on."""
    return str(request.param)


@pytest.fixture
def page(screen: str, new_context: Callable[..., BrowserContext], portal: Portal) -> Page:
    """The publisher's page on that screen."""
    page = new_context(viewport=SCREENS[screen]).new_page()
    log_in(page, PUBLISHER.name, PUBLISHER.password(portal.secrets))
    return page


@pytest.fixture
def look(page: Page, screen: str, tmp_path: Path) -> Callable[[str], None]:
    """Takes a screenshot by name, and checks what holds for every page."""
    folder = Path("docs/screenshots") if os.environ.get("S3PORTAL_SCREENSHOTS") else tmp_path
    folder.mkdir(exist_ok=True)

    def take(name: str) -> None:
        # Icons and copy buttons come with late styles and scripts.
        page.wait_for_load_state("networkidle")
        page.evaluate("document.activeElement.blur()")
        page.screenshot(path=folder / f"{name}-{screen}.png")
        assert sideways(page) == []
        assert findings(page) == []

    return take


def sideways(page: Page) -> list[str]:
    """What of ours stands out of the screen to the right. (CKAN's own hidden menus do on a phone.)"""
    return list(
        page.evaluate(
            """() => [...document.querySelectorAll(".s3portal-uploader *, .s3multipart-file *")]
                 .filter((element) => element.getBoundingClientRect().right > window.innerWidth)
                 .map((element) => element.outerHTML.slice(0, 120))"""
        )
    )


def findings(page: Page) -> list[str]:
    """Serious accessibility findings about what is ours."""
    results = Axe().run(page, context=".s3portal-uploader, .s3multipart-file")
    return [
        f"{violation['id']}: {node['html'][:120]}"
        for violation in results.response["violations"]
        if violation["impact"] in SERIOUS
        for node in violation["nodes"]
    ]


def test_the_form_and_the_resource_page(
    page: Page, look: Callable[[str], None], screen: str, s3: RunningServer, tmp_path: Path
) -> None:
    name = f"River gauges {screen}"
    file = random_file(tmp_path / "river-gauges-2026.csv", 96 * 1024 * 1024)
    open_new_resource(page, new_dataset(page))
    page.locator(".s3portal-uploader").scroll_into_view_if_needed()
    look("form-before")

    s3.faults.add(operation="UploadPart", delay_s=0.5)
    choose_file(page, file)
    page.fill('input[name="name"]', name)
    progress = page.locator("progress").first
    expect(progress).to_be_visible()
    page.wait_for_function("document.querySelector('.s3portal-uploader progress')?.value > 0.3")
    look("form-uploading")

    save(page)
    expect(saving_line(page)).to_contain_text("Saving when the upload is done")
    look("form-saving")
    page.get_by_role("button", name="Do not save yet").click()
    wait_until_uploaded(page)
    look("form-uploaded")

    save(page)
    page.get_by_role("link", name=name).first.click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    page.locator(".s3multipart-file").scroll_into_view_if_needed()
    look("resource")


def test_a_refusal_is_a_sentence(
    page: Page, look: Callable[[str], None], s3: RunningServer, tmp_path: Path
) -> None:
    s3.faults.add(operation="UploadPart", status=403)
    open_new_resource(page, new_dataset(page))

    choose_file(page, random_file(tmp_path / "stations.csv", 1024))

    expect(page.get_by_role("alert").filter(has_text="does not accept this file")).to_be_visible()
    look("form-failed")
