"""``s3portal sync`` and ``s3portal check``."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from s3portal.buckets.access import Access, AccessOptions, open_access
from s3portal.buckets.commands.console import Console, shown
from s3portal.buckets.commands.options import bucket_command
from s3portal.buckets.commands.progress import CountingProgress
from s3portal.buckets.commands.removal import told_of_failures
from s3portal.buckets.failures import FailureReport
from s3portal.buckets.problems import EXIT_DONE, EXIT_SOME_FAILED, Unusable
from s3portal.buckets.sync.entries import Trouble
from s3portal.buckets.sync.filters import chosen, read_list
from s3portal.buckets.sync.freshness import Compare
from s3portal.buckets.sync.places import Folder, Prefix, place_of
from s3portal.buckets.sync.run import DEFAULT_MAX_DELETE, Act, Step, Sync, SyncRules, Tally
from s3portal.buckets.sync.walking import FOLDER_TIMEOUT_S, WalkingRules
from s3portal.transfer import format_size

Command = Callable[..., Any]

_comparing = (
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
        metavar="SECONDS", help="Skip, and name, a folder that does not answer for so long.",
    ),
    click.option(
        "--report", type=click.Path(dir_okay=False, path_type=Path), default=None,
        help="Write what failed to this file, a JSON object a line.",
    ),
)  # fmt: skip


def _with(options: Sequence[Callable[[Command], Command]]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_SOURCE_OPTIONS = (
    click.option("--source-endpoint", default="", metavar="URL", help="The store of the source."),
    click.option("--source-profile", default="", metavar="NAME", help="The profile for the source."),
    click.option(
        "--source-config", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=None,
        help="Take the source's store and keys from this file.",
    ),
)  # fmt: skip
_of_the_source = _with(_SOURCE_OPTIONS)


@click.command("sync", short_help="Make a bucket or folder like another.")
@click.argument("source", required=False)
@click.argument("target", required=False)
@_of_the_source
@click.option(
    "--mappings",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=None,
    help="Sync each line of this file: a source, a tab, a target.",
)
@click.option("--verify", is_flag=True, help="Compare the contents of all files afterwards.")
@_with(_comparing)
@click.option("--delete", is_flag=True, help="Remove from the target what the source does not have.")
@click.option(
    "--max-delete", type=click.IntRange(0), default=DEFAULT_MAX_DELETE, show_default=True,
    help="Delete nothing if more than so many files would go.",
)  # fmt: skip
@click.option("--storage-class", default="", metavar="NAME", help="The storage class of new objects.")
@click.option("--verbose", "-v", is_flag=True, help="Name every file that is sent.")
@bucket_command(changes=True)
def sync_command(
    console: Console,
    access: Access,
    source: str | None,
    target: str | None,
    source_endpoint: str,
    source_profile: str,
    source_config: Path | None,
    mappings: Path | None,
    verify: bool,
    size_only: bool,
    checksum: bool,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    files_from: Path | None,
    follow_symlinks: bool,
    folder_timeout: float,
    report: Path | None,
    delete: bool,
    max_delete: int,
    storage_class: str,
    verbose: bool,
) -> int:
    """Make TARGET have what SOURCE has: folders and s3://bucket/prefix on either side.

    What is in SOURCE comes directly under TARGET, with or without slashes at the end. Nothing is deleted
    unless --delete is given. Interrupted, the same command continues.
    """
    rules = SyncRules(
        compare=_compare(size_only, checksum),
        takes_part=_takes_part(include, exclude, files_from),
        delete=delete,
        max_delete=max_delete,
        walking=WalkingRules(follow_symlinks, folder_timeout),
        storage_class=storage_class,
    )
    from_access = _source_access(access, source_endpoint, source_profile, source_config)
    pairs = [
        (place_of(each_source, from_access), place_of(each_target, access))
        for each_source, each_target in _pairs(source, target, mappings)
    ]
    for ours, theirs in pairs:
        _require_two_places(ours, theirs)
    code = EXIT_DONE
    with FailureReport(report) as failures:
        for ours, theirs in pairs:
            sync = Sync(ours, theirs, rules, failures, on_left_out=lambda each: _left_out(console, each))
            if console.dry_run:
                _show_plan(console, sync)
                continue
            _synced(console, sync, verbose)
            if verify and not _verified(console, ours, theirs, rules):
                code = EXIT_SOME_FAILED
        return told_of_failures(console, failures) or code


def _synced(console: Console, sync: Sync, verbose: bool) -> None:
    with CountingProgress("files", shown=not console.as_json and not verbose) as progress:
        if verbose or console.as_json:
            sync.on_step = lambda step: _tell(console, step)
        sync.on_progress = lambda tally: progress.reached(tally.carried + tally.same)
        tally = sync.run()
    _summary(console, tally, sync.failures)


def _verified(console: Console, source: Folder | Prefix, target: Folder | Prefix, rules: SyncRules) -> bool:
    """Whether the target has everything of the source now, by contents."""
    with FailureReport() as failures:
        sync = Sync(source, target, replace(rules, compare=Compare.CHECKSUM, delete=False), failures)
        differing = [step.entry.path for step in sync.plan()]
    for path in differing[:5]:
        console.warn(f"  {shown(path)} differs")
    console.say(
        f"Verified: {sync.tally.same:,} are the same, {len(differing):,} differ.",
        verified=sync.tally.same, differing=len(differing),
    )  # fmt: skip
    return not differing and not failures.count


def _pairs(source: str | None, target: str | None, mappings: Path | None) -> list[tuple[str, str]]:
    """What is synced with what. Raises Unusable."""
    if mappings is None:
        if not source or not target:
            raise Unusable("name SOURCE and TARGET, or give --mappings")
        return [(source, target)]
    if source:
        raise Unusable("give SOURCE and TARGET or --mappings, not both")
    pairs = []
    for number, line in enumerate(read_list(mappings, "--mappings"), 1):
        words = line.split("\t")
        if len(words) != 2:
            raise Unusable(f"--mappings {mappings}, entry {number}: write a source, a tab, a target")
        pairs.append((words[0].strip(), words[1].strip()))
    return pairs


def _source_access(access: Access, endpoint: str, profile: str, config: Path | None) -> Access:
    """Of the source, where it is another store or account."""
    if not (endpoint or profile or config):
        return access
    return open_access(AccessOptions(endpoint=endpoint, profile=profile, config=config))


@click.command("check", short_help="Compare a bucket or folder with another.")
@click.argument("source")
@click.argument("target")
@_with(_comparing)
@click.option("--one-way", is_flag=True, help="Do not name what only TARGET has.")
@click.option("--csv", "as_csv", is_flag=True, help="Answer in CSV: path, what differs.")
@bucket_command()
def check_command(
    console: Console,
    access: Access,
    source: str,
    target: str,
    size_only: bool,
    checksum: bool,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    files_from: Path | None,
    follow_symlinks: bool,
    folder_timeout: float,
    report: Path | None,
    one_way: bool,
    as_csv: bool,
) -> int:
    """Compare SOURCE with TARGET without changing anything; by contents unless --size-only is given.

    Exit code 1 where they differ.
    """
    rules = SyncRules(
        compare=Compare.SIZE if size_only else Compare.CHECKSUM,
        takes_part=_takes_part(include, exclude, files_from),
        delete=not one_way,
        walking=WalkingRules(follow_symlinks, folder_timeout),
    )
    ours, theirs = place_of(source, access), place_of(target, access)
    _require_two_places(ours, theirs)
    differing = 0
    if as_csv:
        click.echo("path,difference")
    with FailureReport(report) as failures:
        sync = Sync(ours, theirs, rules, failures, on_left_out=lambda each: _left_out(console, each))
        for step in sync.plan():
            differing += 1
            difference = "missing" if step.reason == "new" else step.reason
            if as_csv:
                click.echo(f'"{_csv(step.entry.path)}",{difference}')
            else:
                console.say(
                    f"{shown(step.entry.path)}: {difference}", path=step.entry.path, difference=difference
                )
        if not as_csv:
            console.say(
                f"{sync.tally.same:,} are the same, {differing:,} differ.",
                same=sync.tally.same, differing=differing, failed=failures.count,
            )  # fmt: skip
        code = told_of_failures(console, failures)
    return EXIT_SOME_FAILED if differing else code


def _csv(path: str) -> str:
    # A spreadsheet takes what begins so for a formula.
    guarded = f"'{path}" if path[:1] in "=+-@\t\r" else path
    return guarded.replace('"', '""')


def _compare(size_only: bool, checksum: bool) -> Compare:
    if size_only and checksum:
        raise Unusable("--size-only and --checksum exclude each other")
    return Compare.SIZE if size_only else Compare.CHECKSUM if checksum else Compare.TIME


def _takes_part(
    include: tuple[str, ...], exclude: tuple[str, ...], files_from: Path | None
) -> Callable[[str], bool]:
    return chosen(include, exclude, None if files_from is None else read_list(files_from))


def _require_two_places(source: Folder | Prefix, target: Folder | Prefix) -> None:
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


def _show_plan(console: Console, sync: Sync) -> None:
    if not console.as_json:
        click.echo(f"What is in {sync.source} would come directly under {sync.target}.")
    carried = doomed = size_bytes = 0
    for step in sync.plan():
        _tell(console, step, planned=True)
        carried += step.act is Act.CARRY
        doomed += step.act is Act.DELETE
        size_bytes += step.entry.size_bytes if step.act is Act.CARRY else 0
    console.say(
        f"Would send {carried:,} files ({format_size(size_bytes)}), delete {doomed:,} and leave"
        f" {sync.tally.same:,} as they are. This was a dry run: nothing was changed.",
        would_send=carried, bytes=size_bytes, would_delete=doomed, same=sync.tally.same,
    )  # fmt: skip


def _tell(console: Console, step: Step, *, planned: bool = False) -> None:
    act = {Act.CARRY: "send", Act.DELETE: "delete"}[step.act]
    if console.as_json:
        line = {"act": act, "path": step.entry.path, "bytes": step.entry.size_bytes, "reason": step.reason}
        click.echo(json.dumps({**line, "planned": planned}))
    else:
        click.echo(f"{act} {shown(step.entry.path)} ({step.reason})")


def _left_out(console: Console, trouble: Trouble) -> None:
    console.warn(f"Left out: {shown(trouble.path)}: {trouble.reason}")


def _summary(console: Console, tally: Tally, failures: FailureReport) -> None:
    deleted = f", {tally.deleted:,} deleted" if tally.deleted else ""
    console.say(
        f"{tally.carried:,} files sent ({format_size(tally.carried_bytes)}), {tally.same:,} were there"
        f" already{deleted}.",
        sent=tally.carried, bytes=tally.carried_bytes, same=tally.same, deleted=tally.deleted,
        failed=failures.count,
    )  # fmt: skip
