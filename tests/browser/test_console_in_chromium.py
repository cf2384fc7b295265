"""The console in a real browser: every page on a desktop and a phone, uploads, scripts, and hostile names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import pytest
from chromium import open_context
from console_in_browser import ACL_BUCKET, BUCKET, client_of, serious_findings, sign_in
from console_in_browser import console as console  # a fixture
from playwright.sync_api import Browser, BrowserContext, Page, expect
from random_files import random_file

from s3portal.console.app import create_console
from s3portal.console.serving import ConsoleFrontEnd, backend_of
from s3portal.server.testing import RunningServer

HOSTILE = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script>{{7*7}}"
SCREENS: dict[str, tuple[int, int, Literal["light", "dark"]]] = {
    "desktop": (1280, 800, "light"),
    "phone": (390, 844, "dark"),
}
PAGES = (
    "/ui/buckets",
    "/ui/buckets/open?name=no-such-bucket",
    "/ui/buckets/new",
    f"/ui/buckets/{BUCKET}/objects",
    f"/ui/buckets/{BUCKET}/objects?prefix=no-such-folder/",
    f"/ui/buckets/{BUCKET}/object?key=stations.csv",
    f"/ui/buckets/{BUCKET}/object/share?key=stations.csv",
    f"/ui/buckets/{BUCKET}/object/preview?key=stations.csv",
    f"/ui/buckets/{BUCKET}/upload?prefix=2026/",
    f"/ui/buckets/{BUCKET}/uploads",
    f"/ui/buckets/{BUCKET}/policy?preset=public-read",
    f"/ui/buckets/{BUCKET}/settings",
    f"/ui/buckets/{BUCKET}/acl",
    f"/ui/buckets/{ACL_BUCKET}/acl",
    f"/ui/buckets/{ACL_BUCKET}/acl?key=levels.csv",
    f"/ui/buckets/{ACL_BUCKET}/object?key=levels.csv",
    f"/ui/buckets/{ACL_BUCKET}/settings",
    f"/ui/buckets/{BUCKET}/documents/cors",
    f"/ui/buckets/{BUCKET}/documents/lifecycle",
    f"/ui/buckets/{BUCKET}/documents/notifications",
    f"/ui/buckets/{BUCKET}/delete",
    "/ui/people/users",
    "/ui/people/users/one?name=anna",
    "/ui/people/groups",
    "/ui/people/groups/one?name=hydrologists",
    "/ui/people/roles",
    "/ui/people/roles/one?name=harvester",
    "/ui/people/policies",
    "/ui/people/policies/one?arn=arn:aws:iam::000000000000:policy/reading",
    "/ui/why?who=user/anna&action=s3:GetObject&resource=test-bucket/a",
    "/ui/keys",
    "/ui/keys/one?id=alias/field-data",
    "/ui/server",
    "/ui/server?over=day",
    "/ui/server/audit",
    "/ui/server/integrity",
    "/ui/server/connections",
    f"/ui/buckets/{BUCKET}/replication",
    "/ui/server/about",
    "/ui/no-such-page",
)
#: What is asked for by GET and is no page, or is walked through by those who are not signed in.
NO_PAGES = {
    *("static", "uploading.web", "object.download", "home", "people.home"),
    *("sign_in.show", "oidc.come_back", "pdf_frame.show"),
}


#: Tables that are wider than the place that they have.
NOT_WITHIN = """tables => tables.map(table => table.parentElement)
    .filter(place => place.checkVisibility() && place.scrollWidth > place.clientWidth)
    .map(place => place.ariaLabel)"""


@pytest.fixture
def s3(console: tuple[ConsoleFrontEnd, RunningServer]) -> Any:
    return client_of(console[1])


@pytest.fixture
def context(chromium: Browser, console: tuple[ConsoleFrontEnd, RunningServer]) -> Iterator[BrowserContext]:
    context = open_context(chromium, base_url=console[0].url.removesuffix("/ui"))
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, console: tuple[ConsoleFrontEnd, RunningServer]) -> Iterator[Page]:
    """The administrator's page. What a browser complains about fails the test."""
    page, complaints = context.new_page(), []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    sign_in(page, console[1])
    yield page
    assert [text for text in complaints if "Content Security Policy" in text and "sandbox" not in text] == []


def choose(page: Page, file: Path) -> None:
    """Choose a file once the uploader shows: before that, nobody can, and nothing listens."""
    expect(page.get_by_role("button", name="Drop files here")).to_be_visible()
    page.locator("[data-s3portal=input]").set_input_files(file)


def test_every_page_of_the_console_is_walked_through(
    console: tuple[ConsoleFrontEnd, RunningServer], tmp_path: Path
) -> None:
    """A page that somebody adds has to be added above too."""
    app = create_console(backend_of(console[1]._server, tmp_path))
    urls = app.url_map.bind("")
    walked = {urls.match(path.partition("?")[0])[0] for path in PAGES if path != "/ui/no-such-page"}
    pages = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert pages - walked - NO_PAGES == set()


@pytest.mark.parametrize("screen", SCREENS)
def test_every_page_fits_the_screen_and_axe_has_nothing_serious(page: Page, screen: str) -> None:
    width, height, scheme = SCREENS[screen]
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)
    for path in PAGES:
        page.goto(path)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is too wide"
        if screen == "phone":
            assert page.locator("table.cells").evaluate_all(NOT_WITHIN) == [], path
        assert serious_findings(page) == [], path


def test_a_table_stays_one_on_a_phone(page: Page) -> None:
    """Its rows are drawn as cards there; who reads it by ear still hears rows and columns."""
    width, height, _ = SCREENS["phone"]
    page.set_viewport_size({"width": width, "height": height})
    page.goto("/ui/buckets")
    row = page.get_by_role("table").get_by_role("row").filter(has_text=ACL_BUCKET)
    expect(row.get_by_role("rowheader")).to_have_text(ACL_BUCKET)
    expect(row.get_by_role("cell").filter(has_text="public")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Access")).to_have_count(1)
    # Each value has its heading beside it, which is drawn and not part of the page's text.
    labels = row.locator("td").evaluate_all(
        "cells => cells.map(cell => getComputedStyle(cell, '::before').content)"
    )
    assert [label.split('"')[1].strip() for label in labels] == [
        "Objects",
        "Size",
        "Access",
        "Versions",
        "Created",
    ]


def test_the_keyboard_alone_is_enough(page: Page) -> None:
    page.goto("/ui/buckets")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == BUCKET:
            break
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/buckets/{BUCKET}/objects")


def test_a_file_is_uploaded_and_is_an_object_at_once(page: Page, s3: Any, tmp_path: Path) -> None:
    file = random_file(tmp_path / "ü river.bin", 12 * 1024 * 1024 + 5)
    page.goto(f"/ui/buckets/{BUCKET}/upload?prefix=up%20here/")
    choose(page, file)
    expect(page.get_by_text("Uploaded and verified").first).to_be_visible()
    stored = s3.get_object(Bucket=BUCKET, Key="up here/ü river.bin", ChecksumMode="ENABLED")
    assert stored["Body"].read() == file.read_bytes() and "ChecksumCRC64NVME" in stored
    page.reload()
    expect(page.locator("[data-s3portal=input]")).to_be_attached()
    expect(page.get_by_text("ü river.bin")).to_have_count(0)
    # The row is over: giving the upload up later would not remove the object.
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET, Prefix="up here/")


def test_an_upload_that_a_closed_page_left_is_offered_again_and_continued(
    page: Page,
    context: BrowserContext,
    console: tuple[ConsoleFrontEnd, RunningServer],
    s3: Any,
    tmp_path: Path,
) -> None:
    server = console[1]
    file = random_file(tmp_path / "half.bin", 40 * 1024 * 1024)
    hold = server.faults.hold("UploadPart", after=4)
    try:
        page.goto(f"/ui/buckets/{BUCKET}/upload")
        choose(page, file)
        expect(page.locator("[data-s3portal=progress]")).to_be_visible()
        page.wait_for_function("() => document.querySelector('[data-s3portal=progress]').value > 0.3")
        page.close(run_before_unload=False)
    finally:
        hold.release()
        server.faults.clear()
    again = context.new_page()
    again.goto(f"/ui/buckets/{BUCKET}/upload")
    expect(again.get_by_text("You have an unfinished upload here")).to_be_visible()
    server.requests.clear()
    choose(again, file)
    expect(again.get_by_text("Uploaded and verified").first).to_be_visible()
    assert s3.get_object(Bucket=BUCKET, Key="half.bin")["Body"].read() == file.read_bytes()
    sent = [r for r in server.requests if r.operation == "UploadPart" and r.status == 200]
    assert len(sent) < 8, "what was stored is not sent again"


def test_names_and_contents_of_others_do_nothing(page: Page, s3: Any) -> None:
    """A dialog would fail the test, and so would anything that the content security policy stops."""
    s3.put_object(
        Bucket=BUCKET, Key=HOSTILE, Body=HOSTILE.encode(), Metadata={"a": "<b>x"}, ContentType="text/plain"
    )
    s3.put_object(Bucket=BUCKET, Key="evil.csv", Body=f"{HOSTILE},b\n1,2\n".encode())
    s3.put_object_tagging(Bucket=BUCKET, Key="evil.csv", Tagging={"TagSet": [{"Key": "a", "Value": "b + c"}]})
    key = quote(HOSTILE, safe="")
    for path in (
        f"/ui/buckets/{BUCKET}/objects",
        f"/ui/buckets/{BUCKET}/object?key={key}",
        f"/ui/buckets/{BUCKET}/object/preview?key={key}",
        f"/ui/buckets/{BUCKET}/object/share?key={key}",
        f"/ui/buckets/{BUCKET}/object/preview?key=evil.csv",
        f"/ui/buckets/{BUCKET}/objects?prefix={key}",
        f"/ui/buckets/{BUCKET}/upload?prefix={key}",
        f"/ui/buckets/{key}/objects",
        f"/ui/people/users/one?name={key}",
    ):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        assert page.locator("img[src=x]").count() == 0, path
        assert "49" not in page.title()


@pytest.mark.parametrize(("name", "kind"), [("evil.html", "text/html"), ("evil.svg", "image/svg+xml")])
def test_a_page_that_somebody_uploaded_gets_no_further_than_its_frame(
    page: Page, s3: Any, name: str, kind: str
) -> None:
    script = "<script>parent.postMessage(document.cookie,'*');alert(3)</script>"
    body = f"<svg xmlns='http://www.w3.org/2000/svg'>{script}</svg>" if name.endswith("svg") else script
    s3.put_object(Bucket=BUCKET, Key=name, Body=body.encode(), ContentType=kind)
    page.add_init_script("addEventListener('message', () => { window.wasReached = true })")
    page.goto(f"/ui/buckets/{BUCKET}/object/preview?key={name}")
    page.wait_for_load_state("networkidle")
    assert page.frames[1].url.startswith("http")
    assert page.evaluate("window.wasReached") is None


def test_a_draft_is_kept_and_comes_back(page: Page) -> None:
    page.goto(f"/ui/buckets/{BUCKET}/policy")
    page.get_by_label("Policy (JSON)").fill('{"mine": 1}')
    expect(page.get_by_text("Your draft is kept in this browser.")).to_be_visible()
    page.goto(f"/ui/buckets/{BUCKET}/policy")
    page.get_by_label("Begin with").select_option("custom")
    page.get_by_role("button", name="Put it into the editor").click()
    expect(page.get_by_label("Policy (JSON)")).to_have_value('{"mine": 1}')


def test_a_mistake_is_selected_in_the_editor(page: Page) -> None:
    page.goto(f"/ui/buckets/{BUCKET}/documents/cors")
    page.get_by_role("textbox").fill('{\n  "CORSRules": [,]\n}')
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Line 2")
    selected = page.evaluate(
        "(({ value, selectionStart, selectionEnd }) => value.slice(selectionStart, selectionEnd))"
        "(document.activeElement)"
    )
    assert selected == '  "CORSRules": [,]'


def test_an_acl_is_changed_by_labels_and_names(page: Page, s3: Any) -> None:
    s3.put_object(Bucket=ACL_BUCKET, Key="changed.csv", Body=b"x")
    page.goto(f"/ui/buckets/{ACL_BUCKET}/object?key=changed.csv")
    page.get_by_role("link", name="ACL", exact=True).click()
    expect(page.get_by_text("This ACL lets nobody in")).to_be_visible()
    page.get_by_label("To", exact=True).select_option(label="Everybody, also without signing in")
    page.get_by_label("They may").select_option(label="read it")
    page.get_by_role("button", name="Grant", exact=True).click()
    expect(page.get_by_text("This ACL lets everybody in.")).to_be_visible()
    page.get_by_role("button", name="Remove READ, Everybody, also without signing in").click()
    expect(page.get_by_text("This ACL lets nobody in")).to_be_visible()
    page.get_by_label("Account", exact=True).fill("12")
    page.get_by_role("button", name="Grant", exact=True).click()
    expect(page.locator("#problem")).to_be_focused()
    expect(page.get_by_label("Account", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Account", exact=True)).to_have_value("12")


def test_all_of_a_page_is_chosen_and_deleted_step_by_step(page: Page, s3: Any) -> None:
    for number in range(3):
        s3.put_object(Bucket=BUCKET, Key=f"gone/{number}", Body=b"")
    page.goto(f"/ui/buckets/{BUCKET}/objects?prefix=gone/")
    page.get_by_label("Choose all of this page").check()
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("3 objects are deleted")).to_be_visible()
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET, Prefix="gone/")


def test_without_scripts_every_page_is_readable(
    chromium: Browser, console: tuple[ConsoleFrontEnd, RunningServer]
) -> None:
    context = open_context(chromium, base_url=console[0].url.removesuffix("/ui"), java_script_enabled=False)
    page = context.new_page()
    sign_in(page, console[1])
    for path in PAGES:
        page.goto(path)
        assert page.locator("main").inner_text().strip(), path
    page.goto(f"/ui/buckets/{BUCKET}/object?key=stations.csv")
    expect(page.get_by_role("link", name="Download").first).to_be_visible()
    context.close()


def test_nobody_can_frame_the_console(
    page: Page, console: tuple[ConsoleFrontEnd, RunningServer], s3: Any
) -> None:
    url = console[0].url
    s3.put_object(
        Bucket=BUCKET,
        Key="frame.html",
        Body=f"<iframe src='{url}/buckets'></iframe>".encode(),
        ContentType="text/html",
    )
    link = s3.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "frame.html"})
    other = page.context.new_page()
    other.goto(link)
    other.wait_for_load_state("networkidle")
    assert all(BUCKET not in frame.locator("body").inner_text() for frame in other.frames[1:])
