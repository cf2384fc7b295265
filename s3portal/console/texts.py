"""The words of the console in the visitor's language: gettext, by what the browser asks for."""

from __future__ import annotations

import gettext as gettext_module
from functools import cache
from pathlib import Path
from typing import Any

from flask import g, has_request_context, request

FOLDER = Path(__file__).parent / "translations"
DOMAIN = "console"


@cache
def languages() -> tuple[str, ...]:
    """The languages that there are, English first: it is in the sources."""
    return ("en", *sorted(path.parents[1].name for path in FOLDER.glob(f"*/LC_MESSAGES/{DOMAIN}.mo")))


@cache
def _translations(language: str) -> gettext_module.NullTranslations:
    return gettext_module.translation(DOMAIN, FOLDER, [language], fallback=True)


def language() -> str:
    """The language of this request."""
    if not has_request_context():
        return "en"
    if "language" not in g:
        g.language = request.accept_languages.best_match(languages()) or "en"
    chosen: str = g.language
    return chosen


def gettext(message: str, /, **facts: Any) -> str:
    """Returns a message in the visitor's language, with ``%(fact)s`` filled in."""
    text = _translations(language()).gettext(message)
    return text % facts if facts else text


def ngettext(one: str, several: str, number: int, /, **facts: Any) -> str:
    """Returns the form of a message that fits a number, with ``%(number)s`` and other facts filled in."""
    text = _translations(language()).ngettext(one, several, number)
    return text % {"number": number, **facts}
