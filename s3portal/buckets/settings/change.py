"""A change of one setting: what it was, what it will be, and the call that makes it so."""

import difflib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Change:
    """``before`` and ``after`` are the setting's documents; None where there is none. ``text`` says what the
    change does, in a few words."""

    text: str
    before: Any
    after: Any
    apply: Callable[[], None]

    @property
    def is_needed(self) -> bool:
        """Whether anything changes. Lists of words have no order in S3's documents, and stores give them back
        in another one."""
        return bool(_unordered(self.before) != _unordered(self.after))

    def shown(self) -> str:
        """The change as people read it: the words, and what leaves and comes, line by line."""
        lines = difflib.unified_diff(_lines(self.before), _lines(self.after), lineterm="", n=2)
        # The first two lines name files, and there are none.
        diff = [f"  {line}" for line in list(lines)[2:] if not line.startswith("@@")]
        return "\n".join([f"{self.text}:", *diff])


def _unordered(document: Any) -> Any:
    if isinstance(document, dict):
        return {name: _unordered(value) for name, value in document.items()}
    if isinstance(document, list):
        if all(isinstance(each, str) for each in document):
            return sorted(document)
        return [_unordered(each) for each in document]
    return document


def _lines(document: Any) -> list[str]:
    if document is None:
        return []
    return json.dumps(document, indent=2, ensure_ascii=False, default=str, sort_keys=False).splitlines()
