"""Administrative metadata as headers and as JSON."""

import json

from s3portal.dtool.admin_metadata import from_headers, from_object, to_headers

METADATA = {
    "uuid": "c3f1a1fa-3d1c-4a3c-8a39-0f6d3cfb3f2a",
    "name": "rivers-2026.v2",
    "type": "dataset",
    "creator_username": "olssont",
    "dtoolcore_version": "3.19.0",
    "created_at": 1763719502.25,
    "frozen_at": 1763719503.5,
}


def test_headers_are_the_fields_as_text():
    assert to_headers(METADATA)["created_at"] == "1763719502.25"
    assert to_headers(METADATA)["name"] == "rivers-2026.v2"


def test_headers_alone_tell_everything_with_times_as_numbers():
    assert from_headers(to_headers(METADATA)) == METADATA


def test_headers_are_read_as_ceph_gives_them_back():
    as_by_ceph = {name.replace("_", "-"): value for name, value in to_headers(METADATA).items()}
    assert from_headers(as_by_ceph) == METADATA


def test_a_creator_who_is_not_ascii_is_encoded_in_the_headers_and_read_from_the_body():
    metadata = {**METADATA, "creator_username": "Jürgen Ñandú"}
    headers = to_headers(metadata)
    assert all(value.isascii() for value in headers.values())
    assert from_headers(headers) is None
    assert from_object(json.dumps(metadata).encode(), headers) == metadata


def test_a_body_without_headers_is_enough():
    assert from_object(json.dumps(METADATA).encode(), {}) == METADATA


def test_headers_without_a_body_are_enough():
    assert from_object(b"", to_headers(METADATA)) == METADATA


def test_an_object_that_says_nothing_is_no_dataset():
    assert from_object(b"[]", {"name": "rivers"}) is None
