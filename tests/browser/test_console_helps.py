"""What the console's pages do for people in a browser: copy, show where a form is wrong, show a PDF."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from chromium import open_context
from console_in_browser import BUCKET, client_of, serious_findings, sign_in
from console_in_browser import console as console  # a fixture
from playwright.sync_api import Browser, BrowserContext, Page, expect

from s3portal.console.serving import ConsoleFrontEnd
from s3portal.server.testing import RunningServer

OBJECT = f"/ui/buckets/{BUCKET}/object"
#: One page that says "Elbe", with a script that would call out and a link.
PDF = b"""%PDF-1.4
1 0 obj <</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert("reached"))>>>> endobj
2 0 obj <</Type/Pages/Kids[3 0 R]/Count 1>> endobj
3 0 obj <</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>> endobj
4 0 obj <</Length 38>> stream
BT /F 24 Tf 20 100 Td (Elbe) Tj ET    \nendstream endobj
5 0 obj <</Type/Font/Subtype/Type1/BaseFont/Helvetica>> endobj
trailer <</Size 6/Root 1 0 R>>
%%EOF"""


@pytest.fixture
def s3(console: tuple[ConsoleFrontEnd, RunningServer]) -> Any:
    return client_of(console[1])


@pytest.fixture
def context(chromium: Browser, console: tuple[ConsoleFrontEnd, RunningServer]) -> Iterator[BrowserContext]:
    context = open_context(chromium, base_url=console[0].url.removesuffix("/ui"))
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, console: tuple[ConsoleFrontEnd, RunningServer]) -> Page:
    page = context.new_page()
    sign_in(page, console[1])
    return page


def is_focused(page: Page, selector: str) -> bool:
    return bool(page.evaluate("selector => document.activeElement.matches(selector)", selector))


class TestCopying:
    @pytest.mark.parametrize("has_clipboard", [True, False], ids=["clipboard", "plain HTTP"])
    def test_a_link_and_a_secret(
        self,
        context: BrowserContext,
        page: Page,
        console: tuple[ConsoleFrontEnd, RunningServer],
        has_clipboard: bool,
    ) -> None:
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        if not has_clipboard:
            # As browsers have it for pages over plain HTTP from elsewhere than this machine.
            page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
        page.goto(f"{OBJECT}/share?key=stations.csv")
        page.get_by_role("button", name="Make the link").click()
        page.get_by_role("button", name="Copy the link").click()
        expect(page.get_by_role("button", name="Copied")).to_be_focused()
        link = page.get_by_label("Link to download").input_value()
        assert "X-Amz-Signature" in link and self.pasted(context) == link

        user = f"copier-{has_clipboard}"
        client_of(console[1], "iam").create_user(UserName=user)
        page.goto(f"/ui/people/users/one?name={user}")
        page.get_by_role("button", name="Create an access key").click()
        page.get_by_role("button", name="Copy the secret").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        secret = page.get_by_label("Secret access key").input_value()
        assert len(secret) == 40 and self.pasted(context) == secret

    def pasted(self, context: BrowserContext) -> str:
        """What somebody gets who pastes."""
        other = context.new_page()
        other.goto("/ui/buckets/new")
        other.get_by_label("Name", exact=True).evaluate("field => field.removeAttribute('maxlength')")
        other.get_by_label("Name", exact=True).press("Control+V")
        text = other.get_by_label("Name", exact=True).input_value()
        other.close()
        return text


class TestRefusedForms:
    """Who reads by ear is where the mistake is told: at the field that is wrong, or at the sentence."""

    def test_the_sentence_has_the_focus(self, page: Page) -> None:
        page.goto("/ui/people/users")
        page.get_by_label("Name of a new user").fill("no good name!")
        page.get_by_role("button", name="Create").click()
        expect(page.get_by_role("alert")).to_be_focused()
        assert serious_findings(page) == []
        # The next key leads into the form.
        page.goto(f"{OBJECT}?key=stations.csv")
        page.locator("textarea[name=tags]").fill("nonsense")
        page.locator("form[action$='/object/tags'] button").click()
        expect(page.get_by_role("alert")).to_be_focused()

    def test_the_only_field_has_the_focus_and_tells_what_is_wrong(self, page: Page) -> None:
        page.goto("/ui/buckets/new")
        page.get_by_label("Name", exact=True).fill("Not-A-Name")
        page.get_by_role("button", name="Create").click()
        field = page.get_by_label("Name", exact=True)
        expect(field).to_be_focused()
        assert "problem" in (field.get_attribute("aria-describedby") or "")
        expect(page.locator("#problem")).to_be_visible()

    def test_the_line_of_a_document_has_the_focus(self, page: Page) -> None:
        page.goto(f"/ui/buckets/{BUCKET}/policy")
        page.get_by_label("Policy (JSON)").fill("{\n  nonsense\n}")
        page.get_by_role("button", name="Save the policy").click()
        field = page.get_by_label("Policy (JSON)")
        expect(field).to_be_focused()
        assert field.get_attribute("aria-invalid") == "true"


class TestPDF:
    def test_opens_in_a_tab_of_the_store_s(
        self, page: Page, s3: Any, console: tuple[ConsoleFrontEnd, RunningServer]
    ) -> None:
        """Its script would ask over the console; a dialog there would fail the test."""
        s3.put_object(Bucket=BUCKET, Key="levels, ü.pdf", Body=PDF, ContentType="text/html")
        page.goto(f"{OBJECT}/preview?key={quote('levels, ü.pdf')}")
        expect(page.get_by_role("link", name="Open in a new tab")).to_be_visible()
        expect(page.get_by_text("This is its text alone")).to_have_count(0)
        expect(page.locator("iframe, embed, object")).to_have_count(1)
        expect(page.locator("iframe")).to_have_attribute("sandbox", "allow-scripts")
        assert serious_findings(page) == []
        s3.put_object(Bucket=BUCKET, Key="levels, ü.pdf", Body=PDF.replace(b"app.alert", b"app.noalert"))
        with page.context.expect_page() as opened:
            page.get_by_role("link", name="Open in a new tab").click()
        assert opened.value.evaluate("window.opener") is None
        assert opened.value.url.startswith(console[1].endpoint)
