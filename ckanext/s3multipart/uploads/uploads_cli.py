"""`ckan s3multipart uploads`: everyone's unfinished uploads, from a terminal."""

import json

import click
from ckan import model

from ckanext.s3multipart.model import UploadRow, any_upload
from ckanext.s3multipart.upload_states import RowState
from ckanext.s3multipart.uploads.administration import hand_over, shown, unfinished_uploads
from ckanext.s3multipart.uploads.portal import PORTAL
from s3portal.portal import protocol
from s3portal.transfer import TransferError, format_size, safe_filename

#: How uploads are called of which the store has all.
_WHOLE = {RowState.COMPLETED: "complete", RowState.QUARANTINED: "checking", RowState.REFUSED: "refused"}


@click.group()
def uploads() -> None:
    """List, abort and hand over unfinished uploads."""


@uploads.command(name="list", short_help="List unfinished uploads, newest first.")
@click.option("--organization", default="", help="Only those to datasets of this organisation.")
@click.option("--user", default="", help="Only those of this publisher.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def list_uploads(organization: str, user: str, as_json: bool) -> None:
    """List uploads that are not yet the file of a resource, newest first."""
    found = unfinished_uploads(
        organisation_id=_id(model.Group, organization, "organization"), user_id=_id(model.User, user, "user")
    )
    if as_json:
        click.echo(json.dumps([shown(*each) for each in found]))
        return
    for row, package, publisher in found:
        each = shown(row, package, publisher)
        stored, size = int(str(each["last_stored_bytes"])), row.size_bytes
        done = _WHOLE.get(row.state) or f"{100 * stored // max(1, size)}%"
        click.echo(
            f"{row.id}  {done:>8} of {format_size(size):>9}  {row.created_at:%Y-%m-%d %H:%M}"
            f"  {each['publisher'] or '-'}  {each['dataset'] or '-'}  {safe_filename(row.filename)}"
        )
    click.echo(f"{len(found):,} unfinished uploads")


@uploads.command(short_help="Abort uploads.")
@click.argument("upload_ids", metavar="ID...", nargs=-1, required=True)
def abort(upload_ids: tuple[str, ...]) -> None:
    """Abort uploads and remove what the store has of them."""
    failed = 0
    for upload_id in upload_ids:
        try:
            protocol.abort(PORTAL, upload_id)
            click.echo(f"{upload_id} is aborted")
        except TransferError as error:
            failed += 1
            click.secho(f"{upload_id}: {error}", fg="red", err=True)
    if failed:
        raise click.exceptions.Exit(1)


@uploads.command(name="hand-over", short_help="Give an unfinished upload to another user.")
@click.argument("upload_id", metavar="ID")
@click.argument("user")
def hand_over_upload(upload_id: str, user: str) -> None:
    """Give an unfinished upload to USER, who may upload to its dataset."""
    row: UploadRow | None = any_upload(upload_id)
    if row is None:
        raise click.ClickException(f"There is no upload {upload_id}.")
    try:
        hand_over(row, user)
    except TransferError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{upload_id} now belongs to {user}")


def _id(entity: type, reference: str, what: str) -> str:
    """The id of the user or organisation named. Raises ClickException if there is none."""
    if not reference:
        return ""
    found = entity.get(reference)  # type: ignore[attr-defined]
    if found is None:
        raise click.ClickException(f"There is no {what} {reference}.")
    return str(found.id)
