"""Part numbers are written as ranges and read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3portal.transfer import format_ranges, parse_ranges


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([], ""), ([1], "1"), ([1, 2], "1-2"), ([1, 2, 3, 5], "1-3,5"), ([9, 1, 2, 9], "1-2,9")],
)
def test_numbers_become_ranges(numbers: list[int], text: str) -> None:
    assert format_ranges(numbers) == text


def test_ten_thousand_parts_are_seven_characters() -> None:
    assert format_ranges(range(1, 10_001)) == "1-10000"


@given(st.sets(st.integers(1, 10_000)))
def test_what_was_written_is_read_back(numbers: set[int]) -> None:
    assert parse_ranges(format_ranges(numbers)) == sorted(numbers)


@pytest.mark.parametrize(
    "text",
    ["0", "1-", "-3", "3-1", "1,,2", "a", "1 - 3", "10001", "1-99999999999", "1;2", "+1", "²", "1-2-3"],
)
def test_what_are_no_part_numbers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_ranges(text)
