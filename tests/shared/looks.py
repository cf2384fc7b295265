"""Whether a page looks right: on every screen nothing stands out, and axe has nothing serious to say.

With S3PORTAL_SCREENSHOTS=1 every picture goes to .test/screenshots, and those that the docs show to
docs/screenshots.
"""

import os
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from screens import OURS, SCREENS, bring_into_sight, stands_out

_SERIOUS = ("serious", "critical")
_SHOWN_IN_DOCS = {"versions-desktop", "downloads-organization-desktop"}


def looks_right(page: Page, selector: str, name: str, folder: Path) -> None:
    """Looks at what ``selector`` finds on the page, on a desktop and on a phone."""
    is_kept = bool(os.environ.get("S3PORTAL_SCREENSHOTS"))
    kept = Path(".test/screenshots") if is_kept else folder
    kept.mkdir(parents=True, exist_ok=True)
    page.wait_for_load_state("networkidle")
    for screen, size in SCREENS.items():
        page.set_viewport_size(size)
        bring_into_sight(page, selector)
        picture = page.screenshot(path=kept / f"{name}-{screen}.png", animations="disabled")
        if is_kept and f"{name}-{screen}" in _SHOWN_IN_DOCS:
            Path("docs/screenshots", f"{name}-{screen}.png").write_bytes(picture)
        assert stands_out(page) == [], screen
    found = Axe().run(page, context=OURS).response["violations"]
    assert [
        f"{each['id']}: {node['html'][:120]}"
        for each in found
        if each["impact"] in _SERIOUS
        for node in each["nodes"]
    ] == []
    page.set_viewport_size(SCREENS["desktop"])
