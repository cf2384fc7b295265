"""The texts of one front end in every language: collects, compiles, and says what is missing.

Brings the template (.pot), the translations (.po) and what the portal reads of them (.mo) up to date. Works
in the environment of the portal, which has Babel and what reads its templates.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po

from s3portal import __version__

# Its errors are collected, too.
from s3portal.portal import protocol as _protocol  # noqa: F401
from s3portal.transfer import TransferError

_FILLED_IN = re.compile(r"%\(\w+\)s|\{\w+\}")


@dataclass(frozen=True)
class Source:
    """A folder with texts, and what finds them: Babel's ``(pattern, extractor)``, the first that fits."""

    folder: Path
    methods: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Texts:
    """The texts of one front end. Its translations stand in folders of languages beside the template."""

    portal: str
    template: Path
    sources: tuple[Source, ...]

    def collect(self) -> Catalog:
        """Every text of the sources, and of the errors that the transfers raise."""
        header = f"# What can be translated of s3portal in {self.portal}. Written by bin/translations."
        catalog = Catalog(
            project="s3portal", version=__version__, header_comment=header, charset="utf-8", fuzzy=False
        )
        for source in self.sources:
            found = extract_from_dir(str(source.folder), list(source.methods))
            for filename, _line, message, comments, context in found:
                # Without line numbers, which would change with every edit of a source.
                catalog.add(message, locations=[(filename, 0)], auto_comments=comments, context=context)
        for error in sorted(_errors(TransferError), key=lambda each: each.code):
            catalog.add(error.template, auto_comments=[f"the error {error.code}"])
            for fact, words in error.word_facts.items():
                for word in words:
                    catalog.add(word, auto_comments=[f"%({fact})s of the error {error.code}"])
        return catalog

    def translations(self) -> list[Path]:
        """The translations that there are, a .po for each language."""
        return sorted(self.template.parent.glob("*/LC_MESSAGES/*.po"))

    def bring_up_to_date(self) -> None:
        """Writes the template, brings the texts of the translations in line with it, and compiles them."""
        collected = self.collect()
        if not self.template.exists() or _ids(_read(self.template)) != _ids(collected):
            _write(self.template, collected)
        for path in self.translations():
            translated = _read(path, _language(path))
            before = _ids(translated)
            # A fuzzy match is not a translation.
            translated.update(collected, no_fuzzy_matching=True)
            if before != _ids(translated):
                _write(path, translated)
            with path.with_suffix(".mo").open("wb") as compiled:
                write_mo(compiled, translated)

    def problems(self) -> Iterator[str]:
        """The problems, one line each."""
        for source in self.sources:
            yield from _hidden_in_f_strings(source.folder)
        collected = _ids(self.collect())
        for path in (self.template, *self.translations()):
            texts = _ids(_read(path))
            for text in sorted(collected - texts):
                yield f"{path.name} lacks: {text}"
            for text in sorted(texts - collected):
                yield f"{path.name} has what nothing says any more: {text}"
        for path in self.translations():
            yield from _problems_of(path)

    def main(self) -> None:
        """The command. Exit code 1 where something is left to do; with --check nothing is written."""
        if sys.argv[1:] not in ([], ["--check"]):
            sys.exit("Options: --check")
        if not sys.argv[1:]:
            self.bring_up_to_date()
        found = list(self.problems())
        click.echo("\n".join(found) or f"All texts for {self.portal} are translated.")
        sys.exit(1 if found else 0)


def _hidden_in_f_strings(folder: Path) -> Iterator[str]:
    """The texts that Babel finds from Python 3.12 on only, where an f-string is no longer one token."""
    for path in sorted(folder.rglob("*.py")):
        strings = (node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.JoinedStr))
        for call in (node for string in strings for node in ast.walk(string) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Name) and call.func.id in DEFAULT_KEYWORDS:
                yield f"{path.name}:{call.lineno}: a text within an f-string, which Babel may not find"


def _problems_of(path: Path) -> Iterator[str]:
    language = _language(path)
    translated = _read(path, language)
    for message in translated:
        if not message.id:
            continue
        if message.fuzzy or not message.string:
            yield f"{language}: not translated: {message.id}"
        elif set(_FILLED_IN.findall(str(message.id))) != set(_FILLED_IN.findall(str(message.string))):
            yield f"{language}: fills in something else: {message.id}"
    with path.with_suffix(".mo").open("rb") as compiled:
        shipped = {_hashable(m.id): _hashable(m.string) for m in read_mo(compiled) if m.id}
    wanted = (m for m in translated if m.id and m.string and not m.fuzzy)
    if shipped != {_hashable(m.id): _hashable(m.string) for m in wanted}:
        yield f"{language}: the .mo is not what the .po compiles to"


def _hashable(text: Any) -> Any:
    """A text; one that has a plural as a tuple, for which Babel has lists, too."""
    return text if isinstance(text, str) else tuple(text)


def _errors(error: type[TransferError]) -> Iterator[type[TransferError]]:
    for subclass in error.__subclasses__():
        yield subclass
        yield from _errors(subclass)


def _ids(catalog: Catalog) -> set[str]:
    return {str(message.id) for message in catalog if message.id}


def _language(path: Path) -> str:
    return path.parts[-3]


def _read(path: Path, language: str | None = None) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=language)


def _write(path: Path, catalog: Catalog) -> None:
    with path.open("wb") as file:
        write_po(file, catalog, width=110, sort_output=True, include_lineno=False, ignore_obsolete=True)
