"""The preview of a PDF in real browsers: its pages are drawn where what is in it can do nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import open_context
from console_in_browser import BUCKET, client_of, serious_findings, sign_in
from console_in_browser import console as console  # a fixture
from firefox import Firefox as Firefox
from firefox import firefox as firefox  # a fixture
from pdf_files import hostile_pdf, jpeg_2000_pdf, locked_pdf, pdf_of
from playwright.sync_api import Browser, Frame, Page, expect
from test_console_in_chromium import SCREENS
from test_console_in_firefox import LOADED, complaints
from test_console_in_firefox import sign_in as sign_in_with_firefox

from s3portal.console.pdf_text import PAGES
from s3portal.console.serving import ConsoleFrontEnd
from s3portal.server.testing import RunningServer

#: Reserved, and asked for by nobody (RFC 2606).
ELSEWHERE = "http://elsewhere.example/taken"
#: How many of a page's pixels are dark, of each of its canvases.
DARK_PIXELS = """[...document.querySelectorAll("canvas")].map((canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let dark = 0;
  for (let at = 0; at < data.length; at += 4) if (data[at + 3] > 128 && data[at] < 128) dark++;
  return dark;
})"""
DRAWN = "!document.querySelector('[data-pages-are]').hidden"


@pytest.fixture
def said(page: Page) -> list[str]:
    """What the page's console says, of its frames too."""
    lines: list[str] = []
    page.on("console", lambda message: lines.append(f"{message.type}: {message.text}"))
    return lines


@pytest.fixture
def page(chromium: Browser, console: tuple[ConsoleFrontEnd, RunningServer]) -> Iterator[Page]:
    """The administrator's."""
    context = open_context(chromium, base_url=console[0].url.removesuffix("/ui"))
    page = context.new_page()
    sign_in(page, console[1])
    yield page
    context.close()


@pytest.fixture
def s3(console: tuple[ConsoleFrontEnd, RunningServer]) -> Any:
    return client_of(console[1])


def preview(page: Page, s3: Any, content: bytes) -> None:
    s3.put_object(Bucket=BUCKET, Key="levels.pdf", Body=content)
    page.goto(f"/ui/buckets/{BUCKET}/object/preview?key=levels.pdf")


def frame_of(page: Page) -> Frame:
    expect(page.locator("[data-pages-are]")).to_be_visible()
    (frame,) = page.frames[1:]
    return frame


@pytest.mark.parametrize("screen", SCREENS)
def test_the_pages_are_drawn(page: Page, s3: Any, said: list[str], screen: str) -> None:
    width, height, scheme = SCREENS[screen]
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)
    preview(page, s3, pdf_of(*(f"The level is {number} m" for number in range(1, 4))))
    frame = frame_of(page)
    assert frame.locator(".page").count() == 3
    assert frame.evaluate(DARK_PIXELS)[0] > 40
    assert frame.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if folder := os.environ.get("PDF_PICTURES"):
        page.screenshot(path=Path(folder) / f"pdf-{screen}.png", full_page=True)
    # The text is there for those who do not see pictures.
    page.get_by_text("Text of the first pages").click()
    expect(page.get_by_text("The level is 2 m")).to_be_visible()
    expect(page.get_by_text("This is its text alone.")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert serious_findings(page) == []
    assert [line for line in said if not line.startswith("info")] == []


def test_of_many_pages_the_first_are_drawn_when_they_come_into_sight(page: Page, s3: Any) -> None:
    preview(page, s3, pdf_of(*(f"page {number}" for number in range(PAGES + 2))))
    frame = frame_of(page)
    expect(frame.locator(".page")).to_have_count(PAGES)
    assert frame.locator("canvas").count() < PAGES
    frame.locator(".page").last.scroll_into_view_if_needed()
    expect(frame.locator(".page").last.locator("canvas")).to_have_count(1)


def test_pictures_of_scanned_pages_are_drawn_without_webassembly(
    page: Page, s3: Any, said: list[str]
) -> None:
    preview(page, s3, jpeg_2000_pdf())
    assert frame_of(page).evaluate(DARK_PIXELS)[0] > 100_000
    assert said == []


def test_the_frame_has_nothing_of_the_console(page: Page, s3: Any) -> None:
    preview(page, s3, pdf_of("The level is 4 m"))
    frame = frame_of(page)
    assert page.locator("iframe").get_attribute("sandbox") == "allow-scripts"
    assert frame.evaluate("origin") == "null"
    for reached in (
        "document.cookie",
        "localStorage.length",
        "parent.document.title",
        "parent.location.href",
    ):
        assert frame.evaluate(f"(() => {{ try {{ return {reached} }} catch {{ return 'refused' }} }})()") == (
            "refused"
        )
    store = page.locator("[data-pdf]").get_attribute("data-pdf")
    for url in (store, page.url, ELSEWHERE):
        asked = f"fetch({url!r}, {{mode: 'no-cors'}}).then(() => 'answered', () => 'refused')"
        assert frame.evaluate(asked) == "refused"
    assert frame.evaluate("open('about:blank')") is None


def test_opened_by_its_address_the_frame_has_nothing_either(page: Page) -> None:
    page.goto("/ui/pdf-frame")
    assert page.evaluate("origin") == "null"


def test_what_a_pdf_wants_to_do_is_not_done(page: Page, s3: Any) -> None:
    """A dialog would fail the test."""
    asked, opened = [], []
    page.context.on("request", lambda request: asked.append(request.url))
    page.context.on("page", lambda popup: opened.append(popup.url))
    preview(page, s3, hostile_pdf(ELSEWHERE))
    frame = frame_of(page)
    frame.locator("canvas").click()
    frame.locator("canvas").click(position={"x": 5, "y": 5})
    page.wait_for_load_state("networkidle")
    assert frame.evaluate(DARK_PIXELS)[0] > 40
    assert frame.locator("a, form, input, button, img").count() == 0
    assert [url for url in asked if ELSEWHERE in url] == [] and opened == []
    assert page.url.endswith("key=levels.pdf") and frame.url.endswith("/pdf-frame")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"<script>alert(1)</script>", "the file is damaged, or is no PDF"),
        (b"%PDF-1.4\n%%EOF", "the file is damaged, or is no PDF"),
        (locked_pdf(), "protected by a password"),
    ],
    ids=["no PDF", "empty", "locked"],
)
def test_what_cannot_be_drawn_is_said(page: Page, s3: Any, content: bytes, sentence: str) -> None:
    preview(page, s3, content)
    expect(page.locator("[data-pdf] [role=status]")).to_contain_text(sentence)
    expect(page.get_by_role("link", name="Open in a new tab")).to_be_visible()


def test_a_file_that_the_store_does_not_send_is_said(page: Page, s3: Any) -> None:
    page.route("**/levels.pdf?*", lambda route: route.fulfill(status=403))
    preview(page, s3, pdf_of("The level is 4 m"))
    expect(page.locator("[data-pdf] [role=status]")).to_contain_text("The store did not send the file.")
    expect(page.get_by_text("The level is 4 m")).to_be_visible()


def test_without_scripts_there_is_the_text(
    chromium: Browser, console: tuple[ConsoleFrontEnd, RunningServer], s3: Any
) -> None:
    context = open_context(chromium, base_url=console[0].url.removesuffix("/ui"), java_script_enabled=False)
    page = context.new_page()
    sign_in(page, console[1])
    preview(page, s3, pdf_of("The level is 4 m"))
    expect(page.get_by_text("The level is 4 m")).to_be_visible()
    expect(page.get_by_text("This is its text alone.")).to_be_visible()
    assert page.locator("iframe").count() == 0
    context.close()


def test_firefox_draws_the_pages_too(
    firefox: Firefox, console: tuple[ConsoleFrontEnd, RunningServer]
) -> None:
    front_end, server = console
    client_of(server).put_object(Bucket=BUCKET, Key="levels.pdf", Body=hostile_pdf(ELSEWHERE))
    sign_in_with_firefox(firefox, front_end, server)
    firefox.open(f"{front_end.url}/buckets/{BUCKET}/object/preview?key=levels.pdf")
    firefox.wait_for(f"{LOADED} && ({DRAWN} || document.querySelector('[role=status]')?.textContent)")
    assert firefox.run(DRAWN), firefox.run("document.querySelector('[role=status]').textContent")
    frames = firefox.command("browsingContext.getTree")["contexts"][0]["children"]
    assert [frame["url"] for frame in frames] == [f"{front_end.url}/pdf-frame"]
    dark = firefox.command(
        "script.evaluate",
        expression=f"JSON.stringify({DARK_PIXELS})",
        target={"context": frames[0]["context"]},
        awaitPromise=False,
    )
    assert int(dark["result"]["value"].strip("[]")) > 40
    assert complaints(firefox) == []
