"""`ckan s3multipart verify`: whether all published files are still what was published."""

import json
from dataclasses import asdict

import click

from ckanext.s3multipart.upkeep.fixity import FixityReport, as_metrics, verify

_WRONG, _UNFINISHED = 1, 2


@click.command(name="verify", short_help="Compare all published files with the store.")
@click.option("--deep", is_flag=True, help="Read files of which the store has no checksum.")
@click.option("--restart", is_flag=True, help="Begin a new round, even if the last one was stopped.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.option("--metrics", is_flag=True, help="Print metrics, for Prometheus.")
def verify_files(deep: bool, restart: bool, as_json: bool, metrics: bool) -> None:
    """Compare all published files with what the store has now, without downloading them: size, ETag, version
    and the store's own checksum.

    A run that was stopped is resumed by the next one. The exit code is 1 if a file is not as recorded, and 2
    if not all files could be verified.
    """
    quiet = as_json or metrics
    report = verify(deep=deep, restart=restart, heard=_silence if quiet else _progress)
    if as_json:
        click.echo(json.dumps(asdict(report), indent=2))
    elif metrics:
        click.echo(as_metrics(report), nl=False)
    else:
        _show(report)
    if report.problems:
        raise click.exceptions.Exit(_WRONG)
    if not report.finished:
        raise click.exceptions.Exit(_UNFINISHED)


def _silence(_verified: int, _total: int) -> None:
    """Nothing is told on the way."""


def _progress(verified: int, total: int) -> None:
    if verified % 1000 == 0:
        click.echo(f"{verified:,} of {total:,} files", err=True)


def _show(report: FixityReport) -> None:
    if report.resumed:
        click.echo("The round that was stopped was resumed; --restart begins a new one.")
    for problem in report.problems:
        click.secho(f"✗ {problem.file}: {problem.problem}: {problem.detail}", fg="red")
        click.echo(f"  {problem.key}")
    as_recorded = report.verified - len(report.problems)
    click.echo(f"{as_recorded:>8,} of {report.total:,} files are as they were recorded")
    if report.streamed:
        click.echo(f"{report.streamed:>8,} of them were read, since the store has no checksum of them")
    if report.problems:
        click.echo(f"{len(report.problems):>8,} are not: restore them from a backup or an older version")
    if report.unanswered:
        click.secho(
            f"{report.unanswered:>8,} could not be verified: the store failed. Run this again to resume.",
            fg="red",
            err=True,
        )
