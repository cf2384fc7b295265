"""Reads the query language that CKAN speaks to Solr: Lucene's, and the plain words of its search box.

Understood: words, "phrases", field:value, field:(a OR b), + - ! NOT AND OR && ||, brackets, wildcards,
[a TO b] and {a TO b}. Clauses side by side mean "and" (CKAN sends q.op=AND). Boosts and slop are read and
ignored. Anything else is a QueryError.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
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
    all_of,
    any_of,
)

_TOKEN = re.compile(
    r"""
    \s*(?:
        (?P<phrase>"(?:[^"\\]|\\.)*")
      | (?P<range>[\[{][^\]}]*[\]}])
      | (?P<operator>&&|\|\||[()+!:-])
      | (?P<weight>[\^~][\d.]*)
      | (?P<word>(?:[^\s()\[\]{}"^~:\\]|\\.)+)
    )""",
    re.VERBOSE | re.DOTALL,
)
_RANGE = re.compile(r"([\[{])\s*(\S+)\s+TO\s+(\S+?)\s*([\]}])", re.DOTALL)
_PLAIN_WORD = re.compile(r'([+-]?)(?:"([^"]*)"|(\S+))')


class QueryError(ValueError):
    """The query cannot be read; the message says why."""


def parse(query: str) -> Clause:
    """Reads a query in Lucene's syntax. Raises QueryError where it is not one."""
    parser = _Parser(list(_tokens(query)))
    clause = parser.either(ANY_FIELD)
    if parser.next is not None:
        raise QueryError(f"Unexpected {parser.next.text!r} in the query {query!r}")
    return clause


def parse_words(query: str) -> Clause:
    """Reads what a person typed into a search box: no syntax but quotes, + and -, so nothing is an error.

    Of one or two words all must match, of up to five all but one, of more 80 % (CKAN's `mm` 2<-1 5<80%).
    """
    required: list[Clause] = []
    optional: list[Clause] = []
    for sign, phrase, word in _PLAIN_WORD.findall(query):
        term = Term(ANY_FIELD, phrase or word)
        if sign == "-":
            required.append(Not(term))
        elif sign == "+":
            required.append(term)
        else:
            optional.append(term)
    if optional:
        count = len(optional)
        least = count if count <= 2 else count - 1 if count <= 5 else count * 80 // 100
        required.append(AtLeast(least, tuple(optional)))
    return all_of(required) if required else Everything()


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


def _tokens(query: str) -> Iterator[_Token]:
    position = 0
    query = query.rstrip()
    while position < len(query):
        match = _TOKEN.match(query, position)
        if match is None:
            raise QueryError(f"Cannot read the query {query!r} from {query[position:].strip()!r} on")
        yield _Token(str(match.lastgroup), match[str(match.lastgroup)])
        position = match.end()


class _Parser:
    """Recursive descent: either > both > signed > operand. Each takes the field that words stand for."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._position = 0

    @property
    def next(self) -> _Token | None:
        return self._tokens[self._position] if self._position < len(self._tokens) else None

    def _takes(self, *texts: str) -> bool:
        """Steps over the next token where it is one of these."""
        token = self.next
        if token is None or token.kind not in ("operator", "word") or token.text not in texts:
            return False
        self._position += 1
        return True

    def either(self, field: str) -> Clause:
        clauses = [self._both(field)]
        while self._takes("OR", "||"):
            clauses.append(self._both(field))
        return any_of(clauses)

    def _both(self, field: str) -> Clause:
        clauses = [self._signed(field)]
        while self._takes("AND", "&&") or not self._at_end_of_group():
            clauses.append(self._signed(field))
        return all_of(clauses)

    def _at_end_of_group(self) -> bool:
        token = self.next
        return token is None or token.text == ")" or (token.kind != "phrase" and token.text in ("OR", "||"))

    def _signed(self, field: str) -> Clause:
        if self._takes("-", "!", "NOT"):
            return Not(self._signed(field))
        if self._takes("+"):
            return self._signed(field)
        return self._operand(field)

    def _operand(self, field: str) -> Clause:
        token = self.next
        if token is None:
            raise QueryError("The query ends where a word was expected")
        self._position += 1
        if token.text == "(" and token.kind == "operator":
            clause = self.either(field)
            if not self._takes(")"):
                raise QueryError("A bracket in the query is not closed")
        elif token.kind == "word" and self._takes(":"):
            clause = self._operand(_unescape(token.text))
        elif token.kind == "phrase":
            clause = Term(field, _unescape(token.text[1:-1]))
        elif token.kind == "range":
            clause = _range(field, token.text)
        elif token.kind == "word":
            clause = _word(field, token.text)
        else:
            raise QueryError(f"Unexpected {token.text!r} in the query")
        while self.next is not None and self.next.kind == "weight":
            self._position += 1
        return clause


def _word(field: str, text: str) -> Clause:
    if text == "*":
        return Everything() if field in ("*", ANY_FIELD) else Exists(field)
    if re.search(r"(?<!\\)[*?]", text):
        return Pattern(field, text)
    return Term(field, _unescape(text))


def _range(field: str, text: str) -> Clause:
    match = _RANGE.fullmatch(text)
    if match is None:
        raise QueryError(f"A range is written [from TO to], not {text!r}")
    opening, low, high, closing = match.groups()
    if low == high == "*":
        return Exists(field)
    return Range(field, _bound(low), _bound(high), opening == "[", closing == "]")


def _bound(text: str) -> str | None:
    if text.startswith("NOW"):
        raise QueryError("The embedded search does not calculate with NOW: give the date itself")
    return None if text == "*" else _unescape(text.strip('"'))


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)
