"""What is ours of a page, on a desktop and on a phone: brought into sight, and whether it fits."""

from playwright.sync_api import Page, ViewportSize

OURS = (
    ".s3portal-uploader, .s3portal-saving, .s3multipart-file, .s3multipart-uploads, .s3multipart-pages,"
    " .s3multipart-downloads, .s3multipart-days, .s3multipart-top"
)
SCREENS: dict[str, ViewportSize] = {
    "desktop": {"width": 1280, "height": 1000},
    "phone": {"width": 390, "height": 844},
}


def bring_into_sight(page: Page, selector: str = OURS) -> None:
    """Scrolls to the first of these elements at once: Bootstrap scrolls smoothly, which takes its time."""
    page.locator(selector).first.evaluate(
        "element => element.scrollIntoView({block: 'center', behavior: 'instant'})"
    )


def stands_out(page: Page) -> list[str]:
    """What of ours stands out of the screen to the right, or is wider inside than outside. (CKAN's own hidden
    menus are, on a phone.)"""
    return list(
        page.evaluate(
            """(ours) => [...document.querySelectorAll(ours)]
                 .flatMap((root) => [root, ...root.querySelectorAll("*")])
                 .filter((element) => element.checkVisibility() && !element.closest(".s3portal-unseen"))
                 .filter((element) => element.getBoundingClientRect().right > window.innerWidth
                   || (element.clientWidth > 0 && element.scrollWidth > element.clientWidth + 1))
                 .map((element) => element.outerHTML.slice(0, 120))""",
            OURS,
        )
    )
