"""Collects what can be translated: ``python -m ckanext.s3multipart.messages`` writes the template in i18n/.

Then `pybabel update` and `pybabel compile` with ``-D ckanext-s3multipart -d ckanext/s3multipart/i18n`` bring
the translations up to date.
"""

from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import write_po

import ckanext.s3multipart.errors  # noqa: F401  # registers its errors as subclasses
from s3portal import __version__
from s3portal.transfer.errors import TransferError
from s3portal.web import web_folder

PACKAGE = Path(__file__).resolve().parent
TEMPLATE = PACKAGE / "i18n" / "ckanext-s3multipart.pot"


def collect() -> Catalog:
    """Every message of the extension, of the shared templates, and of the errors that the transfers raise."""
    header = "# What can be translated of s3portal in CKAN. Written by ckanext/s3multipart/messages.py."
    catalog = Catalog(
        project="s3portal", version=__version__, header_comment=header, charset="utf-8", fuzzy=False
    )
    for folder, methods in (
        (PACKAGE, [("migration/**", "ignore"), ("**.py", "python"), ("templates/**.html", "ckan")]),
        (web_folder("templates"), [("**.html", "ckan")]),
    ):
        found = extract_from_dir(str(folder), methods)
        for filename, _line, message, comments, context in found:
            # Without line numbers, which would change with every edit of a source.
            catalog.add(message, locations=[(filename, 0)], auto_comments=comments, context=context)
    for error in sorted(_errors(TransferError), key=lambda each: each.code):
        catalog.add(error.template, auto_comments=[f"the error {error.code}"])
    return catalog


def _errors(error: type[TransferError]) -> Iterator[type[TransferError]]:
    for subclass in error.__subclasses__():
        yield subclass
        yield from _errors(subclass)


if __name__ == "__main__":
    with TEMPLATE.open("wb") as template:
        write_po(template, collect(), width=110, sort_output=True, include_lineno=False)
