"""Stands in for pysolr's connection: the same calls and answers, on a table of CKAN's own database.

What CKAN sends is kept as it comes (JSONB), with the values to search by beside it. The table has a schema
of its own, and statements run in transactions of their own, as a search server's would.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pysolr
import sqlalchemy

from s3portal.demo.search.clause import Clause, all_of
from s3portal.demo.search.document import field_values, with_solr_dates, words_of
from s3portal.demo.search.query import QueryError, parse, parse_words
from s3portal.demo.search.statement import Sql, condition, order, score

_TABLE = "s3portal_search.dataset"
_CREATE = (
    # Several processes may start at once: PostgreSQL's IF NOT EXISTS alone does not stand that.
    "SELECT pg_advisory_xact_lock(hashtext('s3portal_search'))",
    "CREATE SCHEMA IF NOT EXISTS s3portal_search",
    f"""CREATE TABLE IF NOT EXISTS {_TABLE} (
        index_id text PRIMARY KEY, document jsonb NOT NULL, fields jsonb NOT NULL, words tsvector NOT NULL
    )""",
    f"CREATE INDEX IF NOT EXISTS dataset_words ON {_TABLE} USING gin (words)",
)
_UPSERT = f"""
    INSERT INTO {_TABLE} (index_id, document, fields, words) VALUES (%s, %s, %s,
        setweight(to_tsvector('english', %s), 'A') || setweight(to_tsvector('english', %s), 'B')
        || to_tsvector('english', %s))
    ON CONFLICT (index_id) DO UPDATE
        SET document = excluded.document, fields = excluded.fields, words = excluded.words"""


@dataclass
class Results:
    """What pysolr's Results offers to CKAN. A facet is a flat list: value, count, value, count."""

    docs: list[dict[str, Any]]
    hits: int
    facets: dict[str, dict[str, list[Any]]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.docs)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.docs)


class Connection:
    """What CKAN uses of pysolr.Solr. Errors are pysolr.SolrError, which CKAN turns into its own."""

    def __init__(
        self, database_url: str, decode: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    ) -> None:
        """Connects to the database; `decode` is applied to every document found."""
        self.url = "the search table in PostgreSQL"
        self._engine = _engine(database_url)
        self._decode = decode or (lambda document: document)

    def search(self, q: str, **parameters: Any) -> Results:
        """Finds documents. Knows q, fq, defType, sort, start, rows, fl, facet.field, .limit and .mincount."""
        try:
            wanted = _clause(q, parameters)
            found, ranking, ordering = condition(wanted), score(wanted), order(parameters.get("sort"))
        except QueryError as error:
            raise pysolr.SolrError(str(error)) from error
        rows, start = int(parameters.get("rows", 10)), int(parameters.get("start") or 0)
        with self._snapshot() as transaction:
            hits = _run(transaction, f"SELECT count(*) FROM {_TABLE} WHERE {found.text}", found).scalar()
            documents = _run(
                transaction,
                f"SELECT document, {ranking.text} AS score FROM {_TABLE} WHERE {found.text} "
                f"ORDER BY {ordering.text} LIMIT %s OFFSET %s",
                ranking,
                found,
                ordering,
                Sql("", (rows, start)),
            )
            chosen = [self._decode(_chosen(row[0], row[1], parameters.get("fl"))) for row in documents]
            facets = {
                name: _facet(transaction, name, found, parameters)
                for name in parameters.get("facet.field") or []
            }
        return Results(chosen, int(hits or 0), {"facet_fields": facets})

    def add(self, docs: Iterable[Mapping[str, Any]], commit: bool = True, **_: Any) -> None:
        """Adds documents, each in the place of an older one with its index_id."""
        with self._transaction() as transaction:
            for document in map(with_solr_dates, docs):
                values = field_values(document)
                words = words_of(values)
                transaction.exec_driver_sql(
                    _UPSERT,
                    (
                        document["index_id"],
                        json.dumps(document, default=str),
                        json.dumps(values),
                        *(words.titles, words.labels, words.rest),
                    ),
                )

    def delete(self, q: str, commit: bool = True, **_: Any) -> None:
        """Deletes the documents that a query finds."""
        try:
            found = condition(parse(q))
        except QueryError as error:
            raise pysolr.SolrError(str(error)) from error
        with self._transaction() as transaction:
            _run(transaction, f"DELETE FROM {_TABLE} WHERE {found.text}", found)

    def commit(self, **_: Any) -> None:
        """Nothing is left to do: every call commits."""

    def _transaction(self) -> Any:
        return self._engine.begin()

    @contextmanager
    def _snapshot(self) -> Iterator[Any]:
        """A transaction that only reads, in which every statement sees the same datasets: a count and the
        rows that it counts belong together, whatever is added and deleted in the meantime."""
        reading = self._engine.connect().execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        with reading, reading.begin():
            yield reading


@lru_cache(maxsize=4)
def _engine(database_url: str) -> Any:
    engine = sqlalchemy.create_engine(database_url, pool_pre_ping=True)
    with engine.begin() as transaction:
        for statement in _CREATE:
            transaction.exec_driver_sql(statement)
    return engine


def _run(transaction: Any, text: str, *parts: Sql) -> Any:
    """Runs a statement with the parameters of its parts, in the order in which they stand in it."""
    return transaction.exec_driver_sql(text, tuple(value for part in parts for value in part.parameters))


def _clause(q: str, parameters: Mapping[str, Any]) -> Clause:
    """The query and its filters as one clause."""
    filters = parameters.get("fq") or []
    filters = [filters] if isinstance(filters, str) else filters
    # CKAN names a parser for dismax, where a colon is no syntax, and leaves it out for Lucene's.
    is_plain = parameters.get("defType") == "dismax" and q.strip() != "*:*"
    main = parse_words(q) if is_plain else parse(q)
    return all_of([main, *(parse(text) for text in filters if text.strip())])


def _chosen(document: dict[str, Any], rank: float, fl: str | Sequence[str] | None) -> dict[str, Any]:
    """The fields of a document that were asked for: names in a row, by blanks or commas; `*` is all."""
    names = fl.replace(",", " ").split() if isinstance(fl, str) else list(fl or ["*"])
    document = {**document, "score": rank} if "score" in names else document
    return document if "*" in names else {name: document[name] for name in names if name in document}


def _facet(transaction: Any, name: str, found: Sql, parameters: Mapping[str, Any]) -> list[Any]:
    """How many of the documents found have each value of a field: value, count, value, count, most first."""
    limit = int(parameters.get("facet.limit", 50))
    rows = _run(
        transaction,
        f"SELECT value, count(*) FROM {_TABLE}, jsonb_array_elements_text(fields -> %s) value "
        f"WHERE {found.text} GROUP BY value HAVING count(*) >= %s ORDER BY count(*) DESC, value LIMIT %s",
        Sql("", (name,)),
        found,
        Sql("", (int(parameters.get("facet.mincount", 1)), None if limit < 0 else limit)),
    )
    return [item for row in rows for item in (row[0], row[1])]
