"""`ckan s3multipart`: what an administrator does from a terminal."""

import json
import logging

import click
from ckan import model

from ckanext.s3multipart.errors import DatabaseOfAnotherSite
from ckanext.s3multipart.moving.migrate_cli import migrate
from ckanext.s3multipart.outbox.webhooks_cli import webhooks
from ckanext.s3multipart.schema import UPGRADE_COMMAND, is_current
from ckanext.s3multipart.settings import portal_settings
from ckanext.s3multipart.site_mark import mark_site
from ckanext.s3multipart.upkeep.checksums import compute_all, say_all
from ckanext.s3multipart.upkeep.doctor import examine
from ckanext.s3multipart.upkeep.fixity_cli import verify_files
from ckanext.s3multipart.upkeep.janitor import sweep
from ckanext.s3multipart.upkeep.janitor_job import queue_janitor
from ckanext.s3multipart.upkeep.orphans_cli import orphans
from ckanext.s3multipart.upkeep.policies_cli import policies
from ckanext.s3multipart.uploads.quota import usage as usage_of
from ckanext.s3multipart.uploads.uploads_cli import uploads
from s3portal.portal.findings import report
from s3portal.transfer import format_size

log = logging.getLogger(__name__)


@click.group(name="s3multipart", short_help="Manage files that are uploaded straight to S3.")
@click.pass_context
def s3multipart(command: click.Context) -> None:
    """Manage files that are uploaded straight to S3."""
    # The doctor says it among the rest.
    if command.invoked_subcommand != "doctor" and not is_current():
        raise click.ClickException(
            f"The tables of s3multipart are missing or outdated: run `{UPGRADE_COMMAND}`."
        )


@s3multipart.command(short_help="Remove files that nothing needs any more.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--this-site", is_flag=True, help="The site was renamed: the database belongs to it.")
@click.option("--queue", is_flag=True, help="Have a background job do it, and return at once.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def janitor(dry_run: bool, this_site: bool, queue: bool, as_json: bool) -> None:
    """Remove uploads that were never attached, and files of deleted resources. Run it every day."""
    if queue and dry_run:
        raise click.UsageError("--queue and --dry-run exclude each other: a job has nobody to tell")
    if this_site:
        mark_site()
    if queue:
        click.echo(f"Background job {queue_janitor()} was queued; `ckan jobs worker` runs it.")
        return
    try:
        swept = sweep(dry_run=dry_run)
    except DatabaseOfAnotherSite as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps({**vars(swept), "dry_run": dry_run}))
    else:
        verb = "would be" if dry_run else "were"
        click.echo(f"{swept.expired:>8,} uploads that nobody attached in time {verb} removed")
        click.echo(f"{swept.removed:>8,} files of deleted or replaced resources {verb} removed")
        click.echo(f"{swept.versions:>8,} earlier versions that are not kept any longer {verb} removed")
        click.echo(f"{swept.forgotten:>8,} records of files that are long gone {verb} deleted")
        for number, what in (
            (swept.found, "files that were written with session credentials were found"),
            (swept.refused, "files that were written with session credentials were refused"),
            (swept.taken_over, "files were taken over from where their publishers could write"),
            (swept.cleared, f"prefixes of session credentials that have ended {verb} cleared"),
            (swept.accepted, "files passed all checks and were accepted"),
            (swept.rejected, "files did not pass a check and were removed"),
            (swept.quarantine, "files are still being checked: see ckan s3multipart doctor"),
        ):
            if number:
                click.echo(f"{number:>8,} {what}")
        click.echo(f"{swept.unknown:>8,} uploads that a process left behind when it died {verb} aborted")
        if swept.foreign:
            held = f"{format_size(swept.foreign_bytes)}, the oldest since {swept.oldest_foreign[:10]}"
            click.echo(
                f"{swept.foreign:>8,} unfinished uploads under the prefix may not be ours ({held}):"
                " `ckan s3multipart orphans` lists them"
            )
        if not swept.listed:
            click.echo("The store does not let us list uploads: a lifecycle rule must abort unfinished ones.")
        held = f"{format_size(swept.held_bytes)} in {swept.held_files:,} files"
        click.echo(f"Deleted datasets and resources hold {held}, kept for restoring them.")
    if swept.failed:
        click.secho(
            f"{swept.failed:,} could not be processed: the store failed. See the log, then run this again.",
            fg="red",
            err=True,
        )
        raise click.exceptions.Exit(1)


@s3multipart.command(short_help="Find mistakes and say how to fix them.")
@click.option(
    "--apply",
    is_flag=True,
    help="Add the CORS and lifecycle rules that the bucket lacks, and block public access.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def doctor(apply: bool, as_json: bool) -> None:
    """Find mistakes in settings, database and store, and say how to fix them.

    Sends a file to the store as a browser would, and removes it again. The exit code is 1 if something
    is wrong.
    """
    report(examine(apply=apply), as_json=as_json)


@s3multipart.command(short_help="Write checksums into the resources.")
@click.option("--compute", is_flag=True, help="Read every file without a SHA-256 once from the store.")
def checksums(compute: bool) -> None:
    """Have resources say their files' checksums as other extensions read them: a SHA-256 in hash, the store's
    own in s3multipart_checksum. May be stopped and run again."""
    click.echo(f"{say_all():>8,} resources were brought up to date")
    if not compute:
        return
    computed = compute_all(lambda upload_id: log.info("Reading the file of upload %s", upload_id))
    click.echo(f"{computed.done:>8,} files were read for their SHA-256")
    if computed.failed:
        click.secho(
            f"{len(computed.failed):,} could not be read. See the log, then run this again.",
            fg="red",
            err=True,
        )
        raise click.exceptions.Exit(1)


@s3multipart.command(short_help="Show what each organisation stores.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def usage(as_json: bool) -> None:
    """Show how much the files of each organisation use."""
    rows = [
        (group.name, counted)
        for group in model.Session.query(model.Group).filter_by(is_organization=True)
        if (counted := usage_of(group.id)).files
    ]
    rows.sort(key=lambda row: -row[1].used)
    quota_bytes = portal_settings().org_quota
    if as_json:
        organisations = [
            {"organisation": name, **vars(counted), "allowed": quota_bytes or None} for name, counted in rows
        ]
        click.echo(json.dumps(organisations))
        return
    if not rows:
        click.echo("No organisation has any files yet.")
    for name, counted in rows:
        allowed = f" of {format_size(quota_bytes)}" if quota_bytes else ""
        deleted = f", {format_size(counted.deleted)} by deleted datasets" if counted.deleted else ""
        versions = f", {format_size(counted.versions)} by earlier versions" if counted.versions else ""
        used = f"{counted.files:>8,} files {format_size(counted.used):>12}"
        click.echo(f"{name:<40} {used}{allowed}{deleted}{versions}")


s3multipart.add_command(uploads)
s3multipart.add_command(verify_files)
s3multipart.add_command(policies)
s3multipart.add_command(orphans)
s3multipart.add_command(webhooks)
s3multipart.add_command(migrate)
