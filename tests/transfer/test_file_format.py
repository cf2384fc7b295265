"""What a name suggests: one table for Python and JavaScript, and the same for whatever was sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from odd_names import ODD_NAMES

from s3portal.transfer.file_format import format_of
from s3portal.transfer.keys import safe_filename


@pytest.mark.parametrize("row", ODD_NAMES, ids=lambda row: ascii(row["name"]))
def test_the_table_of_odd_names(row: dict[str, str]) -> None:
    assert safe_filename(row["name"]) == row["safe"]
    assert format_of(row["name"]) == row["format"]


@given(st.text(st.one_of(st.characters(), st.sampled_from("./\\ .csv\u202e\u200b1")), max_size=40))
def test_the_format_is_that_of_the_safe_name_and_can_be_written_anywhere(name: str) -> None:
    assert format_of(name) == format_of(safe_filename(name))
    assert format_of(name) == "" or format_of(name).isalnum()
