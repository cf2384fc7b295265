"""`ckan s3multipart`: what an administrator does from a terminal."""

import json

import click
import sqlalchemy as sa
from ckan import model

from ckanext.s3multipart.doctor import examine
from ckanext.s3multipart.janitor import sweep
from ckanext.s3multipart.model import STATES_THAT_COUNT, UploadRow
from ckanext.s3multipart.schema import UPGRADE_COMMAND, is_current
from ckanext.s3multipart.settings import portal_settings
from s3portal.findings import report
from s3portal.transfer.sizes import format_size


@click.group(name="s3multipart", short_help="Files that are uploaded straight to S3.")
@click.pass_context
def s3multipart(command: click.Context) -> None:
    """Files that are uploaded straight to S3."""
    # The doctor says it among the rest.
    if command.invoked_subcommand != "doctor" and not is_current():
        raise click.ClickException(
            f"The tables of s3multipart are missing or outdated: run `{UPGRADE_COMMAND}`."
        )


@s3multipart.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")
def janitor(dry_run: bool, as_json: bool) -> None:
    """Remove uploads that were never attached, and files of deleted resources. Run it every day."""
    swept = sweep(dry_run=dry_run)
    if as_json:
        click.echo(json.dumps({**vars(swept), "dry_run": dry_run}))
    else:
        verb = "would be" if dry_run else "were"
        click.echo(f"{swept.expired:>8,} uploads that nobody attached in time {verb} removed")
        click.echo(f"{swept.removed:>8,} files of deleted or replaced resources {verb} removed")
        click.echo(f"{swept.forgotten:>8,} records of files that are long gone {verb} deleted")
    if swept.failed:
        click.secho(
            f"{swept.failed:,} could not be removed: the store failed. See the log; run this again.",
            fg="red",
            err=True,
        )
        raise click.exceptions.Exit(1)


@s3multipart.command()
@click.option("--apply", is_flag=True, help="Add the CORS and lifecycle rules that the bucket lacks.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")
def doctor(apply: bool, as_json: bool) -> None:
    """Find mistakes in settings, database and store, and say how to fix them.

    Sends a file to the store as a browser would, and removes it again. Exits 1 where something is wrong.
    """
    report(examine(apply=apply), as_json=as_json)


@s3multipart.command()
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")
def usage(as_json: bool) -> None:
    """Show what the files of each organisation hold together."""
    used = (
        model.Session.query(model.Group.name, sa.func.count(UploadRow.id), sa.func.sum(UploadRow.size_bytes))
        .select_from(UploadRow)
        .join(model.Package, model.Package.id == UploadRow.owner_id)
        .join(model.Group, model.Group.id == model.Package.owner_org)
        .filter(UploadRow.state.in_(STATES_THAT_COUNT))
        .group_by(model.Group.name)
        .order_by(sa.desc(sa.func.sum(UploadRow.size_bytes)))
    )
    quota_bytes = portal_settings().org_quota
    rows = [(name, files, int(size_bytes)) for name, files, size_bytes in used]
    if as_json:
        organisations = [
            {"organisation": name, "files": files, "used": size_bytes, "allowed": quota_bytes or None}
            for name, files, size_bytes in rows
        ]
        click.echo(json.dumps(organisations))
        return
    for name, files, size_bytes in rows:
        allowed = f" of {format_size(quota_bytes)}" if quota_bytes else ""
        click.echo(f"{name:<40} {files:>8,} files {format_size(size_bytes):>12}{allowed}")
