"""``s3portal server quota``: shows and sets the quotas of buckets, users and roles, also beside a server."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from s3portal.server.iam import identities
from s3portal.server.iam.records import Kind
from s3portal.server.storage import buckets, quotas, usage
from s3portal.server.storage.beside import change_beside
from s3portal.server.storage.reader import NoStorage
from s3portal.server.storage.records import FIRST_ACCOUNT, Quota
from s3portal.server.storage.storage import Storage
from s3portal.server.upkeep.commands import reading, refusals, root_option

_SIZE = re.compile(r"([0-9]{1,18})\s*(?:([KMGTP])(?:i?B)?|B)?", re.IGNORECASE)
_UNITS = "KMGTP"
_LARGEST = 2**63 - 1
_UNLIMITED = "none"


def _limit(*, units: bool) -> Callable[[click.Context, click.Parameter, str | None], int | None]:
    """Returns what reads a limit: a count, with or without a unit; -1 for no limit."""

    def read(context: click.Context, option: click.Parameter, text: str | None) -> int | None:
        if text is None or text.strip().lower() == _UNLIMITED:
            return None if text is None else -1
        match = _SIZE.fullmatch(text.strip())
        if match is None or (match[2] and not units):
            example = "as 500000000 or 10GiB" if units else "as 1000"
            raise click.BadParameter(
                f"{text!r} is no limit: write a number, {example}, or {_UNLIMITED}", context, option
            )
        number: int = int(match[1]) * 1024 ** (_UNITS.index(match[2].upper()) + 1 if match[2] else 0)
        if number > _LARGEST:
            raise click.BadParameter(f"{text!r} is too large", context, option)
        return number

    return read


@click.command("quota")
@click.argument("bucket", required=False)
@click.option("--user", "user", help="The quota of a user; of a role as role/NAME; or the ARN of either.")
@click.option(
    "--max-bytes", callback=_limit(units=True), help="How many bytes, such as 10GiB; none for no limit."
)
@click.option("--max-objects", callback=_limit(units=False), help="How many objects; none for no limit.")
@root_option
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.pass_obj
def quota_command(
    default_root: Path,
    bucket: str | None,
    user: str | None,
    max_bytes: int | None,
    max_objects: int | None,
    root: Path | None,
    as_json: bool,
) -> None:
    """Show how much BUCKET may hold and holds, or set it. Without BUCKET and --user it shows all.

    May run beside the server, which applies the new limits from its next request on. A user's quota counts
    what the user's keys have stored in all buckets; a role's what its sessions have stored. Versions that
    are no longer current count.
    """
    if bucket and user:
        raise click.UsageError("name a bucket or a user, not both")
    changes = {
        name: None if given == -1 else given
        for name, given in (("max_bytes", max_bytes), ("max_objects", max_objects))
        if given is not None
    }
    if changes and not (bucket or user):
        raise click.UsageError("name the bucket, or the --user, that the limit is for")
    place = root or default_root
    with refusals():
        if changes:
            _change(place, bucket, user, changes)
        with reading(place) as storage:
            writer = None
            if user is not None:
                with storage.database.read() as connection:
                    writer = _arn_of(connection, user)
            rows = list(_rows(storage, bucket, writer))
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        click.echo(_line(row))


def _change(root: Path, bucket: str | None, user: str | None, changes: dict[str, int | None]) -> None:
    """Sets the limits that are given; the others stay. Raises NoStorage."""

    def change(connection: sqlite3.Connection) -> None:
        if bucket is not None:
            old = quotas.of_bucket_in(connection, bucket)
            quotas.put_of_bucket_in(connection, bucket, replace(old, **changes))
        elif user is not None:
            writer = _arn_of(connection, user)
            old = quotas.of_user_in(connection, writer)
            quotas.put_of_user_in(connection, writer, replace(old, **changes))

    try:
        change_beside(root, change)
    except sqlite3.Error as problem:
        raise NoStorage(f"{root / 'metadata.sqlite3'} cannot be written: {problem}") from problem


def _arn_of(connection: sqlite3.Connection, user: str) -> str:
    if user.startswith("arn:"):
        return user
    kind = Kind.ROLE if user.startswith("role/") else Kind.USER
    return identities.arn_named(connection, kind, FIRST_ACCOUNT, user.removeprefix("role/"))


def _rows(storage: Storage, bucket: str | None, writer: str | None) -> Iterator[dict[str, Any]]:
    if writer is None:
        names = [bucket] if bucket else [found.name for found in buckets.find_all(storage)]
        for name in names:
            used = usage.of_bucket(storage, name)
            size_bytes, count = used.object_bytes + used.version_bytes, used.objects + used.versions
            yield _row("bucket", name, quotas.of_bucket(storage, name), size_bytes, count)
    if bucket is None:
        with storage.database.read() as connection:
            limits, counted = quotas.of_users_in(connection), usage.users_in(connection)
        for arn in [writer] if writer else sorted(limits.keys() | counted.keys()):
            of_user = counted.get(arn, usage.NOTHING)
            yield _row("user", arn, limits.get(arn, quotas.NO_QUOTA), of_user.size_bytes, of_user.objects)


def _row(kind: str, name: str, quota: Quota, size_bytes: int, objects: int) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": name,
        "max_bytes": quota.max_bytes,
        "max_objects": quota.max_objects,
        "bytes": size_bytes,
        "objects": objects,
    }


def _line(row: dict[str, Any]) -> str:
    shown = partial(_of, row)
    return f"{row['kind']} {row['name']}: {shown('bytes')} bytes, {shown('objects')} objects"


def _of(row: dict[str, Any], name: str) -> str:
    limit = row[f"max_{name}"]
    return f"{row[name]:,} of {'any number of' if limit is None else f'{limit:,}'}"
