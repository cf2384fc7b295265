"""Saving, when it does not go straight: one of several is refused, the publisher stays, or comes back.

What is published and what is not stands on the form, and Add continues from there: nothing twice, and nothing
is lost.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from dialogs import expected_dialog
from held_parts import hold_parts
from playwright.sync_api import Locator, Page, Request, Route, expect
from portal_pages import (
    UPLOAD_TIMEOUT_MS,
    call_action,
    choose_file,
    choose_files,
    drop_files,
    open_new_resource,
    save,
    saving_line,
    uploader,
    wait_until_uploaded,
)
from random_files import random_file

from s3portal.server.testing import RunningServer

CONTENTS = {"a.csv": "1,2\n", "b.geojson": "{}\n", "c.txt": "three\n"}
REFUSED = '<div class="error-explanation"><ul><li>River: Missing value</li></ul></div>'


def published(page: Page) -> Locator:
    """What the form says is published already."""
    return page.locator('[data-s3portal="published"]')


def not_saved(page: Page) -> Locator:
    """Why the form was not saved, beside its buttons."""
    return page.locator('[data-s3portal="not-saved"]')


def row(page: Page, name: str) -> Locator:
    """The line of one file in the field."""
    return page.locator('[data-s3portal="file"]').filter(has_text=name)


def wait_until_stored(page: Page, count: int) -> None:
    """Waits until so many files are uploaded."""
    lines = page.locator('[data-s3portal="status"]').filter(has_text="Uploaded and verified")
    expect(lines).to_have_count(count, timeout=UPLOAD_TIMEOUT_MS)


def drop_three(page: Page, dataset: str) -> None:
    """Opens the form and drops three files, which are stored then."""
    open_new_resource(page, dataset)
    drop_files(page, CONTENTS)
    wait_until_stored(page, 3)


def resources(page: Page, dataset: str) -> list[dict[str, object]]:
    """The dataset's resources as CKAN shows them."""
    return list(call_action(page, "package_show", {"id": dataset})["resources"])


def names(page: Page, dataset: str) -> list[object]:
    """The names of the dataset's resources in their order."""
    return [resource["name"] for resource in resources(page, dataset)]


def is_form(request: Request) -> bool:
    """The form is being saved, with the page or in the background."""
    return request.method == "POST" and request.url.endswith("/resource/new")


def answer_to_forms(page: Page, answer: Callable[[Route, int], None]) -> None:
    """Answers the forms that are sent; the first one has the number 1."""
    seen: list[str] = []

    def on_form(route: Route) -> None:
        if not is_form(route.request):
            route.fallback()
            return
        seen.append(route.request.url)
        answer(route, len(seen))

    page.route("**/resource/new", on_form)


def test_one_refusal_among_several_says_what_is_published_and_add_continues_from_there(
    publisher: Page, s3: RunningServer, dataset: str
) -> None:
    drop_three(publisher, dataset)
    answer_to_forms(
        publisher,
        lambda route, number: (
            route.fulfill(status=200, content_type="text/html", body=REFUSED)
            if number == 2
            else route.fallback()
        ),
    )

    save(publisher)

    expect(not_saved(publisher)).to_contain_text("b.geojson: River: Missing value")
    expect(not_saved(publisher)).to_contain_text("Already published: a.csv.")
    expect(not_saved(publisher)).to_have_attribute("role", "alert")
    expect(published(publisher)).to_have_text("Already published: a.csv")
    expect(row(publisher, "a.csv")).to_have_count(0)
    expect(row(publisher, "c.txt")).to_contain_text("It will be published when you save")
    assert names(publisher, dataset) == ["a.csv"]
    # The form describes the next one now.
    assert publisher.input_value('input[name="name"]') == "b.geojson"
    assert publisher.input_value('input[name="format"]') == "GeoJSON"

    save(publisher)
    publisher.wait_for_url(f"**/dataset/{dataset}")
    assert names(publisher, dataset) == ["a.csv", "b.geojson", "c.txt"]


def test_a_portal_that_fails_in_the_middle_is_said_and_nothing_is_saved_twice(
    publisher: Page, s3: RunningServer, dataset: str
) -> None:
    drop_three(publisher, dataset)

    def lose_the_second(route: Route, number: int) -> None:
        if number != 2:
            route.fallback()
            return
        # It arrives, and its answer is lost.
        route.fetch(max_redirects=0)
        route.abort()

    answer_to_forms(publisher, lose_the_second)
    save(publisher)

    publisher.wait_for_url(f"**/dataset/{dataset}")
    assert names(publisher, dataset) == ["a.csv", "b.geojson", "c.txt"]


def test_who_stays_finds_what_is_published_and_continues(
    publisher: Page, s3: RunningServer, dataset: str
) -> None:
    drop_three(publisher, dataset)
    # As another script of the page may ask.
    publisher.evaluate("addEventListener('beforeunload', window.ask = (event) => event.preventDefault())")

    with expected_dialog(publisher, accept=False) as asked:
        save(publisher)

    assert asked == ["beforeunload"]
    expect(published(publisher)).to_have_text("Already published: a.csv, b.geojson")
    expect(row(publisher, "c.txt")).to_be_visible()
    expect(saving_line(publisher)).to_be_hidden()
    assert names(publisher, dataset) == ["a.csv", "b.geojson"]

    publisher.evaluate("removeEventListener('beforeunload', window.ask)")
    save(publisher)
    publisher.wait_for_url(f"**/dataset/{dataset}")
    assert names(publisher, dataset) == ["a.csv", "b.geojson", "c.txt"]


@pytest.mark.parametrize("contents", [{"a.csv": "1,2\n"}, CONTENTS], ids=["one file", "several"])
def test_who_goes_back_finds_what_is_published_and_makes_nothing_twice(
    publisher: Page, s3: RunningServer, dataset: str, contents: dict[str, str]
) -> None:
    open_new_resource(publisher, dataset)
    drop_files(publisher, contents)
    wait_until_stored(publisher, len(contents))
    save(publisher)
    publisher.wait_for_url(f"**/dataset/{dataset}")

    publisher.go_back()
    expect(published(publisher)).to_have_text(f"Already published: {', '.join(contents)}")
    expect(publisher.locator('[data-s3portal="file"]')).to_have_count(0)
    save(publisher)

    publisher.wait_for_url(f"**/dataset/{dataset}")
    assert names(publisher, dataset) == list(contents)


def test_a_form_that_is_opened_again_says_nothing_of_what_was_published_before(
    publisher: Page, s3: RunningServer, dataset: str
) -> None:
    open_new_resource(publisher, dataset)
    drop_files(publisher, {"a.csv": "1,2\n"})
    wait_until_stored(publisher, 1)
    save(publisher)
    publisher.wait_for_url(f"**/dataset/{dataset}")

    open_new_resource(publisher, dataset)

    expect(published(publisher)).to_be_hidden()


def test_many_files_take_one_call_each_and_one_more(publisher: Page, s3: RunningServer, dataset: str) -> None:
    contents = {f"{number:02}.csv": f"{number}\n" for number in range(12)}
    open_new_resource(publisher, dataset)
    drop_files(publisher, contents)
    wait_until_stored(publisher, 12)
    publisher.evaluate(
        """() => {
             const line = document.querySelector('[data-s3portal="saving-text"]');
             const said = () => sessionStorage.getItem("said") ?? "";
             const note = () => sessionStorage.setItem("said", `${said()}${line.textContent}|`);
             new MutationObserver(note).observe(line, {childList: true});
           }"""
    )
    calls: list[str] = []
    publisher.on("request", lambda request: calls.append(f"{request.method} {request.url}"))

    save(publisher)
    publisher.wait_for_url(f"**/dataset/{dataset}")

    until_the_page = calls[: calls.index(f"GET {publisher.url}")]
    to_portal = [call for call in until_the_page if call.startswith("POST")]
    assert len([call for call in to_portal if call.endswith("/resource/new")]) == 12
    assert len(to_portal) == 13
    assert names(publisher, dataset) == list(contents)
    said = publisher.evaluate("sessionStorage.getItem('said')").split("|")
    assert [line for line in said if line] == [f"Saving 12 resources: {saved} done" for saved in range(11)]


def test_each_file_is_named_and_described_in_its_row(
    publisher: Page, s3: RunningServer, dataset: str
) -> None:
    drop_three(publisher, dataset)
    publisher.fill('input[name="name"]', "Gauges")
    publisher.fill('textarea[name="description"]', "Measured by hand")
    expect(row(publisher, "a.csv")).to_contain_text("come from this form")
    # By the keyboard alone, and as a screen reader names them.
    publisher.get_by_role("textbox", name=re.compile("^Name:? b.geojson$")).focus()
    publisher.keyboard.press("Control+A")
    publisher.keyboard.type("Stations")
    publisher.keyboard.press("Tab")
    expect(publisher.get_by_role("textbox", name=re.compile("^Description:? b.geojson$"))).to_be_focused()
    publisher.keyboard.press("Control+A")
    publisher.keyboard.type("Where they stand")

    save(publisher)
    publisher.wait_for_url(f"**/dataset/{dataset}")

    assert [(each["name"], each["description"]) for each in resources(publisher, dataset)] == [
        ("Gauges", "Measured by hand"),
        ("Stations", "Where they stand"),
        ("c.txt", "Measured by hand"),
    ]


def test_what_a_row_says_comes_into_the_form_when_its_file_is_the_first(
    publisher: Page, s3: RunningServer, dataset: str
) -> None:
    open_new_resource(publisher, dataset)
    drop_files(publisher, {"a.csv": "1,2\n", "b.geojson": "{}\n"})
    wait_until_stored(publisher, 2)
    publisher.fill('input[name="name"]', "Gauges")
    publisher.get_by_role("textbox", name=re.compile("^Name:? b.geojson$")).fill("Stations")

    row(publisher, "a.csv").get_by_role("button", name="Remove").click()

    expect(publisher.locator('input[name="name"]')).to_have_value("Stations")
    expect(publisher.locator('input[name="format"]')).to_have_value("GeoJSON")
    expect(row(publisher, "a.csv")).to_have_count(0)
    expect(publisher.locator('[data-s3portal="details"]')).to_be_hidden()


def test_the_stage_bar_is_whole_while_saving_waits(
    publisher: Page, s3: RunningServer, dataset: str, tmp_path: Path
) -> None:
    draft = f"{dataset}-draft"
    publisher.goto("/dataset/new")
    publisher.wait_for_load_state("networkidle")
    publisher.fill('input[name="title"]', draft)
    publisher.evaluate("name => document.querySelector('input[name=name]').value = name", draft)
    publisher.locator('button[name="save"]').last.click()
    publisher.wait_for_url(f"**/dataset/{draft}/resource/new")
    hold = hold_parts(s3)
    open_new_resource(publisher, draft)
    choose_file(publisher, random_file(tmp_path / "gauges.csv", 6 * 1024 * 1024))
    hold.wait_for(1)
    bar = publisher.locator("ol.stages")
    before = bar.inner_html()

    bar.get_by_role("button", name=re.compile("Create Dataset", re.IGNORECASE)).click()

    expect(saving_line(publisher)).to_be_in_viewport()
    assert bar.inner_html() == before
    hold.release()
    publisher.wait_for_url(re.compile("/dataset/edit/"))
    assert names(publisher, draft) == ["gauges.csv"]


def refuse_type(page: Page) -> None:
    """The portal takes no file of this type."""
    sentence = "Files of this type are not allowed: exe."
    error = f'{{"success": false, "error": {{"code": "type_not_allowed", "message": "{sentence}"}}}}'
    page.route(
        "**/s3multipart_upload_create",
        lambda route: route.fulfill(status=415, content_type="application/json", body=error),
    )


def test_a_refused_file_is_explained_beside_the_button_and_is_not_tried_again(
    publisher: Page, s3: RunningServer, dataset: str, tmp_path: Path
) -> None:
    refuse_type(publisher)
    open_new_resource(publisher, dataset)
    choose_file(publisher, random_file(tmp_path / "tool.exe", 10))
    expect(row(publisher, "tool.exe").get_by_role("alert")).to_contain_text("not allowed: exe")
    expect(publisher.get_by_role("button", name="Try again")).to_be_hidden()

    save(publisher)

    expect(not_saved(publisher)).to_be_in_viewport()
    expect(not_saved(publisher)).to_have_text(
        "Not saved, because this cannot be uploaded here: tool.exe. Remove it, then save."
    )
    expect(publisher.get_by_role("button", name="Remove")).to_be_focused()
    publisher.keyboard.press("Enter")
    expect(not_saved(publisher)).to_be_hidden()
    expect(uploader(publisher)).to_be_visible()


def test_an_upload_that_stopped_is_explained_beside_the_button(
    publisher: Page, s3: RunningServer, dataset: str, tmp_path: Path
) -> None:
    s3.faults.add("UploadPart", status=403, first=1)
    open_new_resource(publisher, dataset)
    choose_files(publisher, [random_file(tmp_path / "gauges.csv", 10)])
    expect(publisher.get_by_role("button", name="Try again")).to_be_visible()

    save(publisher)

    expect(not_saved(publisher)).to_contain_text("the upload is not complete: gauges.csv")
    publisher.get_by_role("button", name="Try again").click()
    wait_until_uploaded(publisher)
    expect(not_saved(publisher)).to_be_hidden()
