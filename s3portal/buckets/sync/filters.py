"""Which paths take part: patterns, and lists of files."""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from s3portal.buckets.problems import Unusable


def chosen(
    include: Sequence[str] = (), exclude: Sequence[str] = (), files_from: Iterable[str] | None = None
) -> Callable[[str], bool]:
    """Whether a path takes part: where something is included nothing else does, what is excluded never does,
    whatever the order.

    ``*.tmp`` is for names in every folder, ``raw/*.csv`` for paths, ``/raw`` for what is at the top; a
    folder's pattern takes all that is in it. ``*`` and ``?`` stay within a name, ``**`` does not.
    """
    listed = None if files_from is None else frozenset(line.strip("/") for line in files_from)
    included = [_expression(text) for text in include]
    excluded = [_expression(text) for text in exclude]

    def takes_part(path: str) -> bool:
        if listed is not None and path not in listed:
            return False
        if included and not any(expression.fullmatch(path) for expression in included):
            return False
        return not any(expression.fullmatch(path) for expression in excluded)

    return takes_part


def read_list(path: Path, option: str = "--files-from") -> list[str]:
    """The paths of a file, one a line; empty lines and those with # at the start are left out. Raises
    Unusable."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"{option} {path}: cannot be read: {error}") from error
    return [line for line in lines if line.strip() and not line.startswith("#")]


def _expression(text: str) -> "re.Pattern[str]":
    anchored = "/" in text.rstrip("/")
    pieces = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    expression = "".join(
        pieces.get(piece, re.escape(piece)) for piece in re.findall(r"\*\*|\*|\?|[^*?]+", text.strip("/"))
    )
    return re.compile(f"{'' if anchored else '(?:.*/)?'}{expression}(?:/.*)?", re.DOTALL)
