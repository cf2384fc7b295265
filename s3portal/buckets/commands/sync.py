"""``s3portal sync``: one place is made like another."""

import json
from dataclasses import replace
from pathlib import Path

import click

from s3portal.buckets.access import Access, AccessOptions, open_access
from s3portal.buckets.commands.comparing import (
    comparing,
    difference_of,
    require_two_places,
    tell_left_out,
    with_options,
)
from s3portal.buckets.commands.console import Console, shown
from s3portal.buckets.commands.failing import failures_option
from s3portal.buckets.commands.new_objects import describing_new_objects
from s3portal.buckets.commands.options import bucket_command
from s3portal.buckets.commands.progress import CountingProgress
from s3portal.buckets.commands.removal import told_of_failures
from s3portal.buckets.estimate import Adviser
from s3portal.buckets.failures import FailureReport
from s3portal.buckets.problems import EXIT_DONE, EXIT_SOME_FAILED, Unusable
from s3portal.buckets.sync.belongings import require_possible
from s3portal.buckets.sync.filters import read_list
from s3portal.buckets.sync.freshness import Compare
from s3portal.buckets.sync.places import Folder, Prefix, place_of
from s3portal.buckets.sync.rules import DEFAULT_MAX_DELETE, Act, Step, SyncRules, Tally
from s3portal.buckets.sync.run import Sync
from s3portal.buckets.sync.wanted import Wanted
from s3portal.transfer import format_size

_OTHER_WAY = (
    "Several machines can share the work (--shard 1/4), and for copies within AWS there is S3 Batch"
    " Operations:  s3portal bucket batch --help"
)
_SOURCE_OPTIONS = (
    click.option("--source-endpoint", default="", metavar="URL", help="The store of the source."),
    click.option("--source-profile", default="", metavar="NAME", help="The profile for the source."),
    click.option(
        "--source-config", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=None,
        help="Take the source's store and keys from this file.",
    ),
)  # fmt: skip


@click.command("sync", short_help="Make a bucket or folder like another.")
@click.argument("source", required=False)
@click.argument("target", required=False)
@with_options(_SOURCE_OPTIONS)
@click.option(
    "--mappings",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=None,
    help="Sync each line of this file: a source, a tab, a target.",
)
@click.option("--verify", is_flag=True, help="Compare the contents of all files afterwards.")
@comparing(otherwise=Compare.TIME)
@failures_option
@click.option("--delete", is_flag=True, help="Remove from the target what the source does not have.")
@click.option(
    "--max-delete", type=click.IntRange(0), default=DEFAULT_MAX_DELETE, show_default=True,
    help="Delete nothing if more than this many files would be deleted.",
)  # fmt: skip
@click.option(
    "--reuse", is_flag=True,
    help="Copy within the target's store what it has under another name, instead of sending it again.",
)  # fmt: skip
@click.option(
    "--announce", is_flag=True,
    help="Tell syncs on other machines, by a marker in the bucket. Those on this one know anyway.",
)  # fmt: skip
@describing_new_objects
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
    rules: SyncRules,
    from_failures: Path | None,
    failures_path: Path | None,
    delete: bool,
    max_delete: int,
    reuse: bool,
    announce: bool,
    wanted: Wanted,
    verbose: bool,
) -> int:
    """Make TARGET have what SOURCE has: folders and s3://bucket/prefix on either side.

    What is in SOURCE comes directly under TARGET, with or without slashes at the end. Nothing is deleted
    unless --delete is given. If interrupted, the same command continues.
    """
    rules = replace(
        rules, delete=delete, max_delete=max_delete, reuse=reuse, announce=announce, wanted=wanted
    )
    from_access = _source_access(access, source_endpoint, source_profile, source_config)
    pairs = [
        (place_of(each_source, from_access), place_of(each_target, access))
        for each_source, each_target in _pairs(source, target, mappings)
    ]
    for ours, theirs in pairs:
        require_two_places(ours, theirs)
        require_possible(wanted, ours, theirs)
    code = EXIT_DONE
    with FailureReport(failures_path, read_from=from_failures) as failures:
        for ours, theirs in pairs:
            sync = Sync(
                ours,
                theirs,
                rules,
                failures,
                on_left_out=lambda each: tell_left_out(console, each),
                on_notice=console.warn,
            )
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
        adviser = Adviser(console.warn, _OTHER_WAY)

        def reached(tally: Tally) -> None:
            progress.reached(tally.done)
            adviser.reached(tally.done)

        sync.on_progress = reached
        tally = sync.run()
    _summary(console, tally, sync.failures)


def _verified(console: Console, source: Folder | Prefix, target: Folder | Prefix, rules: SyncRules) -> bool:
    """Whether the target has everything of the source now, by contents."""
    with FailureReport() as failures:
        sync = Sync(
            source, target, replace(rules, compare=Compare.CHECKSUM, delete=False, reuse=False), failures
        )
        differing = list(sync.plan())
    for step in differing[:5]:
        console.warn(f"  {shown(step.entry.path)}: {difference_of(step)}")
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


def _show_plan(console: Console, sync: Sync) -> None:
    if not console.as_json:
        click.echo(f"What is in {sync.source} would come directly under {sync.target}.")
    doomed, planned = 0, Tally()
    for step in sync.plan():
        _tell(console, step, planned=True)
        if step.act is Act.DELETE:
            doomed += 1
        else:
            planned.count(step)
    console.say(
        f"Would send {planned.carried:,} files ({format_size(planned.carried_bytes)}){_saved(planned)},"
        f" delete {doomed:,} and leave {sync.tally.same:,} as they are. This was a dry run: nothing was"
        " changed.",
        would_send=planned.carried, bytes=planned.carried_bytes, would_reuse=planned.reused,
        saved_bytes=planned.reused_bytes, would_delete=doomed, same=sync.tally.same,
    )  # fmt: skip


def _saved(tally: Tally) -> str:
    if not tally.reused:
        return ""
    return f", copy {tally.reused:,} within the store (saves {format_size(tally.reused_bytes)})"


def _tell(console: Console, step: Step, *, planned: bool = False) -> None:
    act = {Act.CARRY: "send", Act.REUSE: "copy", Act.DELETE: "delete"}[step.act]
    if console.as_json:
        line = {"act": act, "path": step.entry.path, "bytes": step.entry.size_bytes, "reason": step.reason}
        click.echo(json.dumps({**line, **({"from": step.twin} if step.twin else {}), "planned": planned}))
    else:
        twin = f" from {shown(step.twin)}" if step.twin else ""
        click.echo(f"{act} {shown(step.entry.path)}{twin} ({step.reason})")


def _summary(console: Console, tally: Tally, failures: FailureReport) -> None:
    reused = (
        f", {tally.reused:,} copied within the store ({format_size(tally.reused_bytes)} saved)"
        if tally.reused
        else ""
    )
    deleted = f", {tally.deleted:,} deleted" if tally.deleted else ""
    console.say(
        f"{tally.carried:,} files sent ({format_size(tally.carried_bytes)}){reused}, {tally.same:,} were"
        f" there already{deleted}.",
        sent=tally.carried, bytes=tally.carried_bytes, reused=tally.reused, saved_bytes=tally.reused_bytes,
        same=tally.same, deleted=tally.deleted, failed=failures.count,
    )  # fmt: skip
