"""Handles: encoded as dtool-s3 since 0.14.0 writes them, read as every version wrote them."""

import pytest
from dtoolcore.utils import generate_identifier
from hypothesis import given
from hypothesis import strategies as st

from s3portal.dtool.handles import decode_handle, encode_handle

PATHS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(PATHS)
def test_an_encoded_path_is_ascii_and_comes_back(relpath):
    stored = encode_handle(relpath)
    assert stored.isascii()
    assert decode_handle(stored, generate_identifier(relpath)) == relpath


@given(PATHS)
def test_a_raw_path_of_an_old_dataset_comes_back(relpath):
    assert decode_handle(relpath, generate_identifier(relpath)) == relpath


def test_an_old_path_that_happens_to_be_base64_is_not_decoded():
    assert decode_handle("data", generate_identifier("data")) == "data"


@pytest.mark.parametrize("stored", ["", "something else", encode_handle("another.csv")])
def test_what_is_not_the_path_of_this_item_is_no_handle(stored):
    assert decode_handle(stored, generate_identifier("rivers.csv")) is None
