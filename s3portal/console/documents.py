"""JSON that people edit: what is wrong with it, and in which line."""

from __future__ import annotations

import json
from typing import Any

from s3portal.console.texts import gettext as _


class DocumentError(ValueError):
    """``line`` is the one to look at, counted from 1; None where it is the whole document."""

    def __init__(self, sentence: str, line: int | None) -> None:
        super().__init__(sentence)
        self.line = line


def read_document(text: str) -> dict[str, Any]:
    """Returns a JSON object; raises DocumentError."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as problem:
        facts = {"line": problem.lineno, "column": problem.colno, "problem": problem.msg}
        sentence = _("Line %(line)d, character %(column)d: this is not JSON (%(problem)s).", **facts)
        raise DocumentError(sentence, problem.lineno) from problem
    except RecursionError as problem:
        raise DocumentError(_("This is nested too deeply."), None) from problem
    except ValueError as problem:
        # Python reads no number of more than 4,300 digits.
        raise DocumentError(_("A number in this has too many digits."), None) from problem
    if not isinstance(document, dict):
        raise DocumentError(_("The document has to be an object: { … }."), 1)
    return document


def write_document(document: Any) -> str:
    """Returns JSON for people. Half a character (a lone surrogate), which no page can hold, stays escaped."""
    text = json.dumps(document, indent=2, ensure_ascii=False, default=str)
    return text if _is_whole(text) else json.dumps(document, indent=2, default=str)


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def line_of(text: str, sentence: str) -> int | None:
    """Returns the line of a document that a refusal speaks of, by what it quotes of it, or None."""
    quoted = [part for part in sentence.replace("'", '"').split('"')[1::2] if part]
    words = quoted + [word.strip(".,:;()") for word in sentence.split() if ":" in word or "_" in word]
    for word in words:
        for number, line in enumerate(text.splitlines(), 1):
            if f'"{word}"' in line:
                return number
    return None
