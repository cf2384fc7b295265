"""The texts in policies: patterns with ``*`` and ``?``, variables in them, and lists of them. Pure.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, Protocol

from s3portal.server.authority.condition_keys import is_known_key

# One value, or several of a key that may have more.
Values = str | Sequence[str]


class PolicyError(ValueError):
    """The document is not a policy that this server can enforce; the message says where and why."""


class Context(Protocol):
    """The circumstances of a request: values of condition keys, whose names are in lower case."""

    def get(self, key: str, /) -> Values | None:
        """Returns the values of a key; None where the request does not have it."""


class Wildcard(Enum):
    ANY_TEXT = "*"
    ONE_CHARACTER = "?"


@dataclass(frozen=True)
class Variable:
    """``${key, 'default'}``. ``key`` is in lower case; ``default`` None without one."""

    key: str
    default: str | None

    def value_in(self, context: Context) -> str | None:
        """Returns what stands in its place; None where the request has no single value."""
        values = context.get(self.key)
        if values is not None and not isinstance(values, str):
            values = values[0] if len(values) == 1 else None
        return self.default if values is None else values


Token = str | Wildcard | Variable
TextTest = Callable[[str, Context], bool]

# A ${ that never ends is a symbol too: of what was meant, nobody can tell.
_SYMBOLS = re.compile(r"\$\{(?:[^{}']|'[^']*')*\}|\$\{|.", re.DOTALL)
_ESCAPES = {"${*}": "*", "${?}": "?", "${$}": "$"}
_VARIABLE = re.compile(r"\$\{\s*([A-Za-z0-9:/._@=+-]+)\s*(?:,\s*'([^']*)'\s*)?\}", re.DOTALL)


def strings_of(parent: Mapping[str, Any], name: str) -> Sequence[str]:
    """Returns the element ``name`` of a statement: a string or a list of strings. Raises PolicyError."""
    values = parent.get(name)
    values = [values] if isinstance(values, str) else values
    if not isinstance(values, list) or not values or not all(isinstance(v, str) for v in values):
        raise PolicyError(f"{name} must be a string or a list of strings")
    return values


def text_test(text: str, *, variables: bool, ignore_case: bool = False, wildcards: bool = True) -> TextTest:
    """Returns a test for a text with ``*`` and ``?``, and, of policies of the current version, with variables
    and the escapes ``${*}``, ``${?}``, ``${$}``.

    A variable without a value is like no text at all. Raises PolicyError for a variable of a key that this
    server does not know.
    """
    tokens = tokens_of(text, variables=variables, wildcards=wildcards)
    if not any(isinstance(token, Variable) for token in tokens):
        matches = _matcher(tokens, ignore_case)
        return lambda value, context: matches(value)

    def matches_with_variables(value: str, context: Context) -> bool:
        resolved: list[str | Wildcard] = []
        for token in tokens:
            found = token.value_in(context) if isinstance(token, Variable) else token
            if found is None:
                return False
            resolved.append(found)
        return _matcher(tuple(resolved), ignore_case)(value)

    return matches_with_variables


def pattern(
    text: str, *, escapes: bool, ignore_case: bool = False, wildcards: bool = True
) -> Callable[[str], bool]:
    """Returns a test for a pattern without variables. Raises PolicyError for one that has some."""
    tokens = tokens_of(text, variables=escapes, wildcards=wildcards)
    if variable := next((token for token in tokens if isinstance(token, Variable)), None):
        raise PolicyError(f"there can be no policy variable here: {variable.key}")
    return _matcher(tokens, ignore_case)


@lru_cache(maxsize=4096)
def tokens_of(text: str, *, variables: bool, wildcards: bool) -> tuple[Token, ...]:
    """Returns the literal texts, wildcards and variables of a pattern. Raises PolicyError."""
    tokens: list[Token] = []
    for symbol in _SYMBOLS.findall(text) if variables else text:
        if len(symbol) > 1 and symbol not in _ESCAPES:
            tokens.append(_variable(symbol))
        elif wildcards and symbol in "*?":
            tokens.append(Wildcard(symbol))
        else:
            literal = _ESCAPES.get(symbol, symbol)
            before = tokens.pop() if tokens and isinstance(tokens[-1], str) else ""
            tokens.append(f"{before}{literal}")
    return tuple(tokens)


def _variable(symbol: str) -> Variable:
    found = _VARIABLE.fullmatch(symbol)
    if found is None:
        raise PolicyError(f"{symbol} is no policy variable; write ${{key}} or ${{key, 'default'}}")
    if not is_known_key(found[1]):
        raise PolicyError(f"this server does not know the policy variable {symbol}")
    return Variable(found[1].lower(), found[2])


@lru_cache(maxsize=4096)
def _matcher(tokens: tuple[Token, ...], ignore_case: bool) -> Callable[[str], bool]:
    segments, lengths = [""], [0]
    for token in tokens:
        if token is Wildcard.ANY_TEXT:
            segments.append("")
            lengths.append(0)
            continue
        is_one = token is Wildcard.ONE_CHARACTER
        segments[-1] += "." if is_one else re.escape(str(token))
        lengths[-1] += 1 if is_one else len(str(token))
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    compiled = [re.compile(segment, flags) for segment in segments]

    def matches(value: str) -> bool:
        # Segment by segment, each at its first place: one expression with .* for every * would let a
        # policy of many * and a long key keep the server busy for hours.
        if len(compiled) == 1:
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
