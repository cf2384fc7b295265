"""ListObjects: equal to a plain model of S3's rules, whatever the keys, prefixes and page sizes are."""

from __future__ import annotations

import pytest
from examples import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st
from s3_callers import BUCKET, client_of, code_of, signed_send

from s3portal.server.bucket_settings.canonical_users import canonical_id
from s3portal.server.storage import listing
from s3portal.server.storage.records import ListedObject


def model(keys, prefix, delimiter, after=""):
    """What S3 lists, by its definition: keys in the order of their bytes, rolled up once each."""
    listed = []
    for key in sorted(keys, key=str.encode):
        if not key.startswith(prefix) or key.encode() <= after.encode():
            continue
        rest = key[len(prefix) :]
        if delimiter and delimiter in rest:
            common = prefix + rest[: rest.index(delimiter) + len(delimiter)]
            if common not in listed:
                listed.append(common)
        else:
            listed.append(key)
    return listed


def store(server, keys):
    """Puts rows for the keys in place of what was there."""

    def replace_all(connection):
        connection.execute("DELETE FROM objects")
        connection.executemany(
            "INSERT INTO objects (bucket_id, key, version_id, sequence, owner, body_id, size_bytes, etag, "
            "modified_at, checksum_algorithm, checksum_value, checksum_type, part_count, headers) "
            "SELECT bucket_id, ?, 'null', 0, '', '', 1, 'etag', 0, 'CRC32', '', 'FULL_OBJECT', 0, '{}' "
            "FROM buckets WHERE name = ?",
            [(key.encode(), BUCKET) for key in keys],
        )

    server._server.storage.database.write(replace_all)


def names(page):
    return [entry.key if isinstance(entry, ListedObject) else entry for entry in page.entries]


letters = st.text("ab/é￿\U0001f600", max_size=6)
key_sets = st.sets(letters.filter(bool), max_size=25)


@settings(max_examples=examples(300))
@given(
    keys=key_sets,
    prefix=letters,
    delimiter=st.sampled_from(["", "/", "a/", "é"]),
    size=st.integers(1, 5),
    after=letters,
)
@example(keys={"a/b", "a/c", "a0"}, prefix="", delimiter="/", size=1, after="")
@example(keys={"a/", "a/b", "a/b/c"}, prefix="a/", delimiter="/", size=1, after="a/")
def test_pages_of_any_size_together_are_the_model(shared_server, keys, prefix, delimiter, size, after):
    store(shared_server, keys)
    storage = shared_server._server.storage
    listed, position, pages = [], after.encode(), 0
    while position is not None:
        page = listing.list_objects(
            storage, BUCKET, prefix=prefix, delimiter=delimiter, after=position, limit=size
        )
        assert len(page.entries) <= size
        listed += names(page)
        position, pages = page.next_after, pages + 1
    assert listed == model(keys, prefix, delimiter, after)
    assert pages == max(1, -(-len(listed) // size))


KEYS = ["a/1", "a/2", "a/b/1", "b", "c d+e&<>\"'%", "z/\r\n\t", "é", "￿", "\U0001f600"]


@pytest.fixture
def some_keys(s3_server):
    store(s3_server, KEYS)
    return KEYS


@pytest.mark.parametrize("size", [1, 2, 1000])
@pytest.mark.parametrize("operation", ["list_objects_v2", "list_objects"])
def test_both_versions_page_through_everything(s3, some_keys, operation, size):
    pages = s3.get_paginator(operation).paginate(Bucket=BUCKET, PaginationConfig={"PageSize": size})
    assert [o["Key"] for page in pages for o in page.get("Contents", [])] == sorted(KEYS, key=str.encode)


@pytest.mark.parametrize("size", [1, 2, 1000])
@pytest.mark.parametrize("operation", ["list_objects_v2", "list_objects"])
def test_both_versions_page_through_common_prefixes(s3, some_keys, operation, size):
    pages = s3.get_paginator(operation).paginate(
        Bucket=BUCKET, Delimiter="/", PaginationConfig={"PageSize": size}
    )
    listed = [
        entry.get("Key") or entry["Prefix"]
        for page in pages
        for entry in page.get("Contents", []) + page.get("CommonPrefixes", [])
    ]
    assert sorted(listed) == sorted(model(KEYS, "", "/"))


def test_a_common_prefix_costs_one_step_however_many_keys_are_under_it(s3_server):
    store(s3_server, [f"{folder}/{number:05d}" for folder in "abc" for number in range(3000)])
    storage = s3_server._server.storage
    steps = 0

    def count():
        nonlocal steps
        steps += 1
        return 0

    with storage.database.read() as connection:
        connection.set_progress_handler(count, 1)
    page = listing.list_objects(storage, BUCKET, prefix="", delimiter="/", after=b"", limit=1000)
    with storage.database.read() as connection:
        connection.set_progress_handler(None, 0)
    assert names(page) == ["a/", "b/", "c/"]
    assert 0 < steps < 500


def test_the_answer_says_what_was_asked(s3, some_keys):
    page = s3.list_objects_v2(Bucket=BUCKET, Prefix="a/", Delimiter="/", MaxKeys=1, StartAfter="a/1")
    assert (page["Prefix"], page["Delimiter"], page["MaxKeys"], page["StartAfter"]) == ("a/", "/", 1, "a/1")
    assert (page["KeyCount"], page["IsTruncated"], page["Name"]) == (1, True, BUCKET)
    last = s3.list_objects_v2(
        Bucket=BUCKET, Prefix="a/", Delimiter="/", ContinuationToken=page["NextContinuationToken"]
    )
    assert last["ContinuationToken"] == page["NextContinuationToken"]
    assert [entry["Prefix"] for entry in last["CommonPrefixes"]] == ["a/b/"]
    assert last["IsTruncated"] is False


def test_an_entry_has_everything_clients_show(s3):
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"content")
    (entry,) = s3.list_objects_v2(Bucket=BUCKET, FetchOwner=True)["Contents"]
    head = s3.head_object(Bucket=BUCKET, Key="k")
    assert (entry["Size"], entry["ETag"], entry["StorageClass"]) == (7, head["ETag"], "STANDARD")
    assert entry["LastModified"].replace(microsecond=0) == head["LastModified"]
    assert entry["Owner"]["ID"] == canonical_id("000000000000")


def test_max_keys_of_zero_and_over_a_thousand(s3, some_keys):
    empty = s3.list_objects_v2(Bucket=BUCKET, MaxKeys=0)
    assert (empty["KeyCount"], empty["IsTruncated"]) == (0, False)
    assert s3.list_objects_v2(Bucket=BUCKET, MaxKeys=5000)["MaxKeys"] == 1000


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("list-type=2&max-keys=x", b"InvalidArgument"),
        ("list-type=2&max-keys=-1", b"InvalidArgument"),
        ("list-type=2&continuation-token=%21", b"InvalidArgument"),
        ("list-type=2&encoding-type=base64", b"InvalidArgument"),
        ("list-type=3", b"InvalidArgument"),
        ("metadataTable", b"NotImplemented"),
    ],
)
def test_what_makes_no_sense_is_refused(s3_server, query, code):
    status, _, body = signed_send(s3_server, "GET", f"/{BUCKET}?{query}")
    assert status in (400, 501)
    assert b"<Code>" + code in body


@pytest.mark.parametrize(("name", "status"), [("RestoreStatus", 200), ("", 200), ("Colour", 400)])
@pytest.mark.parametrize("query", ["", "?list-type=2"])
def test_optional_attributes_are_known_or_refused(s3_server, query, name, status):
    headers = {"x-amz-optional-object-attributes": name}
    assert signed_send(s3_server, "GET", f"/{BUCKET}{query}", headers)[0] == status


def test_every_name_is_encoded_where_that_is_asked_for(s3_server, s3):
    for key in ("a b/c&d", "a b/+/x"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    query = "encoding-type=url&prefix=a%20b%2F&delimiter=%2F&max-keys=1"
    for path, names in (
        (f"list-type=2&start-after=a%20a&{query}", (b"<StartAfter>a%20a<", b"<Prefix>a%20b/<")),
        (f"marker=a%20a&{query}", (b"<Marker>a%20a<", b"<NextMarker>a%20b/%2B/<")),
    ):
        _, _, body = signed_send(s3_server, "GET", f"/{BUCKET}?{path}")
        for name in (*names, b"<Delimiter>/<", b"<CommonPrefixes><Prefix>a%20b/%2B/<", b"url</EncodingType>"):
            assert name in body, name
    _, _, body = signed_send(s3_server, "GET", f"/{BUCKET}?encoding-type=url&max-keys=1")
    assert b"<NextMarker>" not in body


def test_without_encoding_type_special_characters_are_references(s3_server, some_keys):
    _, _, body = signed_send(s3_server, "GET", f"/{BUCKET}?list-type=2")
    assert b"<Key>c d+e&amp;&lt;&gt;&quot;'%</Key>" in body
    assert b"<Key>z/&#13;" in body


def test_a_bucket_that_is_not_there(s3_server):
    assert code_of(client_of(s3_server, "admin").list_objects_v2, Bucket="no-such-bucket") == "NoSuchBucket"
