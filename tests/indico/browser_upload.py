"""What people do in a browser, by Playwright, which Indico's environment has no room for.

``python browser_upload.py CHROMIUM SITE EVENT PASSWORD FILE SCREENSHOTS``; prints what was seen, as JSON.
"""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

sys.path.append(str(Path(__file__).parents[1] / "shared"))
from dialogs import require_no_unexpected_dialog, watch_dialogs

chromium, site, event, password, file, screenshots = sys.argv[1:]
materials = f"{site}/event/{event}/manage/attachments/"
BUTTON = "button:has-text('Upload large files')"

#: Reading a file takes its time, as from the disk of a loaded machine or from a network drive.
SLOW_DISK = """
const read = Blob.prototype.arrayBuffer;
Blob.prototype.arrayBuffer = async function () {
  await new Promise((resolve) => setTimeout(resolve, 500));
  return read.call(this);
};
"""


def log_in(page: Page, name: str) -> None:
    page.goto(f"{site}/login/")
    page.fill("input[name=identifier]", name)
    page.fill("input[name=password]", password)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda url: "/login" not in url)


def part_number(url: str) -> int:
    """The number of the part that goes to this URL; 0 for any other."""
    found = re.search(r"partNumber=(\d+)", url)
    return int(found[1]) if found else 0


def on_phone(page: Page) -> str:
    """What the names of a phone's pictures end with."""
    return "-phone" if page.viewport_size["width"] < 600 else ""


def hold_parts(page: Page) -> Callable[[], None]:
    """Keeps all parts but two from leaving the browser, however fast the machine is; what lets them go."""

    def is_held(url: str) -> bool:
        return part_number(url) > 2

    # A request that nobody answers waits until nothing intercepts it any more.
    page.route(is_held, lambda route: None)
    return lambda: page.unroute(is_held)


def upload(page: Page) -> dict:
    """The manager chooses the file, presses the button at once, and it is saved when the upload is done."""
    puts = []
    page.on("request", lambda request: puts.append(request.url) if request.method == "PUT" else None)
    release_parts = hold_parts(page)
    page.goto(materials)
    page.click(BUTTON)
    page.wait_for_selector(".s3portal-uploader:not([hidden])")
    page.set_input_files(".s3portal-uploader input[type=file]", file)
    page.wait_for_selector(".s3portal-file:not([hidden])")
    page.click("#direct-upload-form input[type=submit]")
    page.wait_for_selector(".s3portal-saving:not([hidden])")
    waiting = page.inner_text(".s3portal-saving")
    page.wait_for_function("document.querySelector('.s3portal-progress').value > 0.2")
    page.screenshot(path=f"{screenshots}/indico-upload-during.png")
    # A request that begins while the holding ends may not be told of: all that begin now have begun before.
    begun = -1
    while begun < len(puts):
        begun = len(puts)
        page.wait_for_timeout(1000)
    release_parts()
    page.wait_for_selector(f"#attachments-container a.attachment:has-text('{Path(file).name}')")
    page.screenshot(path=f"{screenshots}/indico-materials-after.png")
    link = page.get_attribute("#attachments-container a.attachment", "href")
    return {
        "waiting": waiting,
        "link": link,
        "parts": sorted({part_number(url) for url in puts}),
        "to_indico": sum(site in url for url in puts),
    }


def close_and_go_on_on_a_phone(page: Page) -> dict:
    """The manager again, in a narrow window: closes the dialog half way, and goes on in the next."""
    puts = []
    page.on("requestfinished", lambda request: puts.append(request.url) if request.method == "PUT" else None)
    release_parts = hold_parts(page)
    page.add_init_script(SLOW_DISK)
    page.goto(materials)
    before = page.locator("#attachments-container a.attachment").count()
    page.click(BUTTON)
    page.wait_for_selector(".s3portal-uploader:not([hidden])")
    page.set_input_files(".s3portal-uploader input[type=file]", file)
    while len(puts) < 2:
        page.wait_for_event("requestfinished")
    page.click("[data-s3portal=file] [data-s3portal=go]")
    page.wait_for_function("document.querySelector('.s3portal-status').textContent.includes('Paused')")
    dialog = page.locator(".ui-dialog").bounding_box()
    page.click(".ui-dialog-titlebar-close, .titlebar-close")
    page.wait_for_selector(".s3portal-uploader", state="detached")
    release_parts()
    page.click(BUTTON)
    page.wait_for_selector(".s3portal-unfinished:not([hidden])")
    page.screenshot(path=f"{screenshots}/indico-unfinished-phone.png")
    page.set_input_files(".s3portal-unfinished [data-s3portal=pick]", file)
    # At once, while the file is still being compared with the unfinished one.
    page.click("#direct-upload-form input[type=submit]")
    page.wait_for_function(
        f"document.querySelectorAll('#attachments-container a.attachment').length == {before + 1}"
    )
    return {"right_edge": dialog["x"] + dialog["width"], "parts": sorted(map(part_number, puts))}


def several_in_one_dialog(page: Page) -> dict:
    """Three files in one dialog, by keyboard where it matters: the focus is in the dialog, and comes back."""
    page.goto(materials)
    page.focus(BUTTON)
    page.keyboard.press("Enter")
    page.wait_for_selector(".s3portal-uploader:not([hidden])")
    in_dialog = "document.querySelector('#direct-upload-form').contains(document.activeElement)"
    page.wait_for_function(in_dialog)
    page.click(".ui-dialog-titlebar-close, .titlebar-close")
    page.wait_for_selector(".s3portal-uploader", state="detached")
    page.wait_for_function("document.activeElement.textContent.includes('Upload large files')")
    page.click(BUTTON)
    page.wait_for_selector(".s3portal-uploader:not([hidden])")
    names = [f"minutes {number}.txt" for number in (1, 2, 3)]
    contents = [{"name": name, "mimeType": "text/plain", "buffer": name.encode()} for name in names]
    page.set_input_files(".s3portal-uploader [data-s3portal=input]", contents)
    verified = "(line) => line.textContent.includes('verified')"
    lines = "[...document.querySelectorAll('.s3portal-status')]"
    page.wait_for_function(f"{lines}.filter({verified}).length == 3")
    fits = page.evaluate(
        "document.querySelector('.s3portal-uploader').getBoundingClientRect().right <= innerWidth"
    )
    page.screenshot(path=f"{screenshots}/indico-several{on_phone(page)}.png")
    page.click("#direct-upload-form input[type=submit]")
    for name in names:
        page.wait_for_selector(f"#attachments-container a.attachment:has-text('{name}')")
    return {"fits": fits}


def replace_a_file(page: Page) -> dict:
    """Another file in the place of one of those, in Indico's own dialog for editing a material."""
    page.goto(materials)
    row = page.locator("#attachments-container tr:has-text('minutes 2.txt')").first
    # Shown where the pointer is, which a phone has not.
    row.locator(".icon-edit").dispatch_event("click")
    page.wait_for_selector(".s3portal-replacement .s3portal-uploader:not([hidden])")
    save = page.locator("#attachment-upload-form input[type=submit]")
    disabled_before = save.is_disabled()
    replacement = {"name": "minutes, corrected.txt", "mimeType": "text/plain", "buffer": b"corrected"}
    page.set_input_files(".s3portal-replacement [data-s3portal=input]", replacement)
    page.wait_for_function("document.querySelector('.s3portal-status').textContent.includes('verified')")
    page.screenshot(path=f"{screenshots}/indico-replace{on_phone(page)}.png")
    fits = page.evaluate(
        "document.querySelector('.s3portal-replacement').getBoundingClientRect().right <= innerWidth"
    )
    save.click()
    page.wait_for_selector("#attachment-upload-form", state="detached")
    # The title stays, as with Indico's own replacing.
    link = page.get_attribute("#attachments-container a.attachment:has-text('minutes 2.txt')", "href")
    return {"disabled_before": disabled_before, "fits": fits, "link": link}


def try_without_permission(page: Page) -> dict:
    """The colleague may manage materials, and is not among those who may upload directly."""
    page.goto(materials)
    token = page.get_attribute("meta#csrf-token", "content")
    headers = {"X-CSRF-Token": token, "X-Requested-With": "XMLHttpRequest"}
    direct = f"{materials}direct-upload"
    calls = ["/create", "/sign-parts", "/show", "/list", "/complete", "/abort"]
    answers = [page.request.post(direct + call, data={}, headers=headers).status for call in calls]
    answers.append(page.request.get(direct, headers=headers).status)
    normal = page.locator("button:has-text('Upload files')").count()
    return {"normal": normal, "buttons": page.locator(BUTTON).count(),
            "answers": answers}  # fmt: skip


with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    seen = {}
    for name, width, visit in (
        ("manager", 1280, upload),
        ("manager", 390, close_and_go_on_on_a_phone),
        ("manager", 390, several_in_one_dialog),
        ("manager", 390, replace_a_file),
        ("manager", 1280, several_in_one_dialog),
        ("manager", 1280, replace_a_file),
        ("colleague", 1280, try_without_permission),
    ):
        context = browser.new_context(viewport={"width": width, "height": 900})
        watch_dialogs(context)
        page = context.new_page()
        # Patient, since a loaded machine is slow; a condition that holds is never waited for.
        page.set_default_timeout(120_000)
        log_in(page, name)
        seen[visit.__name__] = visit(page)
        require_no_unexpected_dialog()
    browser.close()
print(json.dumps(seen))
