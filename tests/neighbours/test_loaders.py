"""What loads files into CKAN's datastore: xloader itself, and how datapusher fetches them, by its source.
datapusher is a service beside CKAN, and what PyPI has of it runs on no Python that CKAN 2.12 runs on."""

import hashlib
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from neighbour_site import TIMEOUT_S, Site
from playwright.sync_api import Page, expect
from waiting import wait_until

from s3portal.demo.portal import Portal
from s3portal.demo.process import Child

CONTENT = b"gauge,level\nBasel,3\nKoeln,4\n"
NEW_CONTENT = b"gauge,level\nMainz,5\n"


@pytest.fixture(scope="module", autouse=True)
def jobs_worker(portal: Portal) -> Iterator[Child]:
    """CKAN's background jobs, which xloader is one of."""
    command = [sys.executable, "-m", "s3portal.demo.ckan_command", "-c", portal.ckan.ini, "jobs", "worker"]
    worker = Child("ckan jobs worker", command, log=portal.ckan.folder / "jobs.log")
    yield worker
    # It has nothing left to do, and would take its time to notice.
    worker.kill()


def job(site: Site, resource: dict[str, Any]) -> str:
    """The job by which xloader loaded the file last, "" while it is at it.

    It alone is asked meanwhile: CKAN's own search in the datastore and a table that is loaded anew can wait
    for each other for ever.
    """
    status = site.do("xloader_status", resource_id=resource["id"])
    return str(status["job_id"]) if status["status"] == "complete" else ""


def gauges(site: Site, resource: dict[str, Any]) -> list[str]:
    """What the datastore has of the file."""
    found = site.do("datastore_search", resource_id=resource["id"])
    return [record["gauge"] for record in found["records"]]


@pytest.mark.parametrize("private", [False, True], ids=["public", "private"])
def test_xloader_loads_a_file_and_the_one_that_replaces_it(site: Site, private: bool) -> None:
    dataset = site.dataset(private=private)
    resource = site.publish(dataset, CONTENT, "levels.csv", "text/csv", format="CSV")
    wait_until(lambda: job(site, resource), "the file is in the datastore")
    first = job(site, resource)
    assert gauges(site, resource) == ["Basel", "Koeln"]

    upload = site.upload(dataset, NEW_CONTENT, "levels.csv", "text/csv", resource=resource["id"])
    site.do("resource_patch", id=resource["id"], s3multipart_upload_id=upload["id"])

    wait_until(lambda: job(site, resource) not in ("", first), "the new file is in the datastore")
    assert gauges(site, resource) == ["Mainz"]


def test_what_xloader_writes_into_the_resource_leaves_its_file_alone(site: Site) -> None:
    published = site.publish(site.dataset(), CONTENT, "levels.csv", "text/csv", format="CSV")
    wait_until(lambda: job(site, published), "the file is in the datastore")

    resource = site.do("resource_show", id=published["id"])

    assert resource["datastore_active"]
    assert resource["hash"] == hashlib.md5(CONTENT).hexdigest()
    assert resource["size"] == len(CONTENT)
    assert requests.get(resource["url"], timeout=TIMEOUT_S).content == CONTENT


def test_the_view_of_a_table_shows_what_was_loaded(site: Site, publisher: Page) -> None:
    resource = site.publish(site.dataset(private=True), CONTENT, "levels.csv", "text/csv", format="CSV")
    wait_until(lambda: job(site, resource), "the file is in the datastore")

    publisher.goto(site.view(resource, "datatables_view"))

    expect(publisher.get_by_role("cell", name="Koeln")).to_be_visible()


@pytest.mark.parametrize("private", [False, True], ids=["public", "private"])
def test_datapusher_gets_a_file_with_its_token(site: Site, private: bool) -> None:
    """datapusher, jobs.py: the token goes along where the file is an upload, and redirects are followed."""
    resource = site.publish(site.dataset(private=private), CONTENT, "levels.csv", "text/csv")
    assert resource["url_type"] == "upload"

    response = requests.get(resource["url"], headers=site.headers, timeout=TIMEOUT_S, stream=True)

    response.raise_for_status()
    assert int(response.headers["content-length"]) == len(CONTENT)
    assert b"".join(response.iter_content(16 * 1024)) == CONTENT
