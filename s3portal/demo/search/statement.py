"""Says a clause in SQL. Values are parameters, never part of the text; both come back together.

The table has the columns `fields` (JSONB: field name to list of strings) and `words` (tsvector).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from s3portal.demo.search.clause import (
    ANY_FIELD,
    AtLeast,
    Clause,
    Everything,
    Exists,
    Not,
    Pattern,
    Range,
    Term,
)
from s3portal.demo.search.document import as_solr_date, is_date, is_text, plain_words
from s3portal.demo.search.query import QueryError

_VALUES = "jsonb_array_elements_text(coalesce(fields -> %s, '[]'))"
_FLATTENED = f"(SELECT string_agg(regexp_replace(value, '[\\W_]+', ' ', 'g'), ' ') FROM {_VALUES} value)"
_PHRASE = "phraseto_tsquery('english', %s)"
_DIRECTIONS = {"asc": "ASC", "desc": "DESC"}


@dataclass(frozen=True)
class Sql:
    """A piece of SQL with `%s` for each of its parameters."""

    text: str
    parameters: tuple[object, ...] = ()


def condition(clause: Clause) -> Sql:
    """The SQL condition that is true for the documents that the clause matches."""
    match clause:
        case Everything():
            return Sql("TRUE")
        case Term(field, text) if field == ANY_FIELD:
            return _words_match("words", plain_words(text))
        case Term(field, text) if field.endswith("_ngram"):
            return _some_value(field, "value ILIKE %s", f"%{_like(text)}%")
        case Term(field, text) if is_text(field):
            return _words_match(f"to_tsvector('english', {_FLATTENED})", plain_words(text), field)
        case Term(field, text):
            return Sql("jsonb_exists(fields -> %s, %s)", (field, text))
        case Pattern(field, pattern) if field == ANY_FIELD:
            # The index of words knows beginnings only: what follows the first wildcard does not count.
            beginning = plain_words(re.split(r"[*?]", pattern)[0]).split()[-1:]
            return (
                Sql("words @@ to_tsquery('simple', %s)", (f"{beginning[0]}:*",)) if beginning else Sql("TRUE")
            )
        case Pattern(field, pattern):
            operator = "ILIKE" if is_text(field) else "LIKE"
            return _some_value(field, f"value {operator} %s", _like_pattern(pattern))
        case Exists(field):
            return Sql("jsonb_exists(fields, %s)", (field,))
        case Range():
            return _range(clause)
        case Not(inner):
            sql = condition(inner)
            return Sql(f"(({sql.text}) IS NOT TRUE)", sql.parameters)
        case AtLeast(count, clauses):
            return _at_least(count, [condition(inner) for inner in clauses])


def score(clause: Clause) -> Sql:
    """The SQL expression for how well a document fits: by the words of the clause, 1 where it has none."""
    phrases = [plain_words(term.text) for term in _terms(clause) if term.field == ANY_FIELD]
    if not phrases:
        return Sql("1.0")
    return Sql(f"ts_rank(words, {' || '.join([_PHRASE] * len(phrases))})", tuple(phrases))


def order(sort: str | None) -> Sql:
    """The SQL ORDER BY list for a sort as Solr takes it: `score desc, metadata_modified desc`.

    Raises QueryError where a direction is missing or is neither asc nor desc.
    """
    pieces: list[str] = []
    parameters: list[str] = []
    for entry in (sort or "score desc").split(","):
        match = re.fullmatch(r"\s*(\S+)\s+(asc|desc)\s*", entry, re.IGNORECASE)
        if match is None:
            # CKAN knows this sentence of Solr's and answers "Invalid sort parameter".
            raise QueryError(f"Can't determine a Sort Order (asc or desc) in sort spec {sort!r}")
        field, direction = match[1], _DIRECTIONS[match[2].lower()]
        if field == "score":
            pieces.append(f"score {direction}")
            continue
        value = "(document ->> %s)::timestamptz" if is_date(field) else "nullif(document -> %s, 'null')"
        pieces.append(f"{value} {direction} NULLS LAST")
        parameters.append(field)
    # So that pages never overlap.
    return Sql(", ".join([*pieces, "index_id"]), tuple(parameters))


def _words_match(vector: str, words: str, *vector_parameters: str) -> Sql:
    # A query of nothing but "the" and "of" has no node; it is no reason to find nothing.
    return Sql(f"({vector} @@ {_PHRASE} OR numnode({_PHRASE}) = 0)", (*vector_parameters, words, words))


def _some_value(field: str, comparison: str, *values: str) -> Sql:
    return Sql(f"EXISTS (SELECT FROM {_VALUES} value WHERE {comparison})", (field, *values))


def _range(clause: Range) -> Sql:
    cast = "::timestamptz" if is_date(clause.field) else ""
    comparisons: list[str] = []
    bounds: list[str] = []
    for bound, operator in (
        (clause.low, ">=" if clause.includes_low else ">"),
        (clause.high, "<=" if clause.includes_high else "<"),
    ):
        if bound is not None:
            comparisons.append(f"value{cast} {operator} %s{cast}")
            bounds.append(_date(bound) if cast else bound)
    return _some_value(clause.field, " AND ".join(comparisons), *bounds)


def _date(text: str) -> str:
    try:
        return as_solr_date(text)
    except ValueError:
        raise QueryError(f"{text!r} is not a date: write 2026-11-21 or 2026-11-21T08:00:00Z") from None


def _at_least(count: int, conditions: list[Sql]) -> Sql:
    parameters = tuple(parameter for sql in conditions for parameter in sql.parameters)
    texts = [sql.text for sql in conditions]
    if count == len(texts):
        return Sql(f"({' AND '.join(texts)})", parameters)
    if count == 1:
        return Sql(f"({' OR '.join(texts)})", parameters)
    counted = " + ".join(f"(CASE WHEN {text} THEN 1 ELSE 0 END)" for text in texts)
    return Sql(f"({counted} >= {count})", parameters)


def _terms(clause: Clause) -> list[Term]:
    """The terms that a match is due to: those under a Not are none."""
    match clause:
        case Term():
            return [clause]
        case AtLeast(_, clauses):
            return [term for inner in clauses for term in _terms(inner)]
        case _:
            return []


def _like(text: str) -> str:
    """The text as LIKE takes it literally."""
    return re.sub(r"([\\%_])", r"\\\1", text)


def _like_pattern(pattern: str) -> str:
    """A pattern with `*` and `?` as LIKE takes it."""
    wildcards = {"*": "%", "?": "_"}
    pieces = re.findall(r"\\.|.", pattern, flags=re.DOTALL)
    return "".join(wildcards.get(piece) or _like(piece.removeprefix("\\") or "\\") for piece in pieces)
