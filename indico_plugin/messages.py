"""Collects what can be translated: ``python -m indico_plugin.messages`` writes the template in translations/.

Then `pybabel update` and `pybabel compile` with ``-D messages -d indico_plugin/translations`` bring the
translations up to date.
"""

from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import write_po

from s3portal import __version__
from s3portal.transfer.errors import TransferError
from s3portal.web import web_folder

PACKAGE = Path(__file__).resolve().parent
TEMPLATE = PACKAGE / "translations" / "messages.pot"

_METHODS = [("migrations/**", "ignore"), ("**.py", "python"), ("**.html", "jinja2")]


def collect() -> Catalog:
    """Every message of the plugin, of the uploader's template, and of the errors that the transfers raise."""
    header = "# What can be translated of s3portal in Indico. Written by indico_plugin/messages.py."
    catalog = Catalog(
        project="s3portal", version=__version__, header_comment=header, charset="utf-8", fuzzy=False
    )
    for folder in (PACKAGE, web_folder("templates") / "s3portal"):
        for filename, _line, message, comments, context in extract_from_dir(str(folder), _METHODS):
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
