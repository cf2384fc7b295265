"""A search as a tree of clauses: what the query language means, apart from how it is written or run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

ANY_FIELD = "text"


@dataclass(frozen=True)
class Everything:
    """`*:*`: every document."""


@dataclass(frozen=True)
class Term:
    """A word, or words in a row, in a field."""

    field: str
    text: str


@dataclass(frozen=True)
class Pattern:
    """A word with `*` (any characters) and `?` (one character) in a field."""

    field: str
    pattern: str


@dataclass(frozen=True)
class Exists:
    """`field:*`: the field has a value."""

    field: str


@dataclass(frozen=True)
class Range:
    """`field:[low TO high]`: a value between two others; None is an open end."""

    field: str
    low: str | None
    high: str | None
    includes_low: bool = True
    includes_high: bool = True


@dataclass(frozen=True)
class Not:
    """Documents that the clause does not match."""

    clause: Clause


@dataclass(frozen=True)
class AtLeast:
    """Documents that at least `count` of the clauses match: all of them is "and", one is "or"."""

    count: int
    clauses: tuple[Clause, ...]


Clause: TypeAlias = "Everything | Term | Pattern | Exists | Range | Not | AtLeast"


def all_of(clauses: list[Clause]) -> Clause:
    """Documents that every clause matches."""
    return clauses[0] if len(clauses) == 1 else AtLeast(len(clauses), tuple(clauses))


def any_of(clauses: list[Clause]) -> Clause:
    """Documents that one of the clauses matches."""
    return clauses[0] if len(clauses) == 1 else AtLeast(1, tuple(clauses))
