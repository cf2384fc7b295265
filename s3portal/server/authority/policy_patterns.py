"""The texts in policies: patterns with ``*`` and ``?``, and lists of them. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any


class PolicyError(ValueError):
    """The document is not a policy that this server can enforce; the message says where and why."""


def strings_of(parent: Mapping[str, Any], name: str) -> Sequence[str]:
    """Returns the element ``name`` of a statement: a string or a list of strings. Raises PolicyError."""
    values = parent.get(name)
    values = [values] if isinstance(values, str) else values
    if not isinstance(values, list) or not values or not all(isinstance(v, str) for v in values):
        raise PolicyError(f"{name} must be a string or a list of strings")
    return values


@lru_cache(maxsize=4096)
def pattern(
    text: str, *, escapes: bool, ignore_case: bool = False, wildcards: bool = True
) -> Callable[[str], bool]:
    """Returns a test for a pattern with ``*`` and ``?``, and with the escapes ``${*}``, ``${?}``, ``${$}``.

    Raises PolicyError for other ``${…}``: a policy variable.
    """
    segments = [""]
    for symbol in re.findall(r"\$\{[^}]*\}|." if escapes else ".", text, re.DOTALL):
        if symbol.startswith("${"):
            if symbol not in ("${*}", "${?}", "${$}"):
                raise PolicyError(f"this server does not know the policy variable {symbol}")
            segments[-1] += re.escape(symbol[2])
        elif wildcards and symbol == "*":
            segments.append("")
        else:
            segments[-1] += "." if wildcards and symbol == "?" else re.escape(symbol)
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    compiled = [re.compile(segment, flags) for segment in segments]
    lengths = [len(re.sub(r"\\(.)", r"\1", segment, flags=re.DOTALL)) for segment in segments]

    def matches(value: str) -> bool:
        # Segment by segment, each at its first place: one expression with .* for every * would let a
        # policy of many * and a long key keep the server busy for hours.
        if len(segments) == 1:
            return compiled[0].fullmatch(value) is not None
        end = len(value) - lengths[-1]
        if end < lengths[0] or not compiled[0].match(value) or not compiled[-1].match(value, end):
            return False
        position = lengths[0]
        for segment, length in zip(compiled[1:-1], lengths[1:-1], strict=True):
            found = segment.search(value, position)
            if found is None or found.start() + length > end:
                return False
            position = found.end()
        return True

    return matches
