"""Datasets of a type that the site declares for ckanext-scheming: the uploader is in their form, and what the
form sends becomes a resource."""

from pathlib import Path

import pytest
import requests
from neighbour_site import TIMEOUT_S, Site
from playwright.sync_api import Page, expect
from portal_pages import choose_file, persistent_link, save, uploader, wait_until_uploaded

CONTENT = b"gauge,level\nBasel,3\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "levels.csv"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def dataset(site: Site) -> str:
    return site.dataset(type="gauge", river="Rhine")


def test_a_file_is_uploaded_in_the_form_of_the_type(
    site: Site, publisher: Page, dataset: str, file: Path
) -> None:
    publisher.goto(f"/gauge/{dataset}/resource/new")
    choose_file(publisher, file)
    wait_until_uploaded(publisher)
    publisher.get_by_label("Station").fill("Basel")
    save(publisher)
    publisher.wait_for_url(f"**/gauge/{dataset}")

    [resource] = site.do("package_show", id=dataset)["resources"]
    assert resource["station"] == "Basel"
    assert resource["size"] == len(CONTENT)
    assert resource["format"] == "CSV"
    publisher.goto(f"/gauge/{dataset}/resource/{resource['id']}")
    link = persistent_link(publisher)
    assert requests.get(link, timeout=TIMEOUT_S).content == CONTENT


def test_the_form_of_a_resource_knows_its_file(site: Site, publisher: Page, dataset: str) -> None:
    resource = site.publish(dataset, CONTENT, "levels.csv", "text/csv", station="Basel")

    publisher.goto(f"/gauge/{dataset}/resource/{resource['id']}/edit")

    expect(uploader(publisher)).to_be_visible()
    assert uploader(publisher).get_attribute("data-existing") == "levels.csv"


def test_what_is_declared_and_what_is_true_of_the_file_stay_when_it_is_saved_again(
    site: Site, dataset: str
) -> None:
    resource = site.publish(dataset, CONTENT, "levels.csv", "text/csv", station="Basel")

    saved = site.do("resource_patch", id=resource["id"], station="Mainz", size=1)

    assert saved["station"] == "Mainz"
    for name in ("size", "mimetype", "url_type", "s3multipart_checksum", "url"):
        assert saved[name] == resource[name]
