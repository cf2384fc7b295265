"""The plugin speaks German and French: every text has its translation, and pages and refusals use it."""

import json
import re
from html import unescape
from io import BytesIO

import pytest
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po
from caller import Caller
from indico.core.db import db
from indico.modules.categories import Category
from indico.modules.users import User

from indico_plugin.messages import TEMPLATE, collect

TRANSLATIONS = sorted(TEMPLATE.parent.glob("*/LC_MESSAGES/messages.po"))


def test_there_are_german_and_french():
    assert [path.parts[-3] for path in TRANSLATIONS] == ["de_DE", "fr_FR"]


@pytest.mark.parametrize("path", TRANSLATIONS, ids=lambda path: path.parts[-3])
class TestTranslation:
    def test_it_is_complete(self, path):
        """If not: the docstring of indico_plugin/messages.py."""
        with path.open("rb") as written:
            translated = {message.id for message in read_po(written) if message.string}
        own = {message.id for message in collect() if "uploader.html" not in str(message.locations)}
        assert own <= translated

    def test_it_keeps_what_is_filled_in(self, path):
        with path.open("rb") as written:
            for message in read_po(written):
                assert not list(message.check()), message.id
                if message.id:
                    assert fields(message.string) == fields(message.id)

    def test_the_compiled_one_is_up_to_date(self, path):
        compiled = BytesIO()
        with path.open("rb") as written:
            write_mo(compiled, read_po(written))
        compiled.seek(0)
        with path.with_suffix(".mo").open("rb") as shipped:
            assert {m.id: m.string for m in read_mo(shipped)} == {m.id: m.string for m in read_mo(compiled)}


def fields(text):
    """What is filled in by scripts, in braces."""
    return sorted(re.findall(r"\{\w+\}", text))


@pytest.fixture
def manager(app, context):
    """A manager of all, with direct uploads on; and the address of a category's dialog."""
    from indico_plugin.plugin import S3StoragePlugin

    with S3StoragePlugin.instance.plugin_context():
        user = User(
            first_name="Rosa", last_name="R", email=f"admin{User.query.count()}@example.org", is_admin=True
        )
        db.session.add(user)
        S3StoragePlugin.settings.set("direct_uploads", True)
        db.session.commit()
        yield Caller(app, user)
        S3StoragePlugin.settings.delete_all()
        db.session.commit()


@pytest.mark.parametrize(
    ("language", "title", "cancel", "choose", "refusal"),
    [
        (
            "de_DE",
            "Große Datei hochladen",
            "Abbrechen",
            "Datei wählen",
            "Dieses Portal speichert Dateien bis 100 MiB",
        ),
        (
            "fr_FR",
            "Téléverser un grand fichier",
            "Annuler",
            "choisissez un fichier",
            "Ce portail accepte des fichiers jusqu",
        ),
    ],
)
def test_the_button_the_dialog_and_a_refusal_are_in_the_user_s_language(
    manager, language, title, cancel, choose, refusal
):
    with manager.client.session_transaction() as session:
        session["_lang"] = language
    category = f"/category/{Category.get_root().id}/manage/attachments"
    assert title in manager.get(f"{category}/").json["html"]
    dialog = manager.get(f"{category}/direct-upload").json["html"]
    texts = json.loads(unescape(re.search(r"data-texts='([^']+)'", dialog)[1]))
    assert texts["cancel"] == cancel
    assert choose in dialog
    assert f'data-locale="{language.replace("_", "-")}"' in dialog
    refused = manager.post(f"{category}/direct-upload/create", {"filename": "a", "size": 200 * 1024 * 1024})
    assert refused.json["message"].startswith(refusal)
