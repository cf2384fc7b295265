"""Sizes are read exactly and shown as people say them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3portal.transfer.sizes import GIB, MIB, TIB, format_limit, format_size, parse_size


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("0", 0),
        ("5242880", 5 * MIB),
        ("5 MiB", 5 * MIB),
        ("5MB", 5_000_000),
        ("100GB", 100_000_000_000),
        ("1.5 gib", 3 * GIB // 2),
        (" 12 B ", 12),
        ("9007199254740993", 9007199254740993),
    ],
)
def test_a_size_is_read_to_the_byte(text: str, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize("text", ["", "5M", "MB", "-1", "5 MiBs", "1,000", "0x10", "1e3", "٣", "5 M B"])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="5 MiB or 100 GB"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (1_234_567, "1.2 MB"),
        (5 * MIB, "5.2 MB"),
        (99_940_000, "99.9 MB"),
        (99_950_000, "100 MB"),
        (100_450_000, "100 MB"),
        (160 * MIB, "168 MB"),
        (5_000_000_000, "5 GB"),
        (5 * TIB, "5.5 TB"),
        (58_123_456_789, "58.1 GB"),
        (999_999, "1 MB"),
        (999_999_999, "1 GB"),
        (5_000_000_000_000_000, "5 PB"),
    ],
)
def test_a_size_is_shown_as_people_say_it(size_bytes: int, text: str) -> None:
    assert format_size(size_bytes) == text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (5 * MIB, "5 MiB"),
        (5_000_000_000, "5 GB"),
        (5 * TIB, "5 TiB"),
        (10_000 * 5 * GIB, "48.8 TiB"),
        (58_123_456_789, "58.1 GB"),
        (999, "999 bytes"),
    ],
)
def test_a_limit_is_shown_as_an_administrator_writes_it(size_bytes: int, text: str) -> None:
    assert format_limit(size_bytes) == text


@given(st.integers(min_value=1000, max_value=10**16))
def test_what_is_shown_is_within_five_percent_of_the_size(size_bytes: int) -> None:
    assert parse_size(format_size(size_bytes).replace(",", "")) == pytest.approx(size_bytes, rel=0.05)
