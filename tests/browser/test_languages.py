"""The form in German and in French, through everything that may happen on it: no English is left, and long
words break nothing, on a desktop and on a phone.

With S3PORTAL_SCREENSHOTS=1 pictures of all of it go to .test/screenshots.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from dialogs import expected_dialog
from held_parts import AT_A_TIME, hold_parts, lose_parts
from playwright.sync_api import Locator, Page, expect
from portal_pages import (
    announcer,
    choose_file,
    leave_time_to_undo,
    save,
    saving_line,
    uploader,
)
from random_files import random_file
from screens import OURS, SCREENS, bring_into_sight, stands_out
from slow_line import slow_line

from s3portal.server.testing import RunningServer

Read = Callable[..., None]

MIB = 1024 * 1024
TRANSLATIONS = Path(__file__).parents[2] / "ckanext" / "s3multipart" / "i18n"
_FILLED_IN = re.compile(r"%\(\w+\)s|\{\w+\}")


class Language:
    """What the page says in this language. Calling it translates."""

    def __init__(self, code: str) -> None:
        self.code = code
        with (TRANSLATIONS / code / "LC_MESSAGES" / "ckanext-s3multipart.po").open("rb") as file:
            self._said = {str(text.id): str(text.string) for text in read_po(file) if text.id}

    def __call__(self, english: str) -> str:
        """The beginning of the text, as far as nothing is filled in."""
        return _FILLED_IN.split(self._said[english])[0].strip()

    def english_left(self, shown: str) -> list[str]:
        """English texts, or pieces of them between what is filled in, that the page shows."""
        translated = (english for english, said in self._said.items() if said != english)
        pieces = {piece.strip(" .,;:()") for english in translated for piece in _FILLED_IN.split(english)}
        words = (piece for piece in pieces if len(piece) > 3)
        return sorted(piece for piece in words if re.search(rf"(?<!\w){re.escape(piece)}(?!\w)", shown))


@pytest.fixture(params=["de", "fr"])
def language(request: pytest.FixtureRequest) -> Language:
    return Language(request.param)


@pytest.fixture
def read(publisher: Page, language: Language, tmp_path: Path) -> Read:
    """Reads all that is ours on the page as it is now, on every screen."""
    folder = Path(".test/screenshots") if os.environ.get("S3PORTAL_SCREENSHOTS") else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    page = publisher
    leave_time_to_undo(page)

    def read_as_it_is_now(name: str, about: str = OURS) -> None:
        # Buttons for copying come with late scripts.
        page.wait_for_load_state("networkidle")
        for screen, size in SCREENS.items():
            page.set_viewport_size(size)
            bring_into_sight(page, about)
            page.screenshot(path=folder / f"{language.code}-{name}-{screen}.png", animations="disabled")
            assert stands_out(page) == [], screen
        assert language.english_left(shown_texts(page)) == []
        page.set_viewport_size(SCREENS["desktop"])

    return read_as_it_is_now


def shown_texts(page: Page) -> str:
    """Everything that is ours and is seen or read out, a line each."""
    texts = page.evaluate(
        """(ours) => [...document.querySelectorAll(ours)].flatMap((root) => [
             root.innerText,
             ...[...root.querySelectorAll("[aria-label], [title]")]
               .flatMap((element) => [element.getAttribute("aria-label"), element.title]),
           ])""",
        OURS,
    )
    return "\n".join(filter(None, texts))


def open_form(page: Page, language: Language, dataset: str) -> None:
    page.goto(f"/{language.code}/dataset/{dataset}/resource/new")
    page.wait_for_load_state("networkidle")
    expect(uploader(page)).to_be_visible()


def row(page: Page, name: str) -> Locator:
    """The line of one file in the field."""
    return page.locator('[data-s3portal="file"]').filter(has_text=name)


def status_of(page: Page, name: str) -> Locator:
    return row(page, name).locator('[data-s3portal="status"]')


def test_an_upload_from_the_empty_form_to_the_resource_page(
    publisher: Page, language: Language, read: Read, s3: RunningServer, dataset: str, tmp_path: Path
) -> None:
    page, t = publisher, language
    open_form(page, language, dataset)
    read("empty")

    choose_file(page, random_file(tmp_path / "b2.geojson", 2 * MIB))
    expect(status_of(page, "b2")).to_contain_text(
        t("✓ Uploaded and verified. It will be published when you save this form.")
    )
    # More than what is given up without a question, and the rest when all has been read.
    hold = hold_parts(s3, after=10)
    with slow_line(page, 2 * MIB):
        choose_file(page, random_file(tmp_path / "a1.csv", 90 * MIB))
        expect(status_of(page, "a1")).to_contain_text(t("about {time} left"))
        read("uploading")
    hold.wait_for(AT_A_TIME)
    expect(status_of(page, "a1")).to_contain_text(t("Waiting for the storage…"))
    read("waiting")

    page.context.set_offline(True)
    expect(status_of(page, "a1")).to_contain_text(
        t("Connection lost at {percent}. Your upload is safe and resumes automatically.")
    )
    read("offline")
    page.context.set_offline(False)

    row(page, "a1").get_by_role("button", name=t("Pause")).click()
    expect(status_of(page, "a1")).to_contain_text(
        t("Paused at {percent}. You can close this page and resume later.")
    )
    read("paused")
    save(page)
    expect(saving_line(page)).to_contain_text(t("Saving when the upload is done; the upload is paused"))
    read("saving-paused", about=".s3portal-saving")
    row(page, "a1").get_by_role("button", name=t("Resume")).click()
    expect(saving_line(page)).to_have_text(t("Saving when the upload is done"))
    read("saving", about=".s3portal-saving")
    page.get_by_role("button", name=t("Do not save yet")).click()
    expect(announcer(page)).to_contain_text(t("Not saving yet. The upload continues."))
    read("not-saving")

    row(page, "a1").get_by_role("button", name=t("Cancel")).click()
    expect(row(page, "a1")).to_contain_text(t("Removed. What has been uploaded will be deleted in a moment."))
    read("removed")
    row(page, "a1").get_by_role("button", name=t("Undo")).click()
    s3.faults.add("UploadPart", status=403)
    hold.release()
    row(page, "a1").locator("summary", has_text=t("Details")).click()
    read("refused")
    s3.faults.clear()
    row(page, "a1").get_by_role("button", name=t("Try again")).click()
    expect(status_of(page, "a1")).to_contain_text(
        t("✓ Uploaded and verified. It will be published when you save this form.")
    )
    read("uploaded")

    save(page)
    page.wait_for_url(f"**/{language.code}/dataset/{dataset}")
    page.get_by_role("link", name="b2.geojson").first.click()
    expect(page.locator(".s3multipart-file")).to_contain_text(t("Persistent link"))
    read("resource")


def test_unfinished_uploads_and_wrong_files(
    publisher: Page, language: Language, read: Read, s3: RunningServer, dataset: str, tmp_path: Path
) -> None:
    page, t = publisher, language
    open_form(page, language, dataset)
    choose_file(page, random_file(tmp_path / "b2.geojson", 2 * MIB))
    expect(status_of(page, "b2")).to_contain_text(
        t("✓ Uploaded and verified. It will be published when you save this form.")
    )
    hold = hold_parts(s3, after=3)
    choose_file(page, random_file(tmp_path / "a1.csv", 40 * MIB))
    hold.wait_for(AT_A_TIME)
    row(page, "a1").get_by_role("button", name=t("Pause")).click()
    lose_parts(s3, hold)
    with expected_dialog(page, accept=True):
        page.reload()
    box = page.locator('[data-s3portal="unfinished"]')
    expect(box).to_contain_text(t("You have unfinished uploads here:"))
    read("unfinished")

    for number, wrong in enumerate(wrong_files(tmp_path)):
        with page.expect_file_chooser() as chooser:
            box.get_by_role("button", name=t("Choose the file to resume")).click()
        chooser.value.set_files(wrong)
        expect(box.get_by_role("alert").first).not_to_be_empty()
        read(f"wrong-{number}")

    box.get_by_role("button", name=t("Discard")).first.click()
    read("discarded")


def wrong_files(folder: Path) -> Iterator[Path]:
    """Of another name, of another size, of another time and content."""
    (folder / "other").mkdir()
    yield random_file(folder / "other" / "c3.csv", 40 * MIB)
    yield random_file(folder / "other" / "a1.csv", 41 * MIB)
    yield random_file(folder / "other" / "a1.csv", 40 * MIB)
