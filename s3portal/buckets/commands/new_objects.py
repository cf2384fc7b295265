"""The options that say what new objects are given beside their content."""

import functools
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

import click

from s3portal.buckets.commands.comparing import with_options
from s3portal.buckets.commands.options import ending_with_a_sentence
from s3portal.buckets.problems import Unusable
from s3portal.buckets.sync.wanted import (
    LEGAL_HOLD,
    LOCK_MODE,
    LOCK_UNTIL,
    STORAGE_CLASS,
    Wanted,
    tags_header,
)

Command = Callable[..., Any]

#: S3 User Guide, "Canned ACL".
CANNED_ACLS = (
    *("private", "public-read", "public-read-write", "authenticated-read", "aws-exec-read"),
    *("bucket-owner-read", "bucket-owner-full-control"),
)
# RFC 9110, section 5.6.2: what a header's name may consist of, and user metadata are headers.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_DAYS = re.compile(r"([1-9][0-9]*)d")

_OPTIONS = (
    click.option("--storage-class", default="", metavar="NAME", help="The storage class of new objects."),
    click.option("--acl", type=click.Choice(CANNED_ACLS), default=None, help="A canned ACL for new objects."),
    click.option("--tags", multiple=True, metavar="NAME=VALUE", help="A tag of new objects."),
    click.option(
        "--metadata", multiple=True, metavar="NAME=VALUE",
        help="Metadata of new objects; the rest is kept.",
    ),
    click.option(
        "--content-type", default="", metavar="TYPE", help="Instead of the type that the name suggests."
    ),
    click.option("--content-encoding", default="", metavar="NAME", help="Such as gzip."),
    click.option("--content-disposition", default="", metavar="TEXT", help="Such as attachment."),
    click.option("--content-language", default="", metavar="CODE", help="Such as de."),
    click.option("--cache-control", default="", metavar="TEXT", help="Such as max-age=3600."),
    click.option(
        "--retention", default="", metavar="MODE:UNTIL",
        help="Lock new objects: governance or compliance, and 30d or a date, 2030-01-31.",
    ),
    click.option("--legal-hold", is_flag=True, help="Put new objects under a legal hold."),
    click.option("--keep-acl", is_flag=True, help="Bucket to bucket: give each object its source's ACL."),
    click.option("--keep-retention", is_flag=True, help="The same for retention and legal hold."),
    click.option("--keep-storage-class", is_flag=True, help="The same for the storage class."),
)  # fmt: skip


def describing_new_objects(command: Command) -> Command:
    """Gives a command the options, and calls it with ``wanted`` in their place."""

    @functools.wraps(command)
    def with_wanted(
        *arguments: Any,
        storage_class: str,
        acl: str | None,
        tags: tuple[str, ...],
        metadata: tuple[str, ...],
        content_type: str,
        content_encoding: str,
        content_disposition: str,
        content_language: str,
        cache_control: str,
        retention: str,
        legal_hold: bool,
        keep_acl: bool,
        keep_retention: bool,
        keep_storage_class: bool,
        **others: Any,
    ) -> None:
        def call() -> object:
            if acl and keep_acl:
                raise Unusable("--acl and --keep-acl exclude each other")
            described = {
                "content-type": content_type,
                "content-encoding": content_encoding,
                "content-disposition": content_disposition,
                "content-language": content_language,
                "cache-control": cache_control,
            }
            placed = {
                STORAGE_CLASS: storage_class,
                "x-amz-acl": acl or "",
                LEGAL_HOLD: "ON" if legal_hold else "",
                **(_lock(retention) if retention else {}),
            }
            wanted = Wanted(
                described={name: _line(value, name) for name, value in described.items() if value},
                metadata=dict(_metadata(metadata)),
                placed={name: value for name, value in placed.items() if value},
                tags=tags_header(dict(named_values(tags, "--tags"))) if tags else None,
                keep_acl=keep_acl,
                keep_retention=keep_retention,
                keep_storage_class=keep_storage_class,
            )
            return command(*arguments, wanted=wanted, **others)

        ending_with_a_sentence(call)

    return with_options(_OPTIONS)(with_wanted)


def named_values(given: Iterable[str], option: str) -> Iterable[tuple[str, str]]:
    """What an option names as NAME=VALUE, given several times. Raises Unusable."""
    for each in given:
        name, separator, value = each.partition("=")
        if not name or not separator:
            raise Unusable(f"{option} {each}: write NAME=VALUE")
        yield name, value


def _metadata(given: Iterable[str]) -> Iterable[tuple[str, str]]:
    for name, value in named_values(given, "--metadata"):
        if not _TOKEN.fullmatch(name):
            raise Unusable(f"--metadata {name}: a name has ASCII letters, digits and hyphens")
        yield name.lower(), _line(value, f"metadata {name}")


def _line(value: str, what: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise Unusable(f"{what}: S3 keeps one line of ASCII characters there, and not {value!r}")
    return value


def retention_of(text: str) -> tuple[str, str]:
    """Mode and end, in ISO 8601, of what is written as ``governance:30d``. Raises Unusable."""
    mode, _, until = text.partition(":")
    if mode.upper() not in ("GOVERNANCE", "COMPLIANCE"):
        raise Unusable(f"--retention {text}: the mode is governance or compliance")
    now = datetime.now(timezone.utc)
    if days := _DAYS.fullmatch(until):
        ends = now + timedelta(days=int(days[1]))
    else:
        try:
            ends = datetime.fromisoformat(until)
        except ValueError as error:
            raise Unusable(f"--retention {text}: until when is written as 30d or 2030-01-31") from error
        ends = ends if ends.tzinfo else ends.replace(tzinfo=timezone.utc)
    if ends <= now:
        raise Unusable(f"--retention {text}: that is over already")
    return mode.upper(), f"{ends.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"


def _lock(retention: str) -> dict[str, str]:
    mode, until = retention_of(retention)
    return {LOCK_MODE: mode, LOCK_UNTIL: until}
