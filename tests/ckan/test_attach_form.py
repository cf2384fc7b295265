"""Saving CKAN's own forms attaches the upload, and gives it back where the form comes again with an error."""

import pytest
from browser import Browser, resource_form
from kept_uploads import state_of

pytestmark = pytest.mark.smoke


@pytest.fixture
def browser(portal) -> Browser:
    return Browser(portal)


def test_a_new_resource(browser: Browser) -> None:
    upload = browser.upload(filename="rivers.csv")

    answer = browser.submit(
        f"/dataset/{browser.dataset}/resource/new", s3multipart_upload_id=upload["id"], name="Rivers",
        url_type="upload", url="", save="go-dataset-complete",
    )  # fmt: skip

    assert answer.status_code == 302
    [resource] = browser.resources()
    assert (resource["name"], resource["size"], resource["format"]) == ("Rivers", 3, "CSV")
    assert browser.follow(resource["url"]).content == b"1,2"


def test_the_second_step_of_a_new_dataset(portal) -> None:
    browser = Browser(portal, state="draft")
    upload = browser.upload()

    answer = browser.submit(
        f"/dataset/{browser.dataset}/resource/new", s3multipart_upload_id=upload["id"], name="Rivers",
        url_type="upload", url="", save="go-metadata",
    )  # fmt: skip

    assert answer.status_code == 302
    assert browser.package()["state"] == "active"
    assert browser.follow(browser.resources()[0]["url"]).content == b"1,2"


def test_an_edit_that_replaces_the_file(browser: Browser) -> None:
    browser.publish(b"old")
    [resource] = browser.resources()
    upload = browser.upload(b"newer", resource=resource["id"])

    answer = browser.submit(
        f"/dataset/{browser.dataset}/resource/{resource['id']}/edit", s3multipart_upload_id=upload["id"],
        url_type="upload", save="go-metadata",
    )  # fmt: skip

    assert answer.status_code == 302
    [after] = browser.resources()
    assert (after["id"], after["size"]) == (resource["id"], 5)
    assert browser.follow(after["url"]).content == b"newer"


def test_an_edit_without_a_new_file(browser: Browser) -> None:
    browser.publish(b"kept")
    [resource] = browser.resources()

    answer = browser.submit(
        f"/dataset/{browser.dataset}/resource/{resource['id']}/edit",
        url_type="upload",
        name="Renamed",
        save="go-metadata",
    )

    assert answer.status_code == 302
    [after] = browser.resources()
    assert (after["name"], after["size"], after["mimetype"]) == ("Renamed", 4, "text/csv")
    assert browser.follow(after["url"]).content == b"kept"


def test_a_form_that_comes_back_with_an_error_still_has_the_upload(browser: Browser) -> None:
    upload = browser.upload()

    answer = browser.submit(
        f"/dataset/{browser.dataset}/resource/new", s3multipart_upload_id=upload["id"], name="Rivers",
        url_type="upload", url="", created="no date", save="go-dataset-complete",
    )  # fmt: skip

    form = resource_form(answer)
    assert form.select_one("input[name=s3multipart_upload_id]")["value"] == upload["id"]
    assert form.select_one("input[name=id]")["value"] == ""
    assert form.select_one("input[name=name]")["value"] == "Rivers"
    assert state_of(upload) == "completed"
    assert browser.resources() == []


def test_a_refused_upload_is_explained_on_the_form(browser: Browser) -> None:
    upload = browser.upload()
    for _ in range(2):
        answer = browser.submit(
            f"/dataset/{browser.dataset}/resource/new", s3multipart_upload_id=upload["id"], name="Rivers",
            url_type="upload", url="", save="go-dataset-complete",
        )  # fmt: skip

    assert "This upload has already been saved" in answer.get_data(as_text=True)
    assert len(browser.resources()) == 1
