"""Chromium, driven by Playwright: the one that the environment names, the system's, or Playwright's own."""

import atexit
import functools
import os
import shutil
import warnings
from collections.abc import Iterator
from typing import Any, cast

import pytest
from dialogs import require_no_unexpected_dialog, watch_dialogs
from playwright.sync_api import Browser, BrowserContext, Playwright, expect, sync_playwright

_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


#: For every page and everything that is waited for on it. A loaded machine is slow, and a condition that
#: holds is never waited for.
PATIENCE_MS = 120_000

expect.set_options(timeout=PATIENCE_MS)


@functools.cache
def _playwright() -> Playwright:
    """The one Playwright that a process can have, for however many folders of tests use the fixture."""
    playwright = sync_playwright().start()
    atexit.register(playwright.stop)
    return playwright


class _Relaunched:
    """Makes contexts as a Browser does. A Chromium that crashed is replaced, so that it fails one test."""

    def __init__(self) -> None:
        self._browser = launch_chromium()

    def new_context(self, **options: Any) -> BrowserContext:
        if not self._browser.is_connected():
            warnings.warn("Chromium crashed, and is launched again", stacklevel=2)
            self._browser = launch_chromium()
        return self._browser.new_context(**options)

    def close(self) -> None:
        self._browser.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One Chromium for a folder of tests; each test makes a context (profile) of its own in it."""
    running = _Relaunched()
    yield cast(Browser, running)
    running.close()


@pytest.fixture(autouse=True)
def no_unexpected_dialog() -> Iterator[None]:
    """Fails every test in which a page asks something that the test does not expect."""
    yield
    require_no_unexpected_dialog()


def launch_chromium(*flags: str) -> Browser:
    """One more Chromium, for what is a matter of its command line; to be closed."""
    path = os.environ.get("S3PORTAL_CHROMIUM") or shutil.which("chromium")
    return _playwright().chromium.launch(executable_path=path, args=[*_FLAGS, *flags], timeout=PATIENCE_MS)


def open_context(browser: Browser, **options: Any) -> BrowserContext:
    """A new profile, whose pages are patient and open no dialog unnoticed; to be closed."""
    context = browser.new_context(**options)
    watch_dialogs(context)
    context.set_default_timeout(PATIENCE_MS)
    return context
