"""Messages are translated: those of pages, of scripts, and of errors."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from browser import Browser, resource_form
from bs4 import BeautifulSoup
from callers import Caller
from werkzeug.test import TestResponse

from ckanext.s3multipart import messages
from s3portal.transfer import PartOutsidePlan, State, TransferError

PART_OUTSIDE_PLAN = f"de: fills in something else: {PartOutsidePlan.template}"

Setting = Callable[[str, object], None]


def test_all_is_collected_translated_and_compiled() -> None:
    """If not: bin/translations"""
    assert list(messages.TEXTS.problems()) == []


def test_there_are_german_and_french() -> None:
    assert {path.parts[-3] for path in messages.TEXTS.translations()} >= {"de", "fr"}


def test_every_error_and_every_word_in_it_can_be_translated() -> None:
    collected = {message.id for message in messages.TEXTS.collect()}

    assert {error.template for error in TransferError.__subclasses__()} <= collected
    assert {*State, "checksum"} <= collected


class TestWhatIsNotAsItShouldBe:
    @pytest.fixture
    def german(self, tmp_path, monkeypatch) -> Path:
        """A copy of the German translation, which may be spoiled."""
        folder = tmp_path / "i18n"
        template = messages.TEXTS.template
        shutil.copytree(template.parent, folder)
        monkeypatch.setattr(messages, "TEXTS", replace(messages.TEXTS, template=folder / template.name))
        return folder / "de" / "LC_MESSAGES" / "ckanext-s3multipart.po"

    @pytest.mark.parametrize(
        ("text", "spoiled", "problem"),
        [
            ('msgstr "Abbrechen"', 'msgstr ""', "de: not translated: Cancel"),
            ('msgid "Cancel"', 'msgid "Cancle"', "ckanext-s3multipart.po lacks: Cancel"),
            ('"noch etwa {time}"', '"noch etwa {zeit}"', "de: fills in something else: about {time} left"),
            ("Teil %(part_number)s", "Teil %(nummer)s", PART_OUTSIDE_PLAN),
            ('msgstr "Abbrechen"', 'msgstr "Halt"', "de: the .mo is not what the .po compiles to"),
            ('msgid "Cancel"', '#, fuzzy\nmsgid "Cancel"', "de: not translated: Cancel"),
        ],
    )
    def test_is_found(self, text: str, spoiled: str, problem: str, german: Path) -> None:
        content = german.read_text("utf-8")
        assert text in content
        german.write_text(content.replace(text, spoiled, 1), "utf-8")

        assert problem in list(messages.TEXTS.problems())

    def test_is_mended_as_far_as_a_program_can(self, german: Path) -> None:
        german.write_text(german.read_text("utf-8").replace('msgid "Cancel"', 'msgid "Cancle"'), "utf-8")

        messages.TEXTS.bring_up_to_date()

        assert list(messages.TEXTS.problems()) == ["de: not translated: Cancel"]
        assert "Cancle" not in german.read_text("utf-8")


def said(answer: TestResponse) -> str:
    """What a refusal says, its blanks of all kinds as plain ones."""
    return " ".join(answer.get_json()["error"]["message"].split())


class TestInGerman:
    def error(self, answer: TestResponse) -> dict:
        return answer.get_json()["error"]

    def test_a_refusal(self, anonymous: Caller) -> None:
        answer = anonymous.client().post("/de/api/3/action/s3multipart_upload_create", json={})

        assert self.error(answer)["message"].startswith("Melden Sie sich an")
        assert self.error(answer)["code"] == "not_signed_in"

    def test_a_refusal_with_figures(self, publisher: Caller, setting: Setting) -> None:
        setting("max_upload_size", "5.5 GB")

        answer = publisher.client().post(
            "/de/api/3/action/s3multipart_upload_create",
            json={"owner": publisher.dataset, "filename": "a.csv", "size": 6_000_000_000},
            headers=publisher.headers,
        )

        assert said(answer).startswith("Dieses Portal speichert Dateien bis 5,5 GB; diese hat 6 GB.")

    def test_the_words_in_a_refusal(self, publisher: Caller) -> None:
        upload = publisher.upload()

        answer = publisher.client().post(
            "/de/api/3/action/s3multipart_credentials", json={"id": upload["id"]}, headers=publisher.headers
        )

        assert (
            self.error(answer)["message"] == "Dieser Upload ist schon abgeschlossen und nimmt nichts mehr an."
        )
        assert self.error(answer)["state"] == "completed"

    def test_the_problem_with_a_field_and_its_limit(self, publisher: Caller) -> None:
        answer = publisher.client().post(
            "/de/api/3/action/s3multipart_upload_create",
            json={"owner": publisher.dataset, "filename": "x" * 1001, "size": 1},
            headers=publisher.headers,
        )

        assert said(answer) == "filename ist kein Text von höchstens 1000 Zeichen."
        assert self.error(answer)["problem"] == "must be a text of at most 1000 characters"

    def test_the_form(self, portal) -> None:
        browser = Browser(portal)

        form = resource_form(browser.get(f"/de/dataset/{browser.dataset}/resource/new"))

        uploader = form.select_one("[data-module=s3multipart-uploader]")
        assert uploader["data-locale"] == "de"
        assert json.loads(uploader["data-texts"])["cancel"] == "Abbrechen"

    def test_the_resource_page(self, publisher: Caller) -> None:
        resource = publisher.publish()

        page = publisher.get(f"/de/dataset/{publisher.dataset}/resource/{resource['id']}")

        html = BeautifulSoup(page.get_data(as_text=True), "html.parser")
        assert "Dauerhafter Link" in html.text
        shown = html.select_one(".s3multipart-file")
        addresses = [shown.find("a")["href"], shown.select(".s3multipart-copied")[-1].text]
        # Without the language in which it was read, and without a name that changes with the file.
        assert addresses == [resource["url"].removesuffix("/rivers.csv")] * 2


def test_sizes_are_written_as_the_french_write_them(publisher: Caller, setting: Setting) -> None:
    setting("max_upload_size", "5.5 GB")

    answer = publisher.client().post(
        "/fr/api/3/action/s3multipart_upload_create",
        json={"owner": publisher.dataset, "filename": "a.csv", "size": 5_500_000_001},
        headers=publisher.headers,
    )

    assert "à 5 500 000 000 octets ; celui-ci fait 5 500 000 001 octets" in said(answer)
