"""A dataset as it is found: which of its values are exact words, which are text, and what counts for more."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone

# What CKAN's Solr schema declares as text, not as exact values.
_TEXT_FIELDS = frozenset(
    {
        *("title", "notes", "author", "author_email", "maintainer", "maintainer_email"),
        *("res_name", "res_description", "urls", "text"),
        *("depends_on", "dependency_of", "derives_from", "has_derivation"),
        *("links_to", "linked_from", "child_of", "parent_of"),
    }
)
_DATE_FIELDS = frozenset({"metadata_created", "metadata_modified", "indexed_ts"})
_TEXT_PREFIXES = ("extras_", "res_extras_")
# What it copies into the field "text", which a search without a field looks through.
_TITLE_FIELDS = ("name", "title")
_LABEL_FIELDS = ("tags", "groups")
_OTHER_FIELDS = frozenset(
    {
        *("text", "notes", "license", "organization", "maintainer", "author"),
        *("res_name", "res_description", "res_url", "url", "ckan_url", "download_url"),
    }
)
_OTHER_PREFIXES = (*_TEXT_PREFIXES, "vocab_")


@dataclass(frozen=True)
class Words:
    """The words that a search without a field looks through, by weight."""

    titles: str
    labels: str
    rest: str


def is_text(field: str) -> bool:
    """Whether a field is searched word by word; the others match as a whole."""
    return field in _TEXT_FIELDS or field.startswith(_TEXT_PREFIXES)


def is_date(field: str) -> bool:
    """Whether a field is a point in time."""
    return field in _DATE_FIELDS or field.endswith("_date")


def as_solr_date(text: str) -> str:
    """A point in time as Solr stores it: UTC, milliseconds where there are any, `Z` at the end.

    Raises ValueError if it is not an ISO 8601 date.
    """
    # Python 3.10 reads neither Z nor fractions of other than three or six digits.
    moment = datetime.fromisoformat(re.sub(r"\.(\d{1,6})\d*", _six_digits, text.replace("Z", "+00:00")))
    moment = moment.astimezone(timezone.utc) if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    timespec = "milliseconds" if moment.microsecond >= 1000 else "seconds"
    return moment.isoformat(timespec=timespec).replace("+00:00", "Z")


def with_solr_dates(document: Mapping[str, object]) -> dict[str, object]:
    """The document with every date in Solr's form; other values stay as they are."""
    result = dict(document)
    for field, value in document.items():
        if is_date(field) and isinstance(value, str):
            with suppress(ValueError):
                result[field] = as_solr_date(value)
    return result


def plain_words(text: str) -> str:
    """Words without accents, joined by single blanks: `Zürich_2026.csv` is `Zurich 2026 csv`."""
    decomposed = unicodedata.normalize("NFKD", text)
    unaccented = "".join(character for character in decomposed if not unicodedata.combining(character))
    return re.sub(r"[\W_]+", " ", unaccented).strip()


def field_values(document: Mapping[str, object]) -> dict[str, list[str]]:
    """The document's fields, each as a list of strings; empty ones left out."""
    values = {field: _strings(value) for field, value in document.items()}
    # Solr's schema copies these for the completion of names.
    values |= {f"{field}_ngram": values.get(field, []) for field in _TITLE_FIELDS}
    return {field: strings for field, strings in values.items() if strings}


def words_of(values: Mapping[str, list[str]]) -> Words:
    """The text that is searched when no field is named."""

    def joined(*fields: str) -> str:
        return plain_words(" ".join(text for field in fields for text in values.get(field, [])))

    others = [field for field in values if field in _OTHER_FIELDS or field.startswith(_OTHER_PREFIXES)]
    return Words(titles=joined(*_TITLE_FIELDS), labels=joined(*_LABEL_FIELDS), rest=joined(*others))


def _six_digits(match: re.Match[str]) -> str:
    return "." + match[1].ljust(6, "0")


def _strings(value: object) -> list[str]:
    if isinstance(value, (list, tuple)):
        return [string for item in value for string in _strings(item)]
    if value is None or value == "":
        return []
    return [str(value).lower() if isinstance(value, bool) else str(value)]
