"""A line to the store on which bytes move all the time, and not too fast to be looked at."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page

UNLIMITED = -1


@contextmanager
def slow_line(page: Page, bytes_per_s: int) -> Iterator[None]:
    """What the page sends within it goes at that speed, by Chromium's own throttle."""
    session = page.context.new_cdp_session(page)
    conditions = {"offline": False, "latency": 0, "downloadThroughput": UNLIMITED}
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", {**conditions, "uploadThroughput": bytes_per_s})
    yield
    session.send("Network.emulateNetworkConditions", {**conditions, "uploadThroughput": UNLIMITED})
    session.detach()
