"""A store that is away, or that the browser may not reach: what is said, and that nothing runs away."""

import re
from pathlib import Path

import pytest
from held_parts import AT_A_TIME, hold_parts
from playwright.sync_api import ConsoleMessage, Locator, Page, expect
from portal_pages import choose_file, open_new_resource, save, saving_line, status, wait_until_uploaded
from random_files import random_file

from s3portal.server.testing import RunningServer

MIB = 1024 * 1024


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Nine parts."""
    return random_file(tmp_path / "gauges.csv", 42 * MIB)


def alert(page: Page) -> Locator:
    """What went wrong with the one file."""
    return page.locator('[data-s3portal="file"]').get_by_role("alert")


def remember_lines(page: Page) -> None:
    """Keeps every line that the row of the file has from here on: ``window.lines``."""
    page.evaluate(
        """() => {
             window.lines = new Set();
             const look = () => document.querySelectorAll('[data-s3portal="status"]')
               .forEach(({textContent}) => window.lines.add(textContent));
             const files = document.querySelector('[data-s3portal="files"]');
             new MutationObserver(look).observe(files, {childList: true, characterData: true, subtree: true});
           }"""
    )


def test_a_store_that_disappears_is_waited_for_and_no_time_runs_away(
    publisher: Page, s3: RunningServer, dataset: str, file: Path
) -> None:
    hold = hold_parts(s3, after=4)
    open_new_resource(publisher, dataset)
    choose_file(publisher, file)
    hold.wait_for(AT_A_TIME)
    save(publisher)

    expect(status(publisher)).to_have_text(re.compile(r"^\d+% · Waiting for the storage…$"))
    expect(saving_line(publisher)).to_have_text("Saving when the upload is done")

    remember_lines(publisher)
    hold.release()
    publisher.wait_for_url(f"**/dataset/{dataset}")


def test_a_store_without_a_cors_rule_is_said_to_be_out_of_reach(
    publisher: Page, s3: RunningServer, dataset: str, file: Path
) -> None:
    # As the browser has it where no rule lets the page in.
    publisher.route("**/*partNumber=*", lambda route: route.abort("failed"))
    open_new_resource(publisher, dataset)
    remember_lines(publisher)

    choose_file(publisher, file)

    expect(alert(publisher)).to_contain_text("The file storage cannot be reached from your browser.")
    alert(publisher).locator("summary").click()
    expect(alert(publisher)).to_contain_text(re.compile(rf"PUT {re.escape(s3.endpoint)}/\S+/gauges\.csv:"))
    expect(alert(publisher)).to_contain_text("part: ")
    assert not [line for line in publisher.evaluate("[...window.lines]") if "/s" in line]


def test_one_part_that_never_gets_through_is_named(
    publisher: Page, s3: RunningServer, dataset: str, file: Path
) -> None:
    publisher.route("**/*partNumber=7&*", lambda route: route.abort("failed"))
    # The waits between the tries are the product's own in kind and shorter in time.
    publisher.add_init_script(
        "const timer = setTimeout;"
        "window.setTimeout = (f, ms, ...a) => timer(f, ms > 5000 ? ms : ms / 50, ...a);"
    )
    publisher.add_init_script("Math.random = () => 0.01")
    open_new_resource(publisher, dataset)

    choose_file(publisher, file)

    expect(alert(publisher)).to_contain_text("Part 7 of the file does not reach the file storage")
    publisher.unroute_all()
    publisher.get_by_role("button", name="Try again").click()
    wait_until_uploaded(publisher)


def test_keys_that_the_store_does_not_take_are_a_matter_of_settings(
    publisher: Page, s3: RunningServer, dataset: str, file: Path
) -> None:
    s3.faults.add("UploadPart", status=403, code="InvalidAccessKeyId")
    open_new_resource(publisher, dataset)

    choose_file(publisher, file)

    expect(alert(publisher)).to_contain_text("the problem is in the portal's settings, not in your file")


def test_an_upload_that_goes_well_writes_nothing_red_into_the_console(
    publisher: Page, s3: RunningServer, dataset: str, file: Path
) -> None:
    said: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            said.append(f"{message.type}: {message.text} {message.location}")

    publisher.on("console", hear)
    open_new_resource(publisher, dataset)
    choose_file(publisher, file)
    wait_until_uploaded(publisher)
    save(publisher)
    publisher.wait_for_url(f"**/dataset/{dataset}")

    assert said == []
    measured = [r for r in s3.requests if r.operation.startswith("ListObjects")]
    assert [r.status for r in measured] == [200] * 3
    assert not [r for r in s3.requests if r.status >= 400]
