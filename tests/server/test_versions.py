"""Versions and delete markers in the storage: found, listed, counted; their rows are written directly."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from s3_callers import BUCKET, client_of, code_of

from s3portal.server.storage import buckets, usage, versions
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


@settings(max_examples=200, deadline=None)
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
