"""Versions and delete markers in the storage: found, listed, counted; their rows are written directly."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from s3_callers import BUCKET, client_of, code_of

from s3portal.server.storage import buckets, listing, usage, versions
from s3portal.server.storage.records import Version

INSERT = """
INSERT INTO {table} (bucket_id, key, sequence, version_id, owner, body_id, size_bytes, etag, modified_at,
    checksum_algorithm, checksum_value, checksum_type, part_count, headers{more_columns})
VALUES (?, ?, ?, ?, '000000000000', 'body', 5, 'etag', 0, 'CRC32', '', 'FULL_OBJECT', 0, '{{}}'{more_values})
"""
CURRENT = INSERT.format(table="objects", more_columns="", more_values="")
OTHER = INSERT.format(
    table="versions", more_columns=", is_delete_marker, noncurrent_at", more_values=", ?, 7"
)


def store(storage, entries):
    """Replaces everything by versions: (key, sequence, kind), kind "current", "old" or "marker"."""
    bucket_id = buckets.find(storage, BUCKET).bucket_id

    def replace(connection):
        connection.execute("DELETE FROM objects")
        connection.execute("DELETE FROM versions")
        for key, sequence, kind in entries:
            values = (bucket_id, key.encode(), sequence, f"v{sequence}")
            if kind == "current":
                connection.execute(CURRENT, values)
            else:
                connection.execute(OTHER, (*values, kind == "marker"))

    storage.database.write(replace)


keys = st.text("ab/é", min_size=1, max_size=4)


@st.composite
def histories(draw):
    """Keys with some versions each: the newest is current or a delete marker."""
    entries, sequence = [], 0
    for key in draw(st.lists(keys, unique=True, max_size=8)):
        kinds = draw(st.lists(st.sampled_from(["old", "marker"]), max_size=3))
        for kind in [*kinds, draw(st.sampled_from(["current", "marker"]))]:
            sequence += 1
            entries.append((key, sequence, kind))
    return entries


def model(entries, prefix, delimiter):
    listed = []
    for key, sequence, _ in sorted(entries, key=lambda entry: (entry[0].encode(), -entry[1])):
        if not key.startswith(prefix):
            continue
        head, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
        name = prefix + head + found if found else (key, f"v{sequence}")
        if name not in listed:
            listed.append(name)
    return listed


@settings(max_examples=examples(200), deadline=None)
@given(histories(), st.sampled_from(["", "a", "a/"]), st.sampled_from(["", "/"]), st.integers(1, 4))
def test_pages_of_any_size_together_are_the_model(shared_server, entries, prefix, delimiter, size):
    storage = shared_server._server.storage
    store(storage, entries)
    listed, marker = [], ("", "")
    while marker is not None:
        page = versions.list_versions(
            storage, BUCKET, prefix=prefix, delimiter=delimiter, marker=marker, limit=size
        )
        assert len(page.entries) <= size
        listed += [e if isinstance(e, str) else (e.key, e.version_id) for e in page.entries]
        marker = page.next_marker
    assert listed == model(entries, prefix, delimiter)
    assert usage.of_bucket(storage, BUCKET) == usage.recounted(storage, BUCKET)


def test_a_version_is_found_by_its_id(s3_server, s3):
    storage = s3_server._server.storage
    store(storage, [("k", 1, "old"), ("k", 2, "marker"), ("k", 3, "current")])
    old, marker, current = (versions.find_version(storage, BUCKET, "k", f"v{n}") for n in (1, 2, 3))
    assert (old.found.size_bytes, old.noncurrent_at) == (5, 7)
    assert marker == Version("k", "v2", True, 0, "000000000000", 2, 7, None)
    assert (current.found.body_id, current.noncurrent_at) == ("body", None)
    assert versions.find_version(storage, BUCKET, "k", "v4") is None
    assert usage.of_bucket(storage, BUCKET) == usage.Usage(1, 5, 1, 5, 0, 0)


def test_what_is_stored_without_versioning_is_the_null_version(s3_server, s3):
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    found = versions.find_version(s3_server._server.storage, BUCKET, "k", "null")
    assert (found.is_delete_marker, found.found.size_bytes) == (False, 1)


@pytest.mark.parametrize("kind", ["old", "marker"])
def test_a_bucket_with_versions_is_not_empty(s3_server, kind):
    store(s3_server._server.storage, [("k", 1, kind)])
    assert code_of(client_of(s3_server, "admin").delete_bucket, Bucket=BUCKET) == "BucketNotEmpty"


@pytest.mark.parametrize("delimiter", ["", "/"])
@pytest.mark.parametrize("list_page", ["list_objects", "list_versions", "list_uploads"])
def test_the_next_reader_sees_the_newest_state(s3_server, s3, monkeypatch, list_page, delimiter):
    """A connection that goes back with rows still to be read would keep the state they are of."""
    storage = s3_server._server.storage
    for key in ("a/1", "a/2", "b/1", "b/2"):
        s3.put_object(Bucket=BUCKET, Key=key)
        s3.create_multipart_upload(Bucket=BUCKET, Key=key)
    read, seen = storage.database.read, []

    @contextmanager
    def read_and_look_again():
        with read() as connection:
            yield connection
            s3.put_object(Bucket=BUCKET, Key=f"new/{len(seen)}")
            query = "SELECT count(*) FROM objects WHERE key >= CAST('new' AS BLOB)"
            seen.append(connection.execute(query).fetchone()[0])

    page = {
        "list_objects": partial(listing.list_objects, after=b""),
        "list_versions": partial(versions.list_versions, marker=("", "")),
        "list_uploads": partial(listing.list_uploads, marker=("", "")),
    }
    with monkeypatch.context() as patch:
        patch.setattr(storage.database, "read", OnlyOnce(read_and_look_again, read))
        found = page[list_page](storage, BUCKET, prefix="", delimiter=delimiter, limit=1)
    assert len(found.entries) == 1
    assert seen == [1]


class OnlyOnce:
    """The first call is for one function, the others for another."""

    def __init__(self, first, others):
        self.functions = [first]
        self.others = others

    def __call__(self):
        return (self.functions.pop() if self.functions else self.others)()
