"""Signing in to the console with a provider on another site, in a browser that tells sites apart."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from chromium import open_context
from playwright.sync_api import Browser, Page, expect
from test_console_in_chromium import SCREENS

from s3portal.console.serving import ConsoleFrontEnd
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer

pytest.importorskip("jwt", reason="identity providers need PyJWT")
from signing_in_provider import CLIENT_ID, CLIENT_SECRET, SigningInProvider


@pytest.fixture(scope="module")
def provider() -> Iterator[SigningInProvider]:
    # Another site than 127.0.0.1.
    provider = SigningInProvider("localhost")
    yield provider
    provider.close()


@pytest.fixture(scope="module")
def console(
    tmp_path_factory: pytest.TempPathFactory, provider: SigningInProvider
) -> Iterator[ConsoleFrontEnd]:
    root: Path = tmp_path_factory.mktemp("console") / "s3"
    root.mkdir()
    front_end = ConsoleFrontEnd(root, "127.0.0.1", 0)
    client = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "label": "Example University"}
    mappings = [{"role": "uploads", "subjects": ["anna"]}, {"role": "readers", "groups": ["staff"]}]
    entry = {"issuer": provider.issuer, "audiences": [CLIENT_ID], "roles": mappings, "console": client}
    config = server_config() | {"oidc_providers": [entry]}
    config["roles"].append({"name": "readers", "trusted": [], "policy": config["roles"][0]["policy"]})
    with RunningServer(root, config, front_end=front_end):
        yield front_end


@pytest.fixture(params=[True, False], ids=["scripts", "no scripts"])
def page(
    chromium: Browser, console: ConsoleFrontEnd, provider: SigningInProvider, request: pytest.FixtureRequest
) -> Iterator[Page]:
    provider.claims.clear()
    origin = console.url.removesuffix("/ui")
    context = open_context(chromium, base_url=origin, java_script_enabled=request.param)
    yield context.new_page()
    context.close()


def test_leads_there_and_back_to_the_page_that_was_wanted(page: Page, console: ConsoleFrontEnd) -> None:
    page.goto("/ui/buckets/test-bucket/objects")
    page.get_by_role("button", name="Sign in with Example University").click()
    expect(page).to_have_url(f"{console.url}/buckets/test-bucket/objects")
    expect(page.get_by_text("uploads/anna", exact=True)).to_be_visible()


def test_asks_for_the_role(page: Page, console: ConsoleFrontEnd, provider: SigningInProvider) -> None:
    provider.claims["groups"] = ["staff"]
    page.goto("/ui/sign-in")
    page.get_by_role("button", name="Sign in with Example University").click()
    page.get_by_role("radio", name="uploads").check()
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{console.url}/buckets")
    expect(page.get_by_text("uploads/anna", exact=True)).to_be_visible()


@pytest.mark.skipif(not os.environ.get("S3PORTAL_SCREENSHOTS"), reason="makes the pictures of the docs")
def test_pictures_for_the_docs(
    chromium: Browser, console: ConsoleFrontEnd, provider: SigningInProvider
) -> None:
    provider.claims |= {"sub": "anna", "groups": ["staff"]}
    for screen, (width, height, scheme) in SCREENS.items():
        context = open_context(
            chromium,
            base_url=console.url.removesuffix("/ui"),
            viewport={"width": width, "height": height},
            color_scheme=scheme,
        )
        page = context.new_page()
        page.goto("/ui/sign-in")
        for name in ("oidc", "oidc-role"):
            page.screenshot(path=f"docs/screenshots/console-{name}-{screen}.jpg", type="jpeg", quality=70)
            if name == "oidc":
                page.get_by_role("button", name="Sign in with Example University").click()
                expect(page.get_by_role("heading", level=1)).to_have_text("Choose a role")
        context.close()
    provider.claims.clear()


@pytest.mark.parametrize("page", [True], indirect=True)
@pytest.mark.parametrize("groups", [[], ["staff"]], ids=["refused", "roles"])
def test_the_pages_have_no_serious_finding(
    page: Page, provider: SigningInProvider, groups: list[str]
) -> None:
    provider.claims |= {"sub": "bert", "groups": groups} if not groups else {"groups": groups}
    page.goto("/ui/sign-in")
    for heading in ("Sign in", "You are not signed in" if not groups else "Choose a role"):
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        found = Axe().run(page).response["violations"]
        assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
        if heading == "Sign in":
            page.get_by_role("button", name="Sign in with Example University").click()
