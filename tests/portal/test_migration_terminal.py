"""What a migration says in a terminal."""

from collections.abc import Callable
from pathlib import Path

import click
from click.testing import CliRunner, Result
from migrating_portal import MemoryChange, MemoryMove, MemoryPortal, copy

from s3portal.portal.migration import CopyReport, MappingWriter, copy_files, read_mapping
from s3portal.portal.migration.progress import follow
from s3portal.portal.migration.terminal import change_rows, end

CONTENTS = {f"{number}": b"x" for number in range(1, 6)}


def say(what: Callable[[], object]) -> Result:
    return CliRunner().invoke(click.Command("migrate", callback=what))


def test_what_became_of_the_rows_is_said_and_the_exit_code_is_0(tmp_path: Path) -> None:
    portal = MemoryPortal(CONTENTS)
    copy(portal, tmp_path / "mapping")
    portal.save("3", b"newer")
    changes = list(read_mapping(tmp_path / "mapping", MemoryChange.from_line))

    said = say(lambda: change_rows(portal, changes))

    assert "4 rows updated, 0 needed no update, 0 are gone.\n" in said.output
    assert "1 rows now have a different file and stay as they are: row 3\n" in said.output
    assert "All done.\n" in said.output
    assert said.exit_code == 0


def test_what_failed_is_named_up_to_twenty_and_the_exit_code_is_1() -> None:
    said = say(lambda: end([(f"file {number}", "reason") for number in range(25)], "Try again."))

    assert "file 19: reason\n... and 5 more\n25 failed. Try again.\n" in said.output
    assert "file 20" not in said.output
    assert said.exit_code == 1


def test_the_bar_ends_at_the_end_also_where_files_were_copied_before(tmp_path: Path) -> None:
    portal = MemoryPortal(CONTENTS)
    copy(portal, tmp_path / "mapping")
    portal.save("6", b"x")

    def again() -> None:
        report = CopyReport()
        with MappingWriter(tmp_path / "mapping", MemoryChange.from_line) as mapping:
            follow("Copying", (6, 6), copy_files(MemoryMove(portal), mapping, 1, report), report)

    said = say(again)

    assert "6 of 6 files" in said.output
    assert said.exit_code == 0


def test_ctrl_c_is_said_to_be_no_harm(tmp_path: Path) -> None:
    portal = MemoryPortal(CONTENTS)

    def interrupted(content: bytes) -> bytes:
        raise KeyboardInterrupt

    portal.on_the_way = interrupted

    def run() -> None:
        report = CopyReport()
        with MappingWriter(tmp_path / "mapping", MemoryChange.from_line) as mapping:
            follow("Copying", (5, 5), copy_files(MemoryMove(portal), mapping, 1, report), report)

    said = say(run)

    assert "Stopped after 0 files. Run the same command" in said.output
    assert said.exit_code == 130
