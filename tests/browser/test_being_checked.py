"""A portal that checks files before it accepts them, as the form shows it: it waits, saves by itself, and
says why a file is not accepted."""

import json
from pathlib import Path

from looks import looks_right
from playwright.sync_api import Page, Route, expect
from portal_pages import (
    choose_file,
    download_sha256,
    open_new_resource,
    open_resource,
    persistent_link,
    save,
    sha256,
    status,
    uploader,
)
from random_files import random_file

COMPLETE = "**/s3multipart_upload_complete"
FORM = ".s3portal-uploader"


def refused(route: Route, status_code: int, code: str, message: str) -> None:
    error = {"code": code, "message": message, "retry_after_s": 1}
    route.fulfill(
        status=status_code,
        headers={"Retry-After": "1", "Content-Type": "application/json"},
        body=json.dumps({"success": False, "error": error}),
    )


def test_the_form_waits_and_saves_by_itself(publisher: Page, dataset: str, tmp_path: Path) -> None:
    file = random_file(tmp_path / "gauges.csv", 1000)
    checking = [True]

    def complete(route: Route) -> None:
        if checking[0]:
            refused(route, 503, "being_checked", "The file has arrived and is being checked.")
        else:
            route.continue_()

    publisher.route(COMPLETE, complete)
    open_new_resource(publisher, dataset)
    choose_file(publisher, file)
    expect(status(publisher)).to_contain_text("All sent. Checking that everything arrived")
    looks_right(publisher, FORM, "form-being-checked", tmp_path)
    save(publisher)
    checking[0] = False

    publisher.wait_for_url(f"**/dataset/{dataset}*")
    open_resource(publisher, "gauges.csv", dataset)
    assert download_sha256(publisher, persistent_link(publisher)) == sha256(file)


def test_an_infected_file_is_refused_with_the_portals_sentence(
    publisher: Page, dataset: str, tmp_path: Path
) -> None:
    said = "The virus scanner found Eicar-Test-Signature in virus.com, so the file was not accepted"
    publisher.route(COMPLETE, lambda route: refused(route, 422, "file_infected", said))
    open_new_resource(publisher, dataset)

    choose_file(publisher, random_file(tmp_path / "virus.com", 1000))

    expect(uploader(publisher)).to_contain_text(said)
    # Nothing is kept, and the same file would be refused again.
    expect(status(publisher)).to_have_text("")
    expect(uploader(publisher).get_by_role("button", name="Try again")).to_be_hidden()
    expect(uploader(publisher).get_by_role("button", name="Remove")).to_be_visible()
    looks_right(publisher, FORM, "form-infected", tmp_path)
