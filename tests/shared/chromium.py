"""Chromium, driven by Playwright: the one that the environment names, the system's, or Playwright's own."""

import atexit
import functools
import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


# Patient, since a loaded machine is slow; a condition that holds is never waited for.
expect.set_options(timeout=30_000)


@functools.cache
def _playwright() -> Playwright:
    """The one Playwright that a process can have, for however many folders of tests use the fixture."""
    playwright = sync_playwright().start()
    atexit.register(playwright.stop)
    return playwright


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One Chromium for a folder of tests; each test makes a context (profile) of its own in it."""
    browser = launch_chromium()
    yield browser
    browser.close()


def launch_chromium(*flags: str) -> Browser:
    """One more Chromium, for what is a matter of its command line; to be closed."""
    path = os.environ.get("S3PORTAL_CHROMIUM") or shutil.which("chromium")
    return _playwright().chromium.launch(executable_path=path, args=[*_FLAGS, *flags])
