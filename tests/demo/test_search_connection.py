"""Search on PostgreSQL: what is found, in which order, how it is counted, and what is refused."""

import datetime
import os
from concurrent.futures import ThreadPoolExecutor

import pysolr
import pytest
from ckan.lib.search.common import solr_datetime_decoder

from s3portal.demo.search import connection as connections
from s3portal.demo.search.connection import Connection


def dataset(name: str, **fields: object) -> dict[str, object]:
    return {"index_id": f"index-{name}", "id": f"id-{name}", "name": name, "site_id": "default", **fields}


def names(results: object) -> list[str]:
    return [document["name"] for document in results]


def found(search: Connection, query: str, **parameters: object) -> set[str]:
    return set(names(search.search(query, **parameters)))


@pytest.fixture
def rivers(search: Connection) -> Connection:
    search.add(
        [
            dataset(
                "rivers",
                title="Water levels of rivers",
                notes="Gauges at the Zürichsee.",
                tags=["water", "river"],
                organization="the-lab",
                private=False,
                res_format=["CSV", "NetCDF"],
                permission_labels=["public"],
                metadata_modified="2026-03-01T10:00:00.123456Z",
                num_resources=2,
            ),
            dataset(
                "lakes",
                title="Lakes",
                notes="Temperature of the water in lakes, and of rivers that feed them.",
                tags=["water"],
                organization="the-lab",
                private=True,
                permission_labels=["member-1"],
                metadata_modified="2026-03-01T10:00:00Z",
                num_resources=10,
            ),
            dataset(
                "air_quality-2026.csv",
                title="Air",
                tags=[],
                organization=None,
                metadata_modified="2025-01-01T00:00:00Z",
                num_resources=1,
            ),
        ]
    )
    return search


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("*:*", {"rivers", "lakes", "air_quality-2026.csv"}),
        ("name:rivers", {"rivers"}),
        ("name:river", set()),
        ("title:river", {"rivers"}),
        ("title:lake OR title:air", {"lakes", "air_quality-2026.csv"}),
        ("tags:water -tags:river", {"lakes"}),
        ("organization:the-lab", {"rivers", "lakes"}),
        ("-organization:*", {"air_quality-2026.csv"}),
        ("private:true", {"lakes"}),
        ("name:air*", {"air_quality-2026.csv"}),
        ("name:l?kes", {"lakes"}),
        ("name:air_*", {"air_quality-2026.csv"}),
        ("name:a_r*", set()),
        ("name_ngram:ive", {"rivers"}),
        ("metadata_modified:[2026-01-01 TO *]", {"rivers", "lakes"}),
        ("metadata_modified:{2026-03-01T10:00:00Z TO *]", {"rivers"}),
        ("metadata_modified:[* TO 2026-01-01T01:00:00+01:00]", {"air_quality-2026.csv"}),
        ("temperatures AND title:lakes", {"lakes"}),
        ("res_format:csv", set()),
        ("res_format:CSV", {"rivers"}),
    ],
)
def test_fields_are_matched_by_their_kind(rivers, query, expected):
    assert found(rivers, query) == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("water", {"rivers", "lakes"}),
        ("Gauge", {"rivers"}),
        ("zurichsee", {"rivers"}),
        ("Zürichsee", {"rivers"}),
        ("quality 2026", {"air_quality-2026.csv"}),
        ('"water levels"', {"rivers"}),
        ('"levels water"', set()),
        ("water -lakes", {"rivers"}),
        ("the", {"rivers", "lakes", "air_quality-2026.csv"}),
        ("nothing", set()),
        ("(", {"rivers", "lakes", "air_quality-2026.csv"}),
    ],
)
def test_words_typed_into_the_search_box_are_found(rivers, typed, expected):
    assert found(rivers, typed, defType="dismax") == expected


def test_filters_narrow_the_query(rivers):
    everything = {"fq": ["+site_id:default", '+permission_labels:("public" OR "creator-2")']}
    assert found(rivers, "*:*", **everything) == {"rivers"}


def test_titles_count_for_more_than_notes(rivers):
    assert names(rivers.search("rivers", defType="dismax", sort="score desc")) == ["rivers", "lakes"]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("name asc", ["air_quality-2026.csv", "lakes", "rivers"]),
        ("name desc", ["rivers", "lakes", "air_quality-2026.csv"]),
        ("num_resources asc", ["air_quality-2026.csv", "rivers", "lakes"]),
        ("metadata_modified DESC", ["rivers", "lakes", "air_quality-2026.csv"]),
        ("organization asc, name desc", ["rivers", "lakes", "air_quality-2026.csv"]),
        ("score desc, metadata_modified desc", ["rivers", "lakes", "air_quality-2026.csv"]),
    ],
)
def test_results_come_in_the_order_asked_for(rivers, sort, expected):
    assert names(rivers.search("*:*", sort=sort)) == expected


@pytest.mark.parametrize("sort", ["name", "name up", "name asc, title", "", " , "])
def test_a_sort_without_a_direction_is_an_error_that_ckan_knows(rivers, sort):
    if not sort:
        assert names(rivers.search("*:*", sort=sort))
        return
    with pytest.raises(pysolr.SolrError, match="Can't determine a Sort Order"):
        rivers.search("*:*", sort=sort)


def test_a_query_that_cannot_be_read_is_a_solr_error(rivers):
    with pytest.raises(pysolr.SolrError, match="not closed"):
        rivers.search("(name:rivers")
    with pytest.raises(pysolr.SolrError, match="is not a date"):
        rivers.search("metadata_modified:[yesterday TO *]")


def test_values_in_a_query_are_never_sql(rivers):
    for hostile in (
        "' OR 1=1 --",
        "%s",
        "%(x)s",
        "\\'; DROP TABLE s3portal_search.dataset; --",
        "$$",
        ":name",
    ):
        assert found(rivers, hostile, defType="dismax") <= {"rivers", "lakes", "air_quality-2026.csv"}
        quoted = hostile.replace("\\", "\\\\").replace('"', '\\"')
        assert found(rivers, f'name:"{quoted}"') == set()
        assert rivers.search("*:*", **{"facet.field": [hostile]}).hits == 3
    assert rivers.search("*:*").hits == 3


def test_pages_hold_every_result_once(search):
    search.add(dataset(f"d{number:03}") for number in range(25))
    pages = [names(search.search("*:*", rows=10, start=start, sort="score desc")) for start in (0, 10, 20)]
    assert [len(page) for page in pages] == [10, 10, 5]
    assert len({name for page in pages for name in page}) == 25
    assert search.search("*:*", rows=0).hits == 25
    assert search.search("*:*", rows=0).docs == []


def test_facets_count_the_values_of_what_was_found(rivers):
    results = rivers.search("*:*", **{"facet.field": ["tags", "organization", "missing"]})
    assert results.facets["facet_fields"] == {
        "tags": ["water", 2, "river", 1],
        "organization": ["the-lab", 2],
        "missing": [],
    }


def test_facets_can_be_limited(rivers):
    assert rivers.search("*:*", **{"facet.field": ["tags"], "facet.limit": 1}).facets["facet_fields"] == {
        "tags": ["water", 2]
    }
    assert rivers.search("*:*", **{"facet.field": ["tags"], "facet.mincount": 2, "facet.limit": -1}).facets[
        "facet_fields"
    ] == {"tags": ["water", 2]}


def test_only_the_fields_asked_for_come_back(rivers):
    assert rivers.search("name:rivers", fl="id name").docs == [{"id": "id-rivers", "name": "rivers"}]
    assert rivers.search("name:rivers", fl="id,missing").docs == [{"id": "id-rivers"}]
    assert rivers.search("name:rivers", fl="*").docs[0]["tags"] == ["water", "river"]


def test_a_document_takes_the_place_of_its_older_self(rivers):
    rivers.add([dataset("rivers", title="Streams")])
    assert rivers.search("*:*").hits == 3
    assert found(rivers, "title:rivers") == set()
    assert found(rivers, "title:stream") == {"rivers"}


def test_documents_are_deleted_by_a_query(rivers):
    rivers.delete(q='+entity_type:package AND +(id:"id-lakes" OR name:"id-lakes")')
    assert rivers.search("*:*").hits == 3
    rivers.delete(q='+(id:"id-lakes" OR name:"id-lakes") AND +site_id:"default"')
    assert found(rivers, "*:*") == {"rivers", "air_quality-2026.csv"}


def test_dates_come_as_solr_writes_them_or_decoded(rivers, postgres):
    assert rivers.search("name:rivers").docs[0]["metadata_modified"] == "2026-03-01T10:00:00.123Z"
    decoding = Connection(postgres.url("search"), solr_datetime_decoder)
    assert decoding.search("name:lakes").docs[0]["metadata_modified"] == datetime.datetime(2026, 3, 1, 10)  # noqa: DTZ001


def test_several_workers_may_make_the_table_at_once(postgres):
    url = postgres.create_database(f"fresh-{os.getpid()}")
    with ThreadPoolExecutor(8) as threads:
        connections = list(
            threads.map(lambda number: Connection(f"{url}?application_name=w{number}"), range(4))
        )
    assert [connection.search("*:*").hits for connection in connections] == [0, 0, 0, 0]


def test_a_count_and_its_rows_are_of_one_moment(rivers: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """CKAN takes the first document where one is counted, also while that one is being deleted."""
    run, statements = connections._run, []

    def delete_and_run(*arguments: object) -> object:
        result = run(*arguments)
        statements.append(arguments)
        if len(statements) == 1:
            monkeypatch.setattr(connections, "_run", run)
            rivers.delete(q='name:"rivers"')
            rivers.add([dataset("seas", title="Water", tags=["water"])])
            monkeypatch.setattr(connections, "_run", delete_and_run)
        return result

    monkeypatch.setattr(connections, "_run", delete_and_run)
    results = rivers.search("*:*", **{"facet.field": ["tags"]})
    monkeypatch.undo()
    assert len(statements) == 3
    assert (results.hits, sorted(names(results))) == (3, ["air_quality-2026.csv", "lakes", "rivers"])
    assert results.facets["facet_fields"]["tags"] == ["water", 2, "river", 1]
    assert found(rivers, "*:*") == {"air_quality-2026.csv", "lakes", "seas"}


def test_a_search_leaves_the_connection_as_it_was_for_the_next_writer(rivers: Connection) -> None:
    assert rivers.search("rivers").hits
    rivers.add([dataset("seas")])
    assert found(rivers, "name:seas") == {"seas"}
