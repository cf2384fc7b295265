"""A part plan holds the file exactly, within every limit of S3, or says which limit it would break."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from s3portal.transfer import FileTooLarge, PartOutsidePlan, PartPlan, plan_parts
from s3portal.transfer.part_plan import (
    LARGEST_OBJECT_ELSEWHERE_BYTES,
    LARGEST_OBJECT_ON_AWS_BYTES,
    chosen_part_size,
)
from s3portal.transfer.sizes import GIB, MIB, TIB

sizes = st.integers(0, LARGEST_OBJECT_ON_AWS_BYTES)
part_sizes = st.integers(5 * MIB, 5 * GIB)


@given(sizes, part_sizes)
@example(0, 5 * MIB)
@example(LARGEST_OBJECT_ON_AWS_BYTES, 5 * MIB)
@example(10_000 * 5 * MIB, 5 * MIB)
@example(10_000 * 5 * MIB + 1, 5 * MIB)
def test_every_plan_holds_the_file_within_the_limits_of_s3(size_bytes: int, part_size_bytes: int) -> None:
    plan = plan_parts(size_bytes, part_size_bytes=part_size_bytes)

    assert 1 <= plan.part_count <= 10_000
    assert 5 * MIB <= plan.part_size_bytes <= 5 * GIB
    last = plan.part_count
    assert plan.offset(last) + plan.length(last) == size_bytes
    assert 0 < plan.length(last) <= plan.part_size_bytes or size_bytes == 0


@given(sizes, part_sizes, st.data())
def test_parts_follow_one_another_without_a_gap(
    size_bytes: int, part_size_bytes: int, data: st.DataObject
) -> None:
    plan = plan_parts(size_bytes, part_size_bytes=part_size_bytes)
    part_number = data.draw(st.integers(1, plan.part_count))

    assert plan.offset(1) == 0
    if part_number < plan.part_count:
        assert plan.length(part_number) == plan.part_size_bytes
        assert plan.offset(part_number) + plan.length(part_number) == plan.offset(part_number + 1)


@given(sizes, part_sizes)
def test_a_part_is_larger_than_asked_only_where_it_must_be_and_by_less_than_a_mib(
    size_bytes: int, part_size_bytes: int
) -> None:
    plan = plan_parts(size_bytes, part_size_bytes=part_size_bytes)

    if plan.part_size_bytes != part_size_bytes:
        assert plan.part_size_bytes % MIB == 0
        smaller = plan.part_size_bytes - MIB
        assert smaller * 10_000 < size_bytes or smaller < part_size_bytes


def test_a_file_of_no_bytes_is_one_empty_part() -> None:
    plan = plan_parts(0)

    assert (plan.part_count, plan.offset(1), plan.length(1)) == (1, 0, 0)


@pytest.mark.parametrize(
    ("limit_bytes", "shown"),
    [
        (LARGEST_OBJECT_ON_AWS_BYTES, "53.7 TB"),
        (LARGEST_OBJECT_ELSEWHERE_BYTES, "5.5 TB"),
        (5_000_000_000, "5 GB"),
    ],
)
def test_a_larger_file_is_refused_with_the_limit_in_the_message(limit_bytes: int, shown: str) -> None:
    plan_parts(limit_bytes, max_object_size_bytes=limit_bytes)

    with pytest.raises(FileTooLarge) as refusal:
        plan_parts(2 * limit_bytes, max_object_size_bytes=limit_bytes)

    assert f"up to {shown};" in str(refusal.value)
    assert refusal.value.facts == {
        "limit": limit_bytes,
        "given": 2 * limit_bytes,
        "setting": "max_object_size",
    }


def test_no_setting_makes_a_plan_of_more_than_ten_thousand_of_the_largest_parts() -> None:
    with pytest.raises(FileTooLarge, match=r"53\.7 TB"):
        plan_parts(60 * TIB, max_object_size_bytes=100 * TIB)


@pytest.mark.parametrize("part_number", [-1, 0, 3, 10_001])
def test_a_part_outside_the_plan_is_named(part_number: int) -> None:
    plan = plan_parts(10 * MIB)

    for ask in (plan.length, plan.offset):
        with pytest.raises(PartOutsidePlan, match=f"parts 1 to 2; there is no part {part_number}"):
            ask(part_number)


@pytest.mark.parametrize(
    ("size_bytes", "part_size_bytes", "part_count"),
    [
        (-1, MIB, 1),
        (10, 0, 1),
        (10, MIB, 2),
        (0, MIB, 0),
        (10_001 * MIB, MIB, 10_001),
        (10 * MIB, 5 * MIB, 1),
    ],
)
def test_a_row_that_is_no_plan_is_no_plan(size_bytes: int, part_size_bytes: int, part_count: int) -> None:
    with pytest.raises(ValueError, match="PartPlan"):
        PartPlan(size_bytes, part_size_bytes, part_count)


@pytest.mark.parametrize(
    ("size_bytes", "round_trip_ms", "part_size_bytes"),
    [
        (GIB, None, 5 * MIB),
        (GIB, 0, 5 * MIB),
        (GIB, 25, 5 * MIB),
        (GIB, 40, 8 * MIB),
        (GIB, 80, 16 * MIB),
        (TIB, 2_000, 16 * MIB),
        (100 * MIB, 200, 6 * MIB),
        (3, 200, 5 * MIB),
        (0, 200, 5 * MIB),
    ],
)
def test_a_far_store_gets_larger_parts_as_long_as_there_are_many(
    size_bytes: int, round_trip_ms: float | None, part_size_bytes: int
) -> None:
    assert chosen_part_size(size_bytes, 5 * MIB, round_trip_ms) == part_size_bytes


def test_parts_are_never_smaller_than_the_setting() -> None:
    assert chosen_part_size(GIB, 64 * MIB, 200) == 64 * MIB
