"""How a page of ours looks, on a desktop and on a phone, and to assistive programs."""

import os
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from screens import OURS, SCREENS, bring_into_sight, stands_out


def looks_right(page: Page, name: str, folder: Path, shown: str) -> None:
    """Nothing stands out of any screen, and axe has nothing serious to say. Pictures with what is ``shown``
    go to the folder, or with S3PORTAL_SCREENSHOTS=1 to .test/screenshots."""
    kept = Path(".test/screenshots") if os.environ.get("S3PORTAL_SCREENSHOTS") else folder
    kept.mkdir(parents=True, exist_ok=True)
    page.wait_for_load_state("networkidle")
    for screen, size in SCREENS.items():
        page.set_viewport_size(size)
        bring_into_sight(page, shown)
        page.screenshot(path=kept / f"{name}-{screen}.png", animations="disabled")
        assert stands_out(page) == [], screen
    found = Axe().run(page, context=OURS).response["violations"]
    assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
    page.set_viewport_size(SCREENS["desktop"])
