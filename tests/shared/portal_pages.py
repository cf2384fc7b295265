"""What people do on the portal's pages, in their words: log in, choose a file, save, follow the link."""

import hashlib
import re
import uuid
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from s3portal.demo.people import ORGANISATION
from s3portal.portal.web import web_folder

UPLOAD_TIMEOUT_MS = 300_000


_NO_HURRY = """
  const setRealTimeout = window.setTimeout;
  window.setTimeout = (callback, delayMs, ...given) =>
    setRealTimeout(callback, delayMs === UNDO_MS ? 24 * 3_600_000 : delayMs, ...given);
"""


def leave_time_to_undo(page: Page) -> None:
    """On pages from here on, what is given up can be had back for a day instead of some seconds: a test may
    look at it for longer."""
    script = (web_folder("js") / "src" / "field" / "undo.js").read_text("utf-8")
    [undo_ms] = re.findall(r"UNDO_MS = ([\d_]+);", script)
    page.add_init_script(_NO_HURRY.replace("UNDO_MS", undo_ms))


def log_in(page: Page, name: str, password: str) -> None:
    """Logs in by the form."""
    page.goto("/user/login")
    page.fill("#field-login", name)
    page.fill("#field-password", password)
    page.locator("#field-password").press("Enter")
    page.wait_for_url(re.compile(r"/(dashboard|user/)(?!login)"))


def open_new_resource(page: Page, dataset: str = "rivers") -> None:
    """Opens the form for a new resource and waits for the uploader."""
    page.goto(f"/dataset/{dataset}/resource/new")
    # CKAN's own scripts move the focus about until they have all begun.
    page.wait_for_load_state("networkidle")
    expect(uploader(page)).to_be_visible()


def uploader(page: Page) -> Locator:
    """The uploader's field."""
    return page.locator(".s3portal-uploader")


def call_action(page: Page, name: str, body: dict[str, object]) -> Any:
    """Calls a CKAN action as whoever is logged in on the page; its result."""
    return page.evaluate(
        """async ([name, body]) => {
             const field = document.querySelector('meta[name="csrf_field_name"]').content;
             const token = document.querySelector(`meta[name="${field}"]`).content;
             const answer = await fetch("/api/3/action/" + name, {
               method: "POST",
               headers: {"Content-Type": "application/json", "X-CSRFToken": token},
               body: JSON.stringify(body),
             });
             if (!answer.ok) throw new Error(await answer.text());
             return (await answer.json()).result;
           }""",
        [name, body],
    )


def new_dataset(page: Page) -> str:
    """Makes a dataset as whoever is logged in; its name."""
    name = f"rivers-{uuid.uuid4().hex[:8]}"
    call_action(page, "package_create", {"name": name, "title": name, "owner_org": ORGANISATION})
    return name


def choose_file(page: Page, path: Path) -> None:
    """Chooses a file in the uploader's field, once its script has taken the field over."""
    expect(uploader(page)).to_be_visible()
    page.set_input_files('.s3portal-uploader [data-s3portal="input"]', path)


def choose_files(page: Page, paths: list[Path]) -> None:
    """Chooses several files in the uploader's field at once."""
    expect(uploader(page)).to_be_visible()
    page.set_input_files('.s3portal-uploader [data-s3portal="input"]', paths)


def drop_files(page: Page, contents: dict[str, str]) -> None:
    """Drops files with these names and contents on the uploader's field."""
    # It is shown when it listens; what is dropped before goes to nobody.
    expect(uploader(page)).to_be_visible()
    dropped = page.evaluate_handle(
        """(contents) => {
             const dropped = new DataTransfer();
             for (const [name, text] of Object.entries(contents)) dropped.items.add(new File([text], name));
             return dropped;
           }""",
        contents,
    )
    uploader(page).dispatch_event("drop", {"dataTransfer": dropped})


def status(page: Page) -> Locator:
    """The line that says how the upload goes."""
    return page.locator('[data-s3portal="status"]').first


def announcer(page: Page) -> Locator:
    """What screen readers are told, seen by nobody."""
    return page.locator('[data-s3portal="announcer"]')


def saving_line(page: Page) -> Locator:
    """The line that says that saving waits for the upload."""
    return page.locator('[data-s3portal="saving-text"]')


def wait_until_uploaded(page: Page) -> None:
    """Waits until the field says that the file is uploaded and verified."""
    expect(page.get_by_text("Uploaded and verified").first).to_be_visible(timeout=UPLOAD_TIMEOUT_MS)


def save(page: Page) -> None:
    """Presses the form's Add button."""
    page.locator(
        '#resource-edit button[name="save"][value="go-metadata"], '
        '#resource-edit button[name="save"][value="go-dataset-complete"]'
    ).last.click()


def open_resource(page: Page, name: str, dataset: str = "rivers") -> None:
    """Goes to the page of the resource of that name."""
    page.goto(f"/dataset/{dataset}")
    page.get_by_role("link", name=name).first.click()
    page.wait_for_url(re.compile("/resource/"))


def persistent_link(page: Page) -> str:
    """The persistent link as the resource page offers it, once that is there."""
    page.wait_for_url(re.compile(r"/resource/[0-9a-f-]{36}(?:$|[?#])"))
    return str(page.locator("a.resource-url-analytics").first.get_attribute("href"))


def download_sha256(page: Page, href: str) -> str:
    """Follows a download link in the browser; the SHA-256 of what arrives."""
    with page.expect_download() as started:
        page.locator(f'a[href="{href}"]').first.click()
    return sha256(Path(started.value.path()))


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1024 * 1024):
            digest.update(chunk)
    return digest.hexdigest()
