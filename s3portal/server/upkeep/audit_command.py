"""``s3portal server audit``: shows the audit log of a server, the newest lines first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path

import click

from s3portal.server.gateway.audit import FILE, AuditRecord, Outcome
from s3portal.server.gateway.audit_reading import AuditFilter, read_audit
from s3portal.server.storage.reader import NoStorage
from s3portal.server.upkeep.bodies import printable
from s3portal.server.upkeep.commands import refusals, root_option


def _moment(context: click.Context, option: click.Parameter, text: str | None) -> datetime | None:
    """Reads a day or a time; without a zone it is in UTC."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as problem:
        raise click.BadParameter(
            f"{text!r} is no time: write 2026-11-26 or 2026-11-26T18:30:00Z", context, option
        ) from problem
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


@click.command("audit")
@root_option
@click.option("--file", "file", type=click.Path(path_type=Path), help="The log, if elsewhere.")
@click.option("--user", help="Who: a name, role/session, or an ARN; * stands for anything.")
@click.option("--action", help="What, such as PutObject; * stands for anything.")
@click.option("--bucket", help="In which bucket.")
@click.option("--outcome", type=click.Choice([one.value for one in Outcome]), help="What became of it.")
@click.option("--since", callback=_moment, help="Not before this day or time (UTC).")
@click.option("--until", callback=_moment, help="Before this day or time (UTC).")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="How many lines.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines, with everything that is known.")
@click.pass_obj
def audit_command(
    default_root: Path,
    root: Path | None,
    file: Path | None,
    user: str | None,
    action: str | None,
    bucket: str | None,
    outcome: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """Show who did what, from where, and whether it was allowed; newest first.

    May run beside the server. Exit status: 0, or 2 if there is no log.
    """
    path = file or (root or default_root) / FILE
    wanted = AuditFilter(user, action, bucket, Outcome(outcome) if outcome else None, since, until)
    with refusals():
        if not path.is_file():
            raise NoStorage(f"there is no audit log at {path}")
        for record in islice(read_audit(path, wanted), limit):
            click.echo(json.dumps(_given(record)) if as_json else "  ".join(_columns(record)))


def _given(record: AuditRecord) -> dict[str, object]:
    return {name: value for name, value in asdict(record).items() if value is not None}


def _columns(record: AuditRecord) -> Iterator[str]:
    """Callers choose most of it: it is printed so that no terminal takes orders from it."""
    yield record.at
    yield f"{record.outcome} {record.status}"
    yield printable(record.user or record.access_key_id or "anonymous")
    yield printable(record.source_ip)
    yield record.action
    yield printable(record.resource)
    if record.reason:
        yield printable(record.reason)
