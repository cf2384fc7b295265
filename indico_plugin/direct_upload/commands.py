"""``indico s3 uploads``: everyone's unfinished direct uploads, from a terminal."""

import json
import sys
from datetime import datetime, timezone

import click
from indico.cli.core import cli_group
from indico.core.db import db
from indico.modules.attachments.models.attachments import Attachment
from indico.modules.categories import Category
from indico.modules.events import Event
from indico.modules.events.contributions.models.contributions import Contribution
from indico.modules.events.contributions.models.subcontributions import SubContribution
from indico.modules.events.sessions.models.sessions import Session
from indico.modules.users import User

from indico_plugin.direct_upload.caller import IndicoCaller, find_user
from indico_plugin.direct_upload.portal import PORTAL, IndicoRow
from indico_plugin.direct_upload.states import UNFINISHED
from indico_plugin.direct_upload.table import UPGRADE_COMMAND, table_is_current
from indico_plugin.models.uploads import DirectUpload
from s3portal.portal.protocol import abort, hand_over, shown
from s3portal.transfer import TransferError, format_size, safe_filename

_TABLE = DirectUpload.__table__
_OWNERS = {
    model.__name__.lower(): model
    for model in (Attachment, Category, Contribution, Event, Session, SubContribution)
}


@cli_group(name="uploads", short_help="List, hand over, abort unfinished uploads.")
def uploads_commands():
    """List, abort and hand over unfinished direct uploads."""
    if not table_is_current():
        sys.exit(f"The table of direct uploads is missing or outdated. Run `{UPGRADE_COMMAND}` first.")


@uploads_commands.command("list", short_help="List uploads that are not yet a material.")
@click.option("--user", metavar="EMAIL|ID", help="Only those of this publisher.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def list_uploads(user, as_json):
    """List uploads that are not yet a material, newest first."""
    conditions = [_TABLE.c.state.in_(UNFINISHED), _TABLE.c.expires_at > datetime.now(timezone.utc)]
    if user is not None:
        conditions.append(_TABLE.c.user_id == _user(user).id)
    rows = PORTAL.rows.all(*conditions, order=_TABLE.c.created_at.desc())
    publishers = {row.upload.user: User.get(int(row.upload.user)) for row in rows}
    emails = {number: publisher.email if publisher else None for number, publisher in publishers.items()}
    if as_json:
        described = ({**shown(PORTAL, row), "publisher": emails[row.upload.user]} for row in rows)
        click.echo(json.dumps(list(described)))
        return
    for row in rows:
        upload = row.upload
        click.echo(
            f"{upload.id}  {upload.state:>9}  {format_size(upload.size_bytes):>9}"
            f"  {upload.created_at:%Y-%m-%d %H:%M}  {emails[upload.user] or '-'}"
            f"  {upload.owner_type} {upload.owner_id}  {safe_filename(upload.filename)}"
        )
    click.echo(f"{len(rows):,} unfinished uploads")


@uploads_commands.command("abort")
@click.argument("upload_ids", metavar="ID...", nargs=-1, required=True, type=click.UUID)
def abort_uploads(upload_ids):
    """Abort uploads and remove what the store has of them."""
    failed = False
    for upload_id in map(str, upload_ids):
        try:
            abort(PORTAL, upload_id)
        except TransferError as error:
            failed = True
            click.secho(f"{upload_id}: {error}", fg="red", err=True)
        else:
            click.echo(f"{upload_id} is aborted")
    sys.exit(1 if failed else 0)


@uploads_commands.command("hand-over", short_help="Give an unfinished upload to another user.")
@click.argument("upload_id", metavar="ID", type=click.UUID)
@click.argument("user", metavar="EMAIL|ID")
def hand_over_upload(upload_id, user):
    """Give an unfinished upload to USER, who may upload to the same event or category."""
    row = PORTAL.rows.find(str(upload_id))
    if row is None:
        sys.exit(f"There is no upload {upload_id}.")
    linked, managed = _owner(row)
    caller = IndicoCaller(_user(user), linked, managed)
    try:
        hand_over(PORTAL, row.upload.id, caller.recipient(row, caller.user))
    except TransferError as error:
        sys.exit(str(error))
    click.echo(f"{upload_id} now belongs to {user}")


def _owner(row: IndicoRow) -> tuple[db.Model, db.Model]:
    """What the upload belongs to, and the object whose managers may upload. Exits if it is gone."""
    kind, number = row.upload.owner_type, row.upload.owner_id
    linked = _OWNERS[kind].get(int(number))
    if linked is None or linked.is_deleted:
        sys.exit(f"The {kind} {number} of this upload no longer exists.")
    return linked, linked.folder.object if isinstance(linked, Attachment) else linked


def _user(reference: str) -> User:
    """The user with this id or email address. Exits if there is none."""
    found = find_user(reference)
    if found is None:
        sys.exit(f"There is no user {reference}.")
    return found
