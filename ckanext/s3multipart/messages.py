"""What can be translated, and what is: ``bin/translations``, or ``python -m ckanext.s3multipart.messages``.

Brings the template (.pot), the translations (.po) and what CKAN reads of them (.mo) up to date in i18n/, and
says which texts have no translation yet. With --check nothing is written, and whatever is not as it should be
is an error.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po

import ckanext.s3multipart.errors  # noqa: F401  # registers its errors as subclasses
from s3portal import __version__
from s3portal.transfer.errors import TransferError
from s3portal.web import web_folder

PACKAGE = Path(__file__).resolve().parent
TEMPLATE = PACKAGE / "i18n" / "ckanext-s3multipart.pot"
_FILLED_IN = re.compile(r"%\(\w+\)s|\{\w+\}")


def collect() -> Catalog:
    """Every message of the extension, of the shared templates, and of the errors that the transfers raise."""
    header = "# What can be translated of s3portal in CKAN. Written by bin/translations."
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
        for fact, words in error.word_facts.items():
            for word in words:
                catalog.add(word, auto_comments=[f"%({fact})s of the error {error.code}"])
    return catalog


def translations() -> list[Path]:
    """The translations that there are, a .po for each language."""
    return sorted(TEMPLATE.parent.glob("*/LC_MESSAGES/*.po"))


def bring_up_to_date() -> None:
    """Writes the template, brings the texts of the translations in line with it, and compiles them."""
    collected = collect()
    if _texts(_read(TEMPLATE)) != _texts(collected):
        _write(TEMPLATE, collected)
    for path in translations():
        translated = _read(path)
        before = _texts(translated)
        # What is similar to a text is no translation of it.
        translated.update(collected, no_fuzzy_matching=True)
        if before != _texts(translated):
            _write(path, translated)
        with path.with_suffix(".mo").open("wb") as compiled:
            write_mo(compiled, translated)


def problems() -> Iterator[str]:
    """What is not as it should be, a line each."""
    collected = _texts(collect())
    for path in (TEMPLATE, *translations()):
        texts = _texts(_read(path))
        for text in sorted(collected - texts):
            yield f"{path.name} lacks: {text}"
        for text in sorted(texts - collected):
            yield f"{path.name} has what nothing says any more: {text}"
    for path in translations():
        language, translated = path.parts[-3], _read(path)
        for message in translated:
            if not message.id:
                continue
            if message.fuzzy or not message.string:
                yield f"{language}: not translated: {message.id}"
            elif set(_FILLED_IN.findall(str(message.id))) != set(_FILLED_IN.findall(str(message.string))):
                yield f"{language}: fills in something else: {message.id}"
        with path.with_suffix(".mo").open("rb") as compiled:
            shipped = {message.id: message.string for message in read_mo(compiled) if message.id}
        if shipped != {m.id: m.string for m in translated if m.id and m.string and not m.fuzzy}:
            yield f"{language}: the .mo is not what the .po compiles to"


def _errors(error: type[TransferError]) -> Iterator[type[TransferError]]:
    for subclass in error.__subclasses__():
        yield subclass
        yield from _errors(subclass)


def _texts(catalog: Catalog) -> set[str]:
    return {str(message.id) for message in catalog if message.id}


def _read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.parts[-3] if path != TEMPLATE else None)


def _write(path: Path, catalog: Catalog) -> None:
    with path.open("wb") as file:
        write_po(file, catalog, width=110, sort_output=True, include_lineno=False, ignore_obsolete=True)


def main() -> None:
    """Exit code 1 where something is left to do."""
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(f"{__doc__}\nOptions: --check")
    if not sys.argv[1:]:
        bring_up_to_date()
    found = list(problems())
    click.echo("\n".join(found) or "All texts are translated.")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
