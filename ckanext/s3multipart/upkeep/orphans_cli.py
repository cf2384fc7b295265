"""`ckan s3multipart orphans`: what the store has that no row needs, and the other way round."""

import json
from dataclasses import asdict

import click

from ckanext.s3multipart.errors import DatabaseOfAnotherSite
from ckanext.s3multipart.upkeep.orphan_findings import (
    MULTIPART,
    OBJECT,
    ROW,
    Orphan,
    OrphanList,
    OrphanReport,
)
from ckanext.s3multipart.upkeep.orphan_removal import remove_orphans
from ckanext.s3multipart.upkeep.orphans import look_for_orphans
from s3portal.transfer import format_size

_FOUND, _UNFINISHED = 1, 2
_SHOWN = {OBJECT: "object without a row", ROW: "row without an object", MULTIPART: "unfinished upload"}


@click.command(short_help="Find objects without rows, and rows without objects.")
@click.option("--apply", is_flag=True, help="Remove what is safe to remove.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one line for each finding, for programs.")
def orphans(apply: bool, as_json: bool) -> None:
    """Compare all keys under the portal's prefix with the database, in both directions, and list unfinished
    multipart uploads that no row knows, with their sizes. Nothing is changed without --apply.

    Removed are objects of the portal's own, older than a week, that no row needs; uploads that were never
    saved and whose objects are gone; and unfinished multipart uploads of the portal's own, older than a day.
    Published files that are gone are only named. Nothing is removed if the listing does not come to its end.

    The exit code is 1 if something is left that is not as it should be, and 2 if the store failed.
    """
    with OrphanList() as found:
        look_for_orphans(found)
        for orphan in found:
            _show(orphan, as_json)
        report = found.report
        if apply and report.finished:
            try:
                remove_orphans(found)
            except DatabaseOfAnotherSite as error:
                raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps({"kind": "report", **asdict(report)}))
    else:
        _summarise(report, apply)
    if not report.finished or report.failed:
        click.secho(
            f"The store failed: {report.problem or f'{report.failed:,} could not be removed, see the log'}."
            " Run this again.",
            fg="red",
            err=True,
        )
        raise click.exceptions.Exit(_UNFINISHED)
    if any(count.found > count.removed for count in (report.objects, report.rows, report.uploads)):
        raise click.exceptions.Exit(_FOUND)


def _show(orphan: Orphan, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(orphan)))
        return
    mark = "-" if orphan.safe else "!"
    size = format_size(orphan.size_bytes)
    click.echo(f"{mark} {_SHOWN[orphan.kind]}  {orphan.since[:10]}  {size:>10}  {orphan.key}: {orphan.why}")


def _summarise(report: OrphanReport, apply: bool) -> None:
    for kind, shown in _SHOWN.items():
        count = report.of(kind)
        done = f"{count.removed:,} were removed" if apply else f"--apply removes {count.safe:,}"
        click.echo(f"{count.found:>8,} times {shown}, {format_size(count.size_bytes)}; {done}")
    if not report.uploads_listed:
        click.echo("The store does not let us list unfinished uploads: a lifecycle rule must abort them.")
