"""What a migration shows while it works: files, bytes, rate and time left."""

import sys
from collections.abc import Iterable

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from s3portal.portal.migration.copying import CopyReport
from s3portal.portal.migration.interface import FileT


def follow(what: str, total: tuple[int, int], files: Iterable[FileT], report: CopyReport) -> None:
    """Works through the files under a progress bar, in which those that are passed over count too. Ctrl-C
    stops after the files under way. ``total`` is how many files there are, and of how many bytes.
    """
    count, size_bytes = total
    done = done_bytes = 0
    try:
        with _progress_bar() as bar:
            task = bar.add_task(what, total=size_bytes, files=f"0 of {count:,} files")

            def draw() -> None:
                counted = f"{done + report.passed_over:,} of {count:,} files"
                bar.update(task, completed=done_bytes + report.passed_over_bytes, files=counted)

            for file in files:
                done += 1
                done_bytes += file.size_bytes
                draw()
            # Those at the end of the list may all have been copied before.
            draw()
    except KeyboardInterrupt:
        click.secho(f"\nStopped after {done:,} files. Run the same command to resume.", fg="yellow", err=True)
        sys.exit(130)


def _progress_bar() -> Progress:
    """A bar with files, bytes, rate and time left on a terminal; elsewhere only its end is written."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[files]}"),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
