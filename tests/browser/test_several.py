"""Several files at once: each becomes a resource, and the form says so."""

import json
from pathlib import Path

import pytest
from held_parts import AT_A_TIME, hold_parts
from playwright.sync_api import Locator, Page, expect
from portal_pages import (
    UPLOAD_TIMEOUT_MS,
    call_action,
    choose_files,
    drop_files,
    open_new_resource,
    save,
    saving_line,
    uploader,
)
from random_files import random_file

from s3portal.server.testing import RunningServer

MIB = 1024 * 1024


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three files, two of which have several parts."""
    sizes = {"gauges.csv": 12 * MIB, "stations.geojson": 6 * MIB, "read me.txt": 10}
    return [random_file(tmp_path / name, size) for name, size in sizes.items()]


def row(page: Page, name: str) -> Locator:
    """The line of one file in the field."""
    return page.locator('[data-s3portal="file"]').filter(has_text=name)


def wait_until_stored(page: Page, count: int) -> None:
    """Waits until so many files are uploaded."""
    lines = page.locator('[data-s3portal="status"]').filter(has_text="Uploaded and verified")
    expect(lines).to_have_count(count, timeout=UPLOAD_TIMEOUT_MS)


def resources(page: Page, dataset: str) -> list[dict[str, object]]:
    """The dataset's resources as CKAN shows them."""
    return list(call_action(page, "package_show", {"id": dataset})["resources"])


def test_each_file_becomes_a_resource_in_the_order_in_which_they_were_chosen(
    publisher: Page, s3: RunningServer, dataset: str, files: list[Path]
) -> None:
    open_new_resource(publisher, dataset)
    choose_files(publisher, files)
    expect(publisher.get_by_text("Each file becomes its own resource")).to_be_visible()
    publisher.fill('input[name="name"]', "Gauges of 2026")
    publisher.fill('textarea[name="description"]', "Measured by hand")

    save(publisher)
    publisher.wait_for_url(f"**/dataset/{dataset}")

    made = resources(publisher, dataset)
    assert [resource["name"] for resource in made] == ["Gauges of 2026", "stations.geojson", "read me.txt"]
    assert [resource["format"] for resource in made] == ["CSV", "GeoJSON", "TXT"]
    assert {resource["description"] for resource in made} == {"Measured by hand"}
    assert [resource["size"] for resource in made] == [path.stat().st_size for path in files]
    for resource, path in zip(made, files, strict=True):
        assert publisher.request.get(str(resource["url"])).body() == path.read_bytes()


def test_each_has_all_fields_of_the_form_as_ckan_reads_them(
    publisher: Page, s3: RunningServer, dataset: str, files: list[Path]
) -> None:
    open_new_resource(publisher, dataset)
    choose_files(publisher, files)
    custom = [
        ("theme", "water"),
        ("theme", "air"),
        ("stations__0__river", "Elbe"),
        ("stations__1__river", "Oder"),
    ]
    publisher.evaluate(
        """(fields) => {
             const form = document.querySelector("#resource-edit");
             for (const [name, value] of fields) {
               form.append(Object.assign(document.createElement("input"), {name, value}));
             }
           }""",
        custom,
    )
    wait_until_stored(publisher, 3)

    save(publisher)
    publisher.wait_for_url(f"**/dataset/{dataset}")

    made = resources(publisher, dataset)
    assert [json.loads(str(resource["stations"])) for resource in made] == [
        [{"river": "Elbe"}, {"river": "Oder"}]
    ] * 3


def test_they_share_the_connections(
    publisher: Page, s3: RunningServer, dataset: str, files: list[Path]
) -> None:
    hold = hold_parts(s3)
    open_new_resource(publisher, dataset)
    choose_files(publisher, files)
    hold.wait_for(AT_A_TIME)
    hold.release()

    wait_until_stored(publisher, 3)

    assert max(r.in_flight for r in s3.requests if r.operation == "UploadPart") == AT_A_TIME


def test_files_dropped_on_the_field_are_taken(publisher: Page, s3: RunningServer, dataset: str) -> None:
    open_new_resource(publisher, dataset)

    drop_files(publisher, {"a.csv": "1,2", "b.csv": "3,4"})

    wait_until_stored(publisher, 2)


def test_one_of_them_can_be_taken_out(
    publisher: Page, s3: RunningServer, dataset: str, files: list[Path]
) -> None:
    open_new_resource(publisher, dataset)
    choose_files(publisher, files)
    wait_until_stored(publisher, 3)

    row(publisher, "gauges.csv").get_by_role("button", name="Remove").click()

    expect(row(publisher, "gauges.csv")).to_have_count(0)
    expect(publisher.locator('input[name="name"]')).to_have_value("stations.geojson")
    save(publisher)
    publisher.wait_for_url(f"**/dataset/{dataset}")
    assert [resource["name"] for resource in resources(publisher, dataset)] == [
        "stations.geojson",
        "read me.txt",
    ]


def test_a_file_that_is_in_the_form_is_not_taken_twice(
    publisher: Page, s3: RunningServer, dataset: str, files: list[Path]
) -> None:
    open_new_resource(publisher, dataset)
    choose_files(publisher, files[:2])
    wait_until_stored(publisher, 2)

    choose_files(publisher, files)

    expect(
        publisher.get_by_role("alert").filter(has_text="stations.geojson is already in this form")
    ).to_be_visible()
    wait_until_stored(publisher, 3)
    assert [r.operation for r in s3.requests].count("CreateMultipartUpload") == 3


def test_saving_stops_where_one_of_them_failed_and_resumes_when_it_is_fixed(
    publisher: Page, s3: RunningServer, dataset: str, files: list[Path]
) -> None:
    s3.faults.add("UploadPart", status=403, first=1)
    open_new_resource(publisher, dataset)
    choose_files(publisher, files)
    wait_until_stored(publisher, 2)

    save(publisher)
    expect(publisher.get_by_role("button", name="Try again")).to_be_focused()
    publisher.keyboard.press("Enter")
    wait_until_stored(publisher, 3)
    save(publisher)

    publisher.wait_for_url(f"**/dataset/{dataset}")
    assert len(resources(publisher, dataset)) == 3


def test_a_form_that_ckan_refuses_makes_no_resource_and_loses_no_file(
    publisher: Page, s3: RunningServer, dataset: str, files: list[Path]
) -> None:
    open_new_resource(publisher, dataset)
    choose_files(publisher, files)
    wait_until_stored(publisher, 3)
    publisher.evaluate(
        """() => {
             const wrong = Object.assign(document.createElement("input"), {name: "cache_last_updated"});
             wrong.value = "not a date";
             document.querySelector("#resource-edit").append(wrong);
           }"""
    )

    save(publisher)

    expect(uploader(publisher)).to_be_visible()
    expect(publisher.locator(".error-explanation")).to_be_visible()
    assert resources(publisher, dataset) == []
    expect(row(publisher, "gauges.csv")).to_contain_text("Uploaded and verified")
    expect(publisher.locator('[data-s3portal="unfinished"]')).to_contain_text("stations.geojson")


def test_replacing_a_files_resource_takes_one_file(
    publisher: Page, s3: RunningServer, dataset: str, files: list[Path]
) -> None:
    call_action(
        publisher, "resource_create", {"package_id": dataset, "name": "Old", "url": "http://example.org/a"}
    )
    resource = resources(publisher, dataset)[0]
    publisher.goto(f"/dataset/{dataset}/resource/{resource['id']}/edit")
    expect(publisher.locator('[data-s3portal="invitation"]')).not_to_be_empty()
    expect(publisher.locator('[data-s3portal="input"]')).not_to_have_attribute("multiple", "")
    publisher.locator(".btn-remove-url:visible").click()

    drop_files(publisher, {"a.csv": "1,2", "b.csv": "3,4"})

    expect(publisher.get_by_role("alert").filter(has_text="Please choose one file")).to_be_visible()
    expect(saving_line(publisher)).to_be_hidden()
