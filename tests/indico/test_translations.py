"""The plugin speaks German and French: every text has its translation, and pages and refusals use it."""

import json
import re
from dataclasses import replace
from html import unescape

import pytest
from caller import Caller
from indico.core.db import db
from indico.modules.categories import Category
from indico.modules.users import User

from indico_plugin.messages import TEXTS


def test_there_are_german_and_french():
    assert [path.parts[-3] for path in TEXTS.translations()] == ["de_DE", "fr_FR"]


def test_all_is_collected_translated_and_compiled():
    """If not: bin/translations"""
    # The uploader's texts are looked after where they are written, and by bin/translations --check.
    own = replace(TEXTS, sources=TEXTS.sources[:1])
    assert [problem for problem in own.problems() if "nothing says any more" not in problem] == []


def test_no_text_speaks_of_what_only_ckan_has():
    texts = [str(message.id) for message in TEXTS.collect()]
    assert [text for text in texts if re.search(r"\b(resource|dataset|organi[sz]ation)", text, re.I)] == []


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
    ("language", "title", "cancel", "choose", "refusal", "problem"),
    [
        (
            "de_DE",
            "Große Dateien hochladen",
            "Abbrechen",
            "Dateien wählen",
            "Dieses Portal speichert Dateien bis 105",
            "filename fehlt.",
        ),
        (
            "fr_FR",
            "Téléverser de gros fichiers",
            "Annuler",
            "choisissez des fichiers",
            "Ce portail accepte des fichiers",
            "filename manque.",
        ),
    ],
)
def test_the_button_the_dialog_and_a_refusal_are_in_the_user_s_language(
    manager, language, title, cancel, choose, refusal, problem
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
    invalid = manager.post(f"{category}/direct-upload/create", {"size": 1})
    assert (invalid.json["message"], invalid.json["problem"]) == (problem, "is missing")
