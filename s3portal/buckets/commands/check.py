"""``s3portal check``: what differs between two places."""

from dataclasses import replace
from pathlib import Path

import click

from s3portal.buckets.access import Access
from s3portal.buckets.commands.comparing import comparing, difference_of, require_two_places, tell_left_out
from s3portal.buckets.commands.console import Console, shown
from s3portal.buckets.commands.failing import failures_option
from s3portal.buckets.commands.options import bucket_command
from s3portal.buckets.commands.removal import told_of_failures
from s3portal.buckets.failures import FailureReport
from s3portal.buckets.problems import EXIT_SOME_FAILED
from s3portal.buckets.sync.freshness import Compare
from s3portal.buckets.sync.places import place_of
from s3portal.buckets.sync.rules import SyncRules
from s3portal.buckets.sync.run import Sync


@click.command("check", short_help="Compare a bucket or folder with another.")
@click.argument("source")
@click.argument("target")
@comparing(otherwise=Compare.CHECKSUM)
@failures_option
@click.option("--one-way", is_flag=True, help="Do not name what only TARGET has.")
@click.option("--csv", "as_csv", is_flag=True, help="Answer in CSV: path, what differs.")
@bucket_command()
def check_command(
    console: Console,
    access: Access,
    source: str,
    target: str,
    rules: SyncRules,
    from_failures: Path | None,
    failures_path: Path | None,
    one_way: bool,
    as_csv: bool,
) -> int:
    """Compare SOURCE with TARGET without changing anything; by contents unless --size-only is given.

    Exit code 1 where they differ.
    """
    ours, theirs = place_of(source, access), place_of(target, access)
    require_two_places(ours, theirs)
    differing = 0
    if as_csv:
        click.echo("path,difference")
    with FailureReport(failures_path, read_from=from_failures) as failures:
        sync = Sync(
            ours, theirs, replace(rules, delete=not one_way), failures,
            on_left_out=lambda each: tell_left_out(console, each),
        )  # fmt: skip
        for step in sync.plan():
            differing += 1
            difference = difference_of(step)
            if as_csv:
                click.echo(f'"{_csv(step.entry.path)}",{difference}')
            else:
                console.say(
                    f"{shown(step.entry.path)}: {difference}", path=step.entry.path, difference=difference
                )
        if not as_csv:
            console.say(
                f"{sync.tally.same:,} are the same, {differing:,} differ.",
                same=sync.tally.same, differing=differing, failed=failures.count,
            )  # fmt: skip
        code = told_of_failures(console, failures)
    return EXIT_SOME_FAILED if differing else code


def _csv(path: str) -> str:
    # A spreadsheet takes what begins so for a formula.
    guarded = f"'{path}" if path[:1] in "=+-@\t\r" else path
    return guarded.replace('"', '""')
