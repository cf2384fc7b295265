"""Reading the query language: what CKAN's own code sends, what people type, and what is an error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3portal.demo.search.clause import AtLeast, Everything, Exists, Not, Pattern, Range, Term
from s3portal.demo.search.query import QueryError, parse, parse_words

A, B, C = Term("text", "a"), Term("text", "b"), Term("text", "c")


def both(*clauses):
    return AtLeast(len(clauses), clauses)


def either(*clauses):
    return AtLeast(1, clauses)


@pytest.mark.parametrize(
    ("query", "clause"),
    [
        ("*:*", Everything()),
        ("*", Everything()),
        ("a", A),
        ("a b", both(A, B)),
        ("a AND b", both(A, B)),
        ("a && b", both(A, B)),
        ("a OR b", either(A, B)),
        ("a || b", either(A, B)),
        ("a b OR c", either(both(A, B), C)),
        ("a (b OR c)", both(A, either(B, C))),
        ("+a -b", both(A, Not(B))),
        ("a !b", both(A, Not(B))),
        ("NOT a", Not(A)),
        ("-(a b)", Not(both(A, B))),
        ('"a b"', Term("text", "a b")),
        ("name:rivers", Term("name", "rivers")),
        ("name: rivers", Term("name", "rivers")),
        ("tags:(a OR b)", either(Term("tags", "a"), Term("tags", "b"))),
        ("name:riv*", Pattern("name", "riv*")),
        ("name:*", Exists("name")),
        ("name:[* TO *]", Exists("name")),
        (r"name:a\:b", Term("name", "a:b")),
        (r'name:"say \"a\""', Term("name", 'say "a"')),
        ("title:a^4 b~2", both(Term("title", "a"), B)),
        ("res_extras_x-y:1", Term("res_extras_x-y", "1")),
        ("name:river-gauges", Term("name", "river-gauges")),
        ("year:[2020 TO 2026]", Range("year", "2020", "2026")),
        ("year:{2020 TO *]", Range("year", "2020", None, includes_low=False)),
        ("year:[* TO 2026}", Range("year", None, "2026", includes_high=False)),
        ('name:"OR"', Term("name", "OR")),
    ],
)
def test_the_syntax_is_read_as_lucene_reads_it(query, clause):
    assert parse(query) == clause


def test_the_filters_that_ckan_adds_are_read():
    assert parse('+permission_labels:("public" OR "member-1")') == either(
        Term("permission_labels", "public"), Term("permission_labels", "member-1")
    )
    assert parse('+entity_type:package AND +(id:"x" OR name:"x") AND +site_id:"default"') == both(
        Term("entity_type", "package"),
        either(Term("id", "x"), Term("name", "x")),
        Term("site_id", "default"),
    )


@pytest.mark.parametrize(
    "query", ["(a", "a)", 'say "a', "a OR", "name:", "year:[2020]", "", "-", "{!bool must=a}"]
)
def test_what_is_no_query_is_an_error(query):
    with pytest.raises(QueryError):
        parse(query)


def test_dates_that_have_to_be_calculated_are_an_error_that_says_so():
    with pytest.raises(QueryError, match="NOW"):
        parse("metadata_modified:[NOW-1DAY TO NOW]")


@pytest.mark.parametrize(("word_count", "least"), [(1, 1), (2, 2), (3, 2), (5, 4), (6, 4), (10, 8)])
def test_of_many_words_some_may_be_missing(word_count, least):
    words = [f"w{number}" for number in range(word_count)]
    found = parse_words(" ".join(words))
    assert found == AtLeast(least, tuple(Term("text", word) for word in words))


def test_a_search_box_knows_quotes_plus_and_minus():
    assert parse_words('+a -b "c d"') == both(A, Not(B), AtLeast(1, (Term("text", "c d"),)))


@given(st.text())
def test_nothing_that_is_typed_into_a_search_box_is_an_error(query):
    parse_words(query)


@given(st.text(alphabet=st.sampled_from('ab:()[]{}"+-!&|*?~^\\ TO')))
def test_a_query_is_read_or_refused_and_nothing_else(query):
    try:
        parse(query)
    except QueryError as error:
        assert str(error)
