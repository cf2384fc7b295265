"""The migration engine with a portal in memory: copy, apply, revert, move, and what happens meanwhile."""

from pathlib import Path

import pytest
from migrating_portal import (
    BUCKET,
    DISK,
    MemoryChange,
    MemoryMove,
    MemoryPortal,
    apply,
    copy,
    move,
    revert,
)

from s3portal.portal.migration import UnusableRow, missing_everywhere, read_mapping

CONTENTS = {f"{number:02}": f"content {number}".encode() * number for number in range(1, 21)}


@pytest.fixture
def portal() -> MemoryPortal:
    return MemoryPortal(CONTENTS)


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    return tmp_path / "mapping"


@pytest.mark.parametrize("threads", [1, 4])
def test_the_copy_changes_nothing_and_every_file_is_there_once(
    portal: MemoryPortal, mapping: Path, threads: int
) -> None:
    report = copy(portal, mapping, threads=threads)

    assert (report.copied, report.recorded_before, report.failures) == (20, 0, [])
    assert portal.where() == {DISK}
    assert {key: portal.stored[BUCKET, key] for key in CONTENTS} == CONTENTS


def test_there_and_back_is_where_it_was(portal: MemoryPortal, mapping: Path) -> None:
    before = dict(portal.rows)
    copy(portal, mapping)

    assert apply(portal, mapping).updated == 20
    assert portal.where() == {BUCKET}
    assert portal.read() == CONTENTS
    assert revert(portal, mapping).updated == 20
    assert portal.rows == before


def test_doing_it_again_changes_nothing(portal: MemoryPortal, mapping: Path) -> None:
    copy(portal, mapping)
    recorded = mapping.read_bytes()
    again = copy(portal, mapping)
    assert (again.copied, again.recorded_before, again.passed_over) == (0, 20, 20)
    assert again.passed_over_bytes == sum(map(len, CONTENTS.values()))
    assert mapping.read_bytes() == recorded

    apply(portal, mapping)
    report = apply(portal, mapping)

    assert (report.updated, report.before, report.gone) == (0, 20, 0)


def test_what_was_damaged_on_the_way_is_not_recorded_and_its_row_stays(
    portal: MemoryPortal, mapping: Path
) -> None:
    portal.on_the_way = lambda content: content.replace(b"content 7", b"content x")

    report = copy(portal, mapping)

    assert report.failures == [("file 07", "07 is another file")]
    assert report.copied == 19
    assert apply(portal, mapping).updated == 19
    assert portal.read() == CONTENTS


def test_a_file_that_is_not_the_one_on_record_is_not_copied(portal: MemoryPortal, mapping: Path) -> None:
    portal.stored[portal.rows["07"].place] = b"rotten"

    assert copy(portal, mapping).failures == [("file 07", "the file on the disk is not the one on record")]
    assert (BUCKET, "07") not in portal.stored


def test_a_file_that_vanished_is_said_and_does_not_stop_the_others(
    portal: MemoryPortal, mapping: Path
) -> None:
    del portal.stored[portal.rows["07"].place]

    report = copy(portal, mapping)

    assert report.failures == [("file 07", "No such file: files/07")]
    assert report.copied == 19


def test_a_source_that_changed_since_the_copy_keeps_its_new_file(portal: MemoryPortal, mapping: Path) -> None:
    copy(portal, mapping)
    portal.save("07", b"a newer file in the same place")

    report = apply(portal, mapping)

    assert report.updated == 19
    assert report.changed_since == {"07": "row 07"}
    assert portal.read() == {**CONTENTS, "07": b"a newer file in the same place"}


def test_a_source_that_changed_is_copied_by_the_next_run_and_then_nothing_is_left_over(
    portal: MemoryPortal, mapping: Path
) -> None:
    first = MemoryMove(portal)
    copy(portal, mapping, first)
    portal.save("07", b"a newer file in the same place")
    newer = MemoryMove(portal)
    newer.key_of = lambda row: f"newer/{row}"

    again = copy(portal, mapping, newer)
    report = apply(portal, mapping)

    assert (again.copied, again.recorded_before) == (1, 19)
    assert (report.updated, report.changed_since) == (20, {})
    assert portal.where() == {BUCKET}
    assert portal.read()["07"] == b"a newer file in the same place"
    assert revert(portal, mapping).changed_since == {}
    assert portal.read()["07"] == b"a newer file in the same place"
    assert portal.where() == {DISK}


def test_a_row_that_was_deleted_since_is_gone(portal: MemoryPortal, mapping: Path) -> None:
    copy(portal, mapping)
    portal.delete("07")

    report = apply(portal, mapping)

    assert (report.updated, report.gone) == (19, 1)


def test_a_way_in_two_steps_is_undone_from_its_end(portal: MemoryPortal, mapping: Path) -> None:
    copy(portal, mapping)
    apply(portal, mapping)
    there = MemoryMove(portal, BUCKET, "archive")
    there.is_of = lambda change, file: change.new != file.place  # type: ignore[method-assign]
    copy(portal, mapping, there)
    apply(portal, mapping)
    assert portal.where() == {"archive"}

    revert(portal, mapping)

    assert portal.where() == {DISK}
    assert portal.read() == CONTENTS


def test_two_files_with_one_key_are_not_made_one(portal: MemoryPortal, mapping: Path) -> None:
    way = MemoryMove(portal)
    way.key_of = lambda row: "01" if row == "02" else row

    report = copy(portal, mapping, way)

    assert report.failures == [("file 02", "another file has the key 01 too")]
    assert portal.stored[BUCKET, "01"] == CONTENTS["01"]


def test_rows_that_share_a_file_are_moved_with_it(portal: MemoryPortal, mapping: Path) -> None:
    portal.save("02", CONTENTS["01"])
    way = MemoryMove(portal)
    way.key_of = lambda row: "01" if row == "02" else row

    report, applied = move(portal, mapping, way)

    assert report.failures == []
    assert applied.updated == 20
    assert portal.read() == {**CONTENTS, "02": CONTENTS["01"]}


def test_a_move_of_another_file_to_a_place_that_is_taken_is_said(portal: MemoryPortal, mapping: Path) -> None:
    way = MemoryMove(portal)
    way.key_of = lambda row: "01" if row == "02" else row

    report, applied = move(portal, mapping, way)

    assert report.failures == [("file 02", "01 is another file")]
    assert applied.updated == 19
    assert portal.read() == CONTENTS


def test_a_move_commits_a_hundred_rows_at_a_time(mapping: Path) -> None:
    portal = MemoryPortal({f"{number:03}": b"x" for number in range(250)})

    _report, applied = move(portal, mapping)

    assert applied.updated == 250
    assert sum(step.startswith("committed") for step in portal.steps) == 3


def test_rows_of_which_nothing_can_be_made_are_said_and_counted(portal: MemoryPortal, mapping: Path) -> None:
    portal.unusable = [UnusableRow("row 99", "its event is gone")]

    report = copy(portal, mapping)

    assert report.failures == [("row 99", "its event is gone")]
    assert (report.copied, report.passed_over) == (20, 1)


def test_a_change_to_a_table_that_is_not_there_does_not_stop_the_others(
    portal: MemoryPortal, mapping: Path
) -> None:
    mapping.write_text(MemoryChange("no such table 1", ("a", "a"), ("b", "b"), "").as_line())
    copy(portal, mapping)

    report = apply(portal, mapping)

    assert report.failures == [("no such table 1", "there is no such table")]
    assert report.updated == 20


def test_a_container_that_has_none_of_its_files_is_found_before_any_row_changes() -> None:
    file_ids = {"well": ["1", "2"], "half": ["1", "2"], "wrong": [str(number) for number in range(1000)]}
    asked: list[str] = []

    def problem(container: str, file_id: str) -> str | None:
        asked.append(container)
        return f"no {file_id}" if container == "wrong" or (container, file_id) == ("half", "1") else None

    assert list(missing_everywhere(file_ids, problem)) == [("wrong", "no 900")]
    assert asked == ["well", "half", "half", *["wrong"] * 10]


def test_ctrl_c_stops_after_what_is_under_way_and_the_next_run_does_the_rest(
    portal: MemoryPortal, mapping: Path
) -> None:
    def interrupted(content: bytes) -> bytes:
        if content == CONTENTS["07"]:
            raise KeyboardInterrupt
        return content

    portal.on_the_way = interrupted
    with pytest.raises(KeyboardInterrupt):
        copy(portal, mapping)
    recorded = {change.row for change in read_mapping(mapping, MemoryChange.from_line)}
    assert len(recorded) < 10
    assert "07" not in recorded
    portal.on_the_way = bytes

    report = copy(portal, mapping)

    assert (report.copied, report.recorded_before) == (20 - len(recorded), len(recorded))
    assert apply(portal, mapping).updated == 20
    assert portal.read() == CONTENTS
