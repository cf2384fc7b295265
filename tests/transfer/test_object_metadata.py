"""Metadata goes through HTTP headers and comes back as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3portal.transfer import decode_metadata, encode_metadata

NAMES = ("portal", "user", "dataset", "resource", "filename")
values = st.dictionaries(
    st.sampled_from(NAMES), st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
)


@given(values)
def test_every_value_comes_back_exactly(metadata: dict[str, str]) -> None:
    assert decode_metadata(encode_metadata(metadata)) == metadata


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=2000)))
def test_what_is_sent_is_printable_ascii_without_blanks_and_within_2_kib(metadata: dict[str, str]) -> None:
    encoded = encode_metadata(metadata)

    assert all(value.isascii() and value.isprintable() and " " not in value for value in encoded.values())
    assert sum(len(name) + len(value) for name, value in encoded.items()) <= 2048


def test_readable_values_stay_readable_in_a_console() -> None:
    metadata = {"portal": "https://data.example.org", "user": "anna.b", "filename": "rivers-2026_(1).csv"}

    assert encode_metadata(metadata) == metadata


def test_a_percent_sign_and_blanks_at_the_ends_survive() -> None:
    assert encode_metadata({"filename": " 100%25 "}) == {"filename": "%20100%2525%20"}


def test_an_empty_value_is_left_out() -> None:
    assert encode_metadata({"user": "anna", "resource": ""}) == {"user": "anna"}


def test_the_longest_value_gives_way_and_the_others_stay_whole() -> None:
    metadata = {"portal": "https://data.example.org", "filename": "ü" * 1000}

    decoded = decode_metadata(encode_metadata(metadata))

    assert decoded["portal"] == metadata["portal"]
    assert metadata["filename"].startswith(decoded["filename"])
    assert len(decoded["filename"]) > 320


@pytest.mark.parametrize("foreign", ["plain", "half%", "%zz", "%ff"])
def test_metadata_that_others_wrote_is_read_without_an_error(foreign: str) -> None:
    assert set(decode_metadata({"Filename": foreign})) == {"filename"}
