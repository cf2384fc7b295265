"""What people and programs are told while files are uploaded."""

from __future__ import annotations

import io
import json
from pathlib import Path

from rich.console import Console

from s3portal.client.errors import PortalError
from s3portal.client.local_file import LocalFile
from s3portal.client.publishing import Published
from s3portal.client.reporting import JsonReport, TerminalReport
from s3portal.client.waits import Wait
from s3portal.transfer import Failure

WAIT = Wait(2, 3.2, 600.0)
PUBLISHED = Published("https://data.example.org/r1", "r1", 1000, "crc64nvme:rosUhgp5mIg=")


def a_file(tmp_path: Path, size_bytes: int = 1000) -> LocalFile:
    path = tmp_path / "gauges.csv"
    path.write_bytes(bytes(size_bytes))
    return LocalFile.at(path)


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_programs_hear_rate_count_and_time_left_at_most_once_a_second(tmp_path: Path) -> None:
    stdout, clock = io.StringIO(), [100.0]
    report = JsonReport(stdout, now=lambda: clock[0])
    report.next_file("gauges.csv")
    report.began(a_file(tmp_path), 200)
    for moment, loaded in ((100.5, 300), (102.0, 400), (102.9, 500), (104.0, 600)):
        clock[0] = moment
        report.loaded(loaded)

    progress = [line for line in lines(stdout.getvalue()) if line["event"] == "progress"]

    assert progress == [
        {
            "event": "progress", "file": "gauges.csv", "loaded": 400, "size": 1000,
            "bytes_per_second": 100, "seconds_left": 6,
        },
        {
            "event": "progress", "file": "gauges.csv", "loaded": 600, "size": 1000,
            "bytes_per_second": 100, "seconds_left": 4,
        },
    ]  # fmt: skip


def test_the_rate_is_that_of_the_last_moments(tmp_path: Path) -> None:
    stdout, clock = io.StringIO(), [0.0]
    report = JsonReport(stdout, now=lambda: clock[0])
    report.began(a_file(tmp_path), 0)
    for moment, loaded in ((10.0, 900), (20.0, 910), (30.0, 920)):
        clock[0] = moment
        report.loaded(loaded)

    assert lines(stdout.getvalue())[-1]["bytes_per_second"] == 1


def test_a_rate_of_nothing_leaves_the_time_unknown(tmp_path: Path) -> None:
    stdout, clock = io.StringIO(), [0.0]
    report = JsonReport(stdout, now=lambda: clock[0])
    report.began(a_file(tmp_path), 10)
    clock[0] = 2.0
    report.loaded(10)

    assert lines(stdout.getvalue())[-1]["seconds_left"] is None


def test_people_see_the_file_how_far_it_is_and_what_it_waits_for(tmp_path: Path) -> None:
    stdout, screen = io.StringIO(), io.StringIO()
    console, clock = Console(file=screen, force_terminal=True, width=160, color_system=None), [100.0]
    with TerminalReport(2, stdout=stdout, console=console, now=lambda: clock[0]) as report:
        report.next_file("/data/[bold]gauges[red].csv")
        report.began(a_file(tmp_path), 500)
        report.retrying(7, Failure(503, "SlowDown", "Reduce"), Wait(3, 12.4, 90.0))
        report._progress.refresh()
        clock[0] = 108.0
        report._progress.refresh()
        report.loaded(600)
        clock[0] = 120.0
        report._progress.refresh()
        report.published("gauges.csv", PUBLISHED)
        report.ended(1, 0)

    shown = screen.getvalue()
    assert "(1 of 2) [bold]gauges[red].csv" in shown
    assert "part 7: 503 SlowDown, next try in 13 s" in shown
    assert "part 7: 503 SlowDown, next try in 5 s" in shown, "it is counted down"
    assert "part 7: 503 SlowDown, trying again" in shown
    assert "published" in shown
    assert stdout.getvalue() == "https://data.example.org/r1\n"


def test_without_a_terminal_there_is_a_line_a_file(tmp_path: Path) -> None:
    stdout, said = io.StringIO(), io.StringIO()
    with TerminalReport(2, stdout=stdout, console=Console(file=said, width=40)) as report:
        report.next_file("/data/gauges.csv")
        report.began(a_file(tmp_path), 0)
        for tries in (2, 3):
            report.waiting(PortalError("unreachable", "data.example.org cannot be reached."), WAIT)
            report.retrying(tries, Failure(0, "", "s3.example.org cannot be reached: no route"), WAIT)
        report.has_namesakes("gauges.csv", ["r1"])
        report.published("/data/gauges.csv", PUBLISHED)
        report.next_file("/data/\x1b[31mlevels.csv")
        report.failed("/data/\x1b[31mlevels.csv", "quota_exceeded", "5 GB of 5 GB are used. " * 3)
        report.ended(1, 1)

    assert said.getvalue().splitlines() == [
        f"data.example.org cannot be reached. {WAIT}",
        f"s3.example.org cannot be reached: no route. {WAIT}",
        "The dataset already has a resource called gauges.csv (r1). This file becomes another one. To replace"
        " the file of the existing resource instead, use --resource r1",
        "/data/gauges.csv: published",
        "/data/\N{REPLACEMENT CHARACTER}[31mlevels.csv: " + "5 GB of 5 GB are used. " * 3,
        "1 published, 1 failed",
    ]


def test_programs_hear_who_is_waited_for_how_long_and_how_often() -> None:
    stdout = io.StringIO()
    report = JsonReport(stdout)
    report.next_file("gauges.csv")
    report.waiting(PortalError("unreachable", "data.example.org cannot be reached."), WAIT)
    report.retrying(7, Failure(0, "", "s3.example.org cannot be reached"), WAIT)
    report.has_namesakes("gauges.csv", ["r1", "r2"])

    waiting, retry, namesake = lines(stdout.getvalue())
    times = {"tries": 2, "delay": 3.2, "left": 600}
    message = "data.example.org cannot be reached."
    assert waiting == {
        "event": "waiting",
        "file": "gauges.csv",
        "code": "unreachable",
        "message": message,
        **times,
    }
    assert retry.items() >= {"part_number": 7, "status": 0, **times}.items()
    assert (namesake["event"], namesake["resources"]) == ("namesake", ["r1", "r2"])
    assert "2 resources called gauges.csv (one is r1)" in str(namesake["message"])


def test_speed_and_time_left_go_while_nothing_moves(tmp_path: Path) -> None:
    screen, clock = io.StringIO(), [100.0]
    console = Console(file=screen, force_terminal=True, width=160, color_system=None)

    def drawn() -> str:
        screen.truncate(screen.seek(0))
        report._progress.refresh()
        return screen.getvalue()

    with TerminalReport(1, stdout=io.StringIO(), console=console, now=lambda: clock[0]) as report:
        report.next_file("gauges.csv")
        report.began(a_file(tmp_path), 0)
        report.loaded(500)
        assert "waiting for the store" not in drawn()
        assert "-:--:--" in drawn() or "0:00" in drawn()

        clock[0] = 104.0
        report.loaded(500)
        assert "waiting for the store" in drawn()
        assert "-:--:--" not in drawn() and "0:00" not in drawn()

        report.loaded(600)
        assert "waiting for the store" not in drawn()
