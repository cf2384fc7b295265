"""How the uploader comes to the page: all its modules at once, and under a strict Content-Security-Policy."""

from pathlib import Path

import pytest
from page_loading import modules, preloaded, under_policy, violations
from playwright.sync_api import Page, expect
from portal_pages import (
    choose_file,
    download_sha256,
    open_new_resource,
    open_resource,
    persistent_link,
    save,
    sha256,
    wait_until_uploaded,
)
from random_files import random_file

from s3portal.server.testing import RunningServer

MIB = 1024 * 1024


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return random_file(tmp_path / "gauges.csv", 6 * MIB)


def test_the_page_names_each_module_that_the_form_needs_and_no_other(publisher: Page, dataset: str) -> None:
    open_new_resource(publisher, dataset)

    assert len(modules(publisher)) > 40
    assert modules(publisher) == preloaded(publisher)


def test_no_module_waits_for_another_one_to_be_read(publisher: Page, dataset: str) -> None:
    publisher.route("**/src/ckan/form.js", lambda route: route.abort())

    publisher.goto(f"/dataset/{dataset}/resource/new")

    # All come although the first was never read; a module that waited for another one would never come.
    publisher.wait_for_function(
        """() => {
             const loaded = new Set(performance.getEntriesByType("resource").map((entry) => entry.name));
             const named = [...document.querySelectorAll("link[rel=modulepreload]")];
             return named.every((link) => loaded.has(link.href));
           }"""
    )
    assert modules(publisher) == preloaded(publisher)


def test_a_strict_policy_that_names_the_store_is_all_that_the_form_needs(
    publisher: Page, s3: RunningServer, dataset: str, file: Path
) -> None:
    under_policy(publisher, f"'self' {s3.endpoint}")
    open_new_resource(publisher, dataset)
    choose_file(publisher, file)
    wait_until_uploaded(publisher)
    assert violations(publisher, ours=True) == []
    assert violations(publisher, ours=False), "CKAN's own inline handlers show that the policy holds"

    save(publisher)
    open_resource(publisher, file.name, dataset)

    expect(publisher.get_by_role("button", name="Copy the link")).to_be_visible()
    assert violations(publisher, ours=True) == []
    assert download_sha256(publisher, persistent_link(publisher)) == sha256(file)


def test_a_policy_that_does_not_name_the_store_stops_the_parts(
    publisher: Page, s3: RunningServer, dataset: str, file: Path
) -> None:
    under_policy(publisher, "'self'")
    open_new_resource(publisher, dataset)

    choose_file(publisher, file)

    publisher.wait_for_function(
        "endpoint => window.violations.some(({ours, text}) => ours && text.includes(endpoint))",
        arg=s3.endpoint,
    )
