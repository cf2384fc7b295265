"""Messages are translated: those of pages, of scripts, and of errors."""

import json
from collections.abc import Callable
from io import BytesIO

import pytest
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po
from browser import Browser, resource_form
from callers import Caller
from werkzeug.test import TestResponse

from ckanext.s3multipart.messages import TEMPLATE, collect
from s3portal.transfer.errors import TransferError

Setting = Callable[[str, object], None]
TRANSLATIONS = sorted(TEMPLATE.parent.glob("*/LC_MESSAGES/*.po"))


def test_every_message_of_the_extension_can_be_translated() -> None:
    """If not: python -m ckanext.s3multipart.messages"""
    with TEMPLATE.open("rb") as template:
        written = {message.id for message in read_po(template)}
    own = {message.id for message in collect() if "s3portal/uploader.html" not in str(message.locations)}

    assert own <= written


def test_every_error_can_be_translated() -> None:
    collected = {message.id for message in collect()}

    assert {error.template for error in TransferError.__subclasses__()} <= collected


@pytest.mark.parametrize("path", TRANSLATIONS, ids=lambda path: path.parts[-3])
class TestTranslation:
    def test_it_is_complete_for_the_extension(self, path) -> None:
        with path.open("rb") as written:
            translated = {message.id for message in read_po(written) if message.string}
        own = {message.id for message in collect() if "s3portal/uploader.html" not in str(message.locations)}

        assert own <= translated

    def test_it_keeps_what_is_filled_in(self, path) -> None:
        with path.open("rb") as written:
            for message in read_po(written):
                assert not list(message.check()), message.id

    def test_the_compiled_one_is_up_to_date(self, path) -> None:
        compiled = BytesIO()
        with path.open("rb") as written:
            write_mo(compiled, read_po(written))
        compiled.seek(0)
        with path.with_suffix(".mo").open("rb") as shipped:
            assert {m.id: m.string for m in read_mo(shipped)} == {m.id: m.string for m in read_mo(compiled)}


class TestInGerman:
    def error(self, answer: TestResponse) -> dict:
        return answer.get_json()["error"]

    def test_a_refusal(self, anonymous: Caller) -> None:
        answer = anonymous.client().post("/de/api/3/action/s3multipart_upload_create", json={})

        assert self.error(answer)["message"].startswith("Melden Sie sich an")
        assert self.error(answer)["code"] == "not_signed_in"

    def test_a_refusal_with_figures(self, publisher: Caller, setting: Setting) -> None:
        setting("max_upload_size", "5 GB")

        answer = publisher.client().post(
            "/de/api/3/action/s3multipart_upload_create",
            json={"owner": publisher.dataset, "filename": "a.csv", "size": 6_000_000_000},
            headers=publisher.headers,
        )

        assert self.error(answer)["message"].startswith(
            "Dieses Portal speichert Dateien bis 5 GB; diese hat 6 GB."
        )

    def test_the_form(self, portal) -> None:
        browser = Browser(portal)

        form = resource_form(browser.get(f"/de/dataset/{browser.dataset}/resource/new"))

        uploader = form.select_one("[data-module=s3multipart-uploader]")
        assert uploader["data-locale"] == "de"
        assert json.loads(uploader["data-texts"])["cancel"] == "Abbrechen"

    def test_the_resource_page(self, publisher: Caller) -> None:
        resource = publisher.publish()

        page = publisher.get(f"/de/dataset/{publisher.dataset}/resource/{resource['id']}")

        assert "Dauerhafter Link" in page.get_data(as_text=True)
