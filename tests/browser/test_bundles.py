"""The uploader as an installed package has it: one script for the form, under a strict policy, on a portal
below a path of its site."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from chromium import open_context
from installed_package import installed_package
from page_loading import modules, preloaded, under_policy, violations
from playwright.sync_api import Browser, Page, Route, expect
from portal_pages import (
    choose_file,
    download_sha256,
    log_in,
    new_dataset,
    open_resource,
    persistent_link,
    save,
    sha256,
    uploader,
    wait_until_uploaded,
)
from random_files import random_file

from s3portal.demo.people import PUBLISHER
from s3portal.demo.portal import Portal
from s3portal.demo.s3 import ExternalS3
from s3portal.server.testing import RunningServer

MIB = 1024 * 1024
#: The path of the portal on its site, which the web server takes off before it passes a request on.
ROOT_PATH = "/data"


@pytest.fixture(scope="module")
def installed_portal(tmp_path_factory: pytest.TempPathFactory, store: ExternalS3) -> Iterator[Portal]:
    """A portal that runs from the installed package."""
    package = installed_package(tmp_path_factory.mktemp("installed"))
    settings = {"ckan.root_path": f"{ROOT_PATH}/{{{{LANG}}}}"}
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", str(package), prepend=os.pathsep)
        # Python looks for a module that it is to run in the folder where it stands first.
        patched.chdir(package)
        folder = tmp_path_factory.mktemp("installed-portal")
        running = Portal(folder, s3=store, ckan_settings=settings, durable=False).start()
    yield running
    running.stop()


@pytest.fixture
def page(chromium: Browser, installed_portal: Portal, s3: RunningServer) -> Iterator[Page]:
    """A page in which the publisher is logged in."""

    def without_root_path(route: Route) -> None:
        route.continue_(url=served_at(route.request.url))

    context = open_context(chromium, base_url=installed_portal.url)
    context.route(f"{installed_portal.url}{ROOT_PATH}/**", without_root_path)
    page = context.new_page()
    log_in(page, PUBLISHER.name, PUBLISHER.password(installed_portal.secrets))
    yield page
    context.close()


def served_at(url: str) -> str:
    """Where the portal itself has a page."""
    return url.replace(f"{ROOT_PATH}/", "/", 1)


def open_form(page: Page) -> str:
    """Opens the form for a new resource of a new dataset; its name."""
    page.goto("/about")
    dataset = new_dataset(page)
    page.goto(f"{ROOT_PATH}/dataset/{dataset}/resource/new")
    page.wait_for_load_state("networkidle")
    expect(uploader(page)).to_be_visible()
    return dataset


def test_the_form_asks_for_one_script(page: Page) -> None:
    open_form(page)

    asked_for = modules(page)
    assert len(asked_for) == 1, sorted(asked_for)[:5]
    [script] = asked_for
    assert preloaded(page) == {script}
    assert urlsplit(script).path.startswith(f"{ROOT_PATH}/s3multipart/web/")
    assert script.endswith("/dist/ckan-form.js")


def test_the_script_has_a_source_map_beside_it(page: Page) -> None:
    open_form(page)
    [script] = modules(page)

    sources = page.evaluate(
        """async (script) => {
             const map = new URL((await fetch(script)).headers.get("SourceMap"), script);
             return (await (await fetch(map)).json()).sources;
           }""",
        script,
    )

    assert "../src/core/upload.js" in sources


def test_a_file_is_uploaded_under_a_strict_policy_its_checksums_computed_by_the_worker(
    page: Page, s3: RunningServer, tmp_path: Path
) -> None:
    file = random_file(tmp_path / "gauges.csv", 6 * MIB)
    under_policy(page, f"'self' {s3.endpoint}", served_at)
    dataset = open_form(page)

    with page.expect_request("**/s3multipart_upload_complete") as completing:
        choose_file(page, file)
        wait_until_uploaded(page)

    assert completing.value.post_data_json["checksum"]["algorithm"] == "CRC64NVME"
    assert [urlsplit(worker.url).path.rpartition("/s3multipart/web/")[2][17:] for worker in page.workers] == [
        "dist/checksum-worker.js"
    ]
    assert violations(page, ours=True) == []
    assert violations(page, ours=False), "CKAN's own inline handlers show that the policy holds"
    save(page)
    open_resource(page, file.name, dataset)
    assert download_sha256(page, persistent_link(page)) == sha256(file)
