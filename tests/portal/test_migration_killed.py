"""A migration that is killed at each of its steps and run again: nothing is lost, nothing is done twice."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from migrating_portal import (
    BUCKET,
    DISK,
    Killed,
    MemoryChange,
    MemoryPortal,
    apply,
    copy,
    move,
    revert,
)

from s3portal.portal.migration import read_mapping

CONTENTS = {f"{number}": f"content {number}".encode() * number for number in range(1, 6)}

Run = Callable[[MemoryPortal, Path], Any]


def nothing_yet(_portal: MemoryPortal, _path: Path) -> None:
    """The portal as it was before the migration."""


def copied_and_applied(portal: MemoryPortal, path: Path) -> None:
    copy(portal, path)
    apply(portal, path)


# What was done before, what is killed, and where the files are when it was run again.
RUNS = {
    "copy": (nothing_yet, copy, DISK),
    "apply": (copy, apply, BUCKET),
    "revert": (copied_and_applied, revert, DISK),
    "move": (nothing_yet, move, BUCKET),
}


def steps_of(before: Run, run: Run, path: Path) -> list[str]:
    """The steps of a run that nobody kills."""
    portal = MemoryPortal(CONTENTS)
    before(portal, path)
    portal.start_again()
    run(portal, path)
    return list(portal.steps)


@pytest.mark.parametrize("name", RUNS)
def test_killed_at_any_step_and_run_again_it_ends_as_if_nothing_had_happened(
    name: str, tmp_path: Path
) -> None:
    before, run, ends_at = RUNS[name]
    steps = steps_of(before, run, tmp_path / "undisturbed")
    assert len(steps) > len(CONTENTS)
    undisturbed = lines_of(tmp_path / "undisturbed")

    for step in steps:
        path = tmp_path / f"killed before {step}"
        portal = MemoryPortal(CONTENTS)
        before(portal, path)
        portal.start_again()
        portal.kill_before = step
        with pytest.raises(Killed):
            run(portal, path)
        assert portal.read() == CONTENTS, f"readers, killed before {step}"

        portal.start_again()
        run(portal, path)

        assert portal.read() == CONTENTS
        assert portal.where() == {ends_at}
        assert lines_of(path) == undisturbed, f"killed before {step}"


def test_killed_between_copy_and_record_the_copy_is_verified_and_not_made_again(tmp_path: Path) -> None:
    portal = MemoryPortal(CONTENTS)
    portal.kill_before = "record 3"
    with pytest.raises(Killed):
        copy(portal, tmp_path / "mapping")
    assert (BUCKET, "3") in portal.stored
    recorded = {change.row for change in lines_of(tmp_path / "mapping")}
    assert "3" not in recorded

    portal.start_again()
    report = copy(portal, tmp_path / "mapping")

    assert report.failures == []
    assert (report.copied, report.recorded_before) == (5 - len(recorded), len(recorded))
    assert "copied 3" not in portal.steps


def test_killed_while_it_wrote_the_object_is_not_taken_for_the_file(tmp_path: Path) -> None:
    portal = MemoryPortal(CONTENTS)
    portal.stored[BUCKET, "3"] = CONTENTS["3"][:-1]

    report = copy(portal, tmp_path / "mapping")

    assert report.failures == [("file 3", "3 is another file")]
    assert "3" not in {change.row for change in lines_of(tmp_path / "mapping")}
    assert apply(portal, tmp_path / "mapping").updated == 4
    assert portal.read() == CONTENTS


def test_a_move_that_is_killed_has_its_way_back_recorded_before_the_rows_change(tmp_path: Path) -> None:
    portal = MemoryPortal(CONTENTS)
    portal.kill_before = "committed 0"
    with pytest.raises(Killed):
        move(portal, tmp_path / "mapping")
    assert portal.where() == {BUCKET}

    portal.start_again()
    report = revert(portal, tmp_path / "mapping")

    assert report.updated == len(CONTENTS)
    assert portal.where() == {DISK}
    assert portal.read() == CONTENTS


def test_the_way_back_survives_a_failure_of_the_machine_before_a_row_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal = MemoryPortal(CONTENTS)
    recorded_rows: list[int] = []

    def fsync(_descriptor: int) -> None:
        portal.step("keep")
        recorded_rows.append(len(lines_of(tmp_path / "mapping")))

    monkeypatch.setattr("os.fsync", fsync)
    move(portal, tmp_path / "mapping")

    first_change = next(number for number, step in enumerate(portal.steps) if step.startswith("change"))
    assert portal.steps.index("keep") < first_change
    assert recorded_rows[0] == len(CONTENTS)


def lines_of(path: Path) -> list[MemoryChange]:
    """The changes on record, by row: they are written in the order in which the copies are done."""
    return sorted(read_mapping(path, MemoryChange.from_line), key=lambda change: change.row)
