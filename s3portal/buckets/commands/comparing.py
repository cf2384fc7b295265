"""The options of every command that compares two places, and the rules that come of them."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from s3portal.buckets.commands.console import Console, shown
from s3portal.buckets.commands.failing import from_failures_option, shard_option
from s3portal.buckets.commands.options import ending_with_a_sentence
from s3portal.buckets.failures import read_failures
from s3portal.buckets.problems import Unusable
from s3portal.buckets.sharding import shard_of
from s3portal.buckets.sync.entries import Trouble
from s3portal.buckets.sync.file_reads import FILE_TIMEOUT_S, FileReads
from s3portal.buckets.sync.filters import chosen, read_list
from s3portal.buckets.sync.freshness import Compare
from s3portal.buckets.sync.places import Folder, Prefix
from s3portal.buckets.sync.rules import Retried, Step, SyncRules
from s3portal.buckets.sync.walking import FOLDER_TIMEOUT_S, WalkingRules

Command = Callable[..., Any]

_OPTIONS = (
    click.option("--size-only", is_flag=True, help="Compare sizes alone, not times."),
    click.option("--checksum", is_flag=True, help="Compare contents: ETags and stored checksums."),
    click.option("--include", "include", multiple=True, metavar="PATTERN", help="Take these, and no others."),
    click.option("--exclude", "exclude", multiple=True, metavar="PATTERN", help="Leave these out."),
    click.option(
        "--files-from", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=None,
        help="Take only the paths in this file, one a line.",
    ),
    click.option("--follow-symlinks", is_flag=True, help="Take what symbolic links lead to."),
    click.option(
        "--folder-timeout", type=click.FloatRange(0.1), default=FOLDER_TIMEOUT_S, show_default=True,
        metavar="SECONDS", help="Skip, and name, a folder that does not answer for this long.",
    ),
    click.option(
        "--file-timeout", type=click.FloatRange(0.1), default=FILE_TIMEOUT_S, show_default=True,
        metavar="SECONDS", help="Skip, and name, a file that cannot be read for this long.",
    ),
    from_failures_option,
    shard_option,
)  # fmt: skip


def with_options(options: Sequence[Callable[[Command], Command]]) -> Callable[[Command], Command]:
    """Gives a command several options, which its help shows in this order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def comparing(otherwise: Compare) -> Callable[[Command], Command]:
    """Gives a command the options, and calls it with ``rules`` in their place: SyncRules that compare by
    ``otherwise`` unless an option says more; and with ``from_failures``, the report that is read."""

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def with_rules(
            *arguments: Any,
            size_only: bool,
            checksum: bool,
            include: tuple[str, ...],
            exclude: tuple[str, ...],
            files_from: Path | None,
            follow_symlinks: bool,
            folder_timeout: float,
            file_timeout: float,
            from_failures: Path | None,
            shard: str,
            **others: Any,
        ) -> None:
            def call() -> object:
                if size_only and checksum:
                    raise Unusable("--size-only and --checksum exclude each other")
                rules = SyncRules(
                    compare=Compare.SIZE if size_only else Compare.CHECKSUM if checksum else otherwise,
                    takes_part=chosen(include, exclude, read_list(files_from) if files_from else None),
                    walking=WalkingRules(follow_symlinks, folder_timeout),
                    reads=FileReads(file_timeout),
                    only=retried(from_failures, one_target=not others.get("mappings")),
                    shard=shard_of(shard),
                )
                return command(*arguments, rules=rules, from_failures=from_failures, **others)

            ending_with_a_sentence(call)

        return with_options(_OPTIONS)(with_rules)

    return decorate


def retried(report: Path | None, *, one_target: bool) -> Retried | None:
    """What a report of failures names; with ``one_target`` wherever it was to go. Raises Unusable."""
    if report is None:
        return None
    by_target: dict[str, set[str]] = {}
    for each in read_failures(report):
        by_target.setdefault("" if one_target else each.target, set()).add(each.key)
    return Retried({target: tuple(paths) for target, paths in by_target.items()})


def require_two_places(source: Folder | Prefix, target: Folder | Prefix) -> None:
    """Raises Unusable where nothing can come of it: one place twice, or one within the other."""
    if isinstance(source, Folder) and isinstance(target, Folder):
        raise Unusable("both are folders of this machine: one side is to be s3://bucket/prefix")
    if (
        isinstance(source, Prefix)
        and isinstance(target, Prefix)
        and source.store.bucket == target.store.bucket
        # Another store may have a bucket of the same name.
        and source.store.settings.s3_endpoint == target.store.settings.s3_endpoint
    ):
        ours, theirs = source.prefix, target.prefix
        if ours.startswith(theirs) or theirs.startswith(ours):
            raise Unusable(f"{source} and {target} are one within the other")


def difference_of(step: Step) -> str:
    """What a comparison says of a file that differs."""
    return "missing" if step.reason == "new" else step.reason


def tell_left_out(console: Console, trouble: Trouble) -> None:
    """Names what a rule leaves out."""
    console.warn(f"Left out: {shown(trouble.path)}: {trouble.reason}")
