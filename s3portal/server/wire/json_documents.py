"""JSON from outside, policies and configuration: read so that it can be understood in one way only."""

from __future__ import annotations

import json
import re
from typing import Any

# The deepest policy that means anything has eight levels.
DEPTH_LIMIT = 32
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")
# 2**63 has 19 digits: no size, time or count is larger.
_DIGITS_LIMIT = 19


def parse_json(text: str) -> Any:
    """Returns what a JSON text says.

    Raises ValueError for what RFC 8259 does not know (NaN, Infinity), for a name that comes twice in an
    object, for nesting over DEPTH_LIMIT, and for numbers beyond 19 digits.
    """
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub("", text)):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > DEPTH_LIMIT:
            raise ValueError(f"it is nested more than {DEPTH_LIMIT} levels deep")
    return json.loads(
        text, object_pairs_hook=_unique_names, parse_constant=_refuse_constant, parse_int=_bounded_int
    )


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"an object has {', '.join(map(repr, repeated))} twice")
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number of JSON")


def _bounded_int(digits: str) -> int:
    if len(digits.removeprefix("-")) > _DIGITS_LIMIT:
        raise ValueError(f"a number has more than {_DIGITS_LIMIT} digits")
    return int(digits)
