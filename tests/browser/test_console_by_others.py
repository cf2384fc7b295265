"""The console in Chromium by who is not its administrator: a user of one bucket, and a stranger."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from chromium import open_context
from console_in_browser import BUCKET, serious_findings, sign_in
from console_in_browser import console as console  # a fixture
from playwright.sync_api import Browser, BrowserContext, Page, expect
from test_console_in_chromium import PAGES, SCREENS

from s3portal.console.serving import ConsoleFrontEnd
from s3portal.server.testing import RunningServer

NEXT = "document.activeElement"


@pytest.fixture(params=SCREENS)
def context(
    chromium: Browser, console: tuple[ConsoleFrontEnd, RunningServer], request: pytest.FixtureRequest
) -> Iterator[BrowserContext]:
    width, height, scheme = SCREENS[request.param]
    context = open_context(
        chromium,
        base_url=console[0].url.removesuffix("/ui"),
        viewport={"width": width, "height": height},
        color_scheme=scheme,
    )
    yield context
    context.close()


@pytest.fixture
def limited(context: BrowserContext, console: tuple[ConsoleFrontEnd, RunningServer]) -> Page:
    """A page of a user who may do everything with one bucket, and nothing else."""
    page = context.new_page()
    sign_in(page, console[1], "portal")
    return page


@pytest.fixture
def stranger(context: BrowserContext) -> Page:
    return context.new_page()


def looks_right(page: Page) -> bool:
    """Whether nothing stands out of the screen and axe has nothing serious to say."""
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{page.url} is too wide"
    assert serious_findings(page) == [], page.url
    return True


def press_until(page: Page, words: str) -> None:
    """Tabs to what is called so."""
    for _ in range(60):
        page.keyboard.press("Tab")
        called = page.evaluate(f"{NEXT}.labels?.[0]?.innerText ?? {NEXT}.innerText ?? ''")
        if called.strip() == words:
            return
    pytest.fail(f"no key leads to {words!r}")


def test_every_page_as_a_limited_user(limited: Page) -> None:
    refused = []
    for path in PAGES:
        answer = limited.goto(path)
        assert answer is not None and answer.status < 500, path
        if answer.status == 403:
            refused.append(path)
            expect(limited.get_by_role("heading", level=1)).to_have_text("You may not do this")
        assert looks_right(limited)
    assert "/ui/server/audit" in refused and "/ui/people/users" in refused
    assert not [path for path in refused if f"/{BUCKET}/" in path and "replication" not in path]


def test_menus_lead_a_limited_user_to_pages_that_open(limited: Page) -> None:
    limited.goto(f"/ui/buckets/{BUCKET}/objects")
    links = limited.locator("nav[aria-label=Main] a, nav.tabs a")
    for url in links.evaluate_all("links => links.map(link => link.href)"):
        answer = limited.goto(url)
        assert answer is not None and answer.status == 200, url
    expect(limited.get_by_role("link", name="Encryption keys")).to_have_count(0)


def test_a_limited_user_needs_no_mouse(limited: Page) -> None:
    limited.goto("/ui/buckets")
    press_until(limited, "Name of a bucket")
    limited.keyboard.type(BUCKET)
    limited.keyboard.press("Enter")
    limited.wait_for_url(f"**/buckets/{BUCKET}/objects")
    press_until(limited, "stations.csv")
    limited.keyboard.press("Enter")
    limited.wait_for_url("**/object?key=stations.csv")
    limited.go_back()
    press_until(limited, "Names that begin with")
    limited.keyboard.type("2026")
    limited.keyboard.press("Enter")
    expect(limited.get_by_role("link", name="2026/", exact=True)).to_be_visible()
    expect(limited.get_by_role("link", name="stations.csv")).to_have_count(0)


def test_every_page_as_a_stranger_is_the_form(stranger: Page) -> None:
    for path in PAGES:
        answer = stranger.goto(path)
        assert answer is not None
        if path == "/ui/no-such-page":
            assert answer.status == 404
        else:
            assert "/ui/sign-in" in stranger.url, path
        if path in ("/ui/no-such-page", "/ui/buckets"):
            assert looks_right(stranger)


def test_a_stranger_needs_no_mouse_to_be_somebody(
    stranger: Page, console: tuple[ConsoleFrontEnd, RunningServer]
) -> None:
    user = console[1].users["portal"]
    stranger.goto("/ui/sign-in")
    # The first field has the focus, as soon as the page is drawn.
    expect(stranger.get_by_label("Access key ID")).to_be_focused()
    stranger.keyboard.type(user.access_key_id)
    press_until(stranger, "Secret access key")
    stranger.keyboard.type(user.secret_access_key)
    stranger.keyboard.press("Enter")
    stranger.wait_for_url("**/ui/buckets")


def test_what_is_refused_expired_or_too_old_is_a_page_for_everybody(
    stranger: Page, console: tuple[ConsoleFrontEnd, RunningServer]
) -> None:
    stranger.goto("/ui/sign-in")
    stranger.get_by_label("Access key ID").fill("no-such-key")
    stranger.get_by_label("Secret access key").fill("x")
    stranger.get_by_role("button", name="Sign in").click()
    expect(stranger.get_by_role("alert")).to_contain_text("do not belong together")
    assert looks_right(stranger)
    stranger.evaluate("document.querySelector('[name=csrf_token]').value = 'of-another-day'")
    stranger.get_by_label("Access key ID").fill("no-such-key")
    stranger.get_by_label("Secret access key").fill("x")
    stranger.get_by_role("button", name="Sign in").click()
    expect(stranger.get_by_text("This page is too old.")).to_be_visible()
    assert looks_right(stranger)
    # Their session ends while they read.
    sign_in(stranger, console[1], "portal")
    other = stranger.context.new_page()
    other.goto("/ui/buckets")
    other.locator("details.account summary").click()
    other.get_by_role("button", name="Sign out", exact=True).click()
    expect(other.get_by_text("You are signed out.")).to_be_visible()
    assert looks_right(other)
    stranger.goto(f"/ui/buckets/{BUCKET}/objects")
    expect(stranger.get_by_role("heading", level=1)).to_have_text("Sign in")
