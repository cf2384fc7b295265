"""``s3portal bucket move`` and ``rename``: another bucket becomes like this one, and takes its place."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import click

from s3portal.buckets import creating, emptying, moving
from s3portal.buckets.access import Access
from s3portal.buckets.commands.comparing import retried
from s3portal.buckets.commands.console import Console, shown
from s3portal.buckets.commands.failing import failures_option, from_failures_option
from s3portal.buckets.commands.options import bucket_command, bucket_of
from s3portal.buckets.commands.progress import CountingProgress
from s3portal.buckets.commands.removal import told_of_failures
from s3portal.buckets.failures import FailureReport
from s3portal.buckets.problems import EXIT_DONE, EXIT_SOME_FAILED, Refused, require_bucket
from s3portal.buckets.sync.freshness import Compare
from s3portal.buckets.sync.places import Prefix
from s3portal.buckets.sync.rules import SyncRules
from s3portal.buckets.sync.run import Sync
from s3portal.transfer import Store, format_size

_current_only = click.option(
    "--current-only", is_flag=True, help="Leave former versions behind: only current objects are moved."
)
_switch = click.option(
    "--switch", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=None, metavar="INI",
    help="Name the new bucket in this CKAN's .ini file, once all is there.",
)  # fmt: skip


@click.command("move", short_help="Make another bucket like this one.")
@click.argument("source")
@click.argument("target")
@_current_only
@_switch
@failures_option
@from_failures_option
@bucket_command(changes=True)
def move_command(
    console: Console,
    access: Access,
    source: str,
    target: str,
    current_only: bool,
    switch: Path | None,
    failures_path: Path | None,
    from_failures: Path | None,
) -> int:
    """Create TARGET with SOURCE's settings, copy all objects on the server, and compare. SOURCE stays.

    Interrupted, the same command continues. To end SOURCE afterwards:  s3portal bucket delete SOURCE --empty
    """
    return _move(
        console, access, source, target, current_only, switch, _Reports(failures_path, from_failures)
    )


@click.command("rename", short_help="Move, compare, delete the old bucket.")
@click.argument("source")
@click.argument("target")
@_current_only
@_switch
@failures_option
@from_failures_option
@bucket_command(changes=True)
def rename_command(
    console: Console,
    access: Access,
    source: str,
    target: str,
    current_only: bool,
    switch: Path | None,
    failures_path: Path | None,
    from_failures: Path | None,
) -> int:
    """As move; then SOURCE is emptied and deleted. Nothing is deleted before the comparison has passed.

    What writes to SOURCE meanwhile is lost: stop the portal first, or move, switch it over, and move again.
    """
    code = _move(
        console, access, source, target, current_only, switch, _Reports(failures_path, from_failures)
    )
    if code != EXIT_DONE or console.dry_run:
        return code
    store = bucket_of(access, source)
    console.confirm_by_name(store.bucket, f"{store.bucket} is removed now, with everything in it.")
    with FailureReport() as failures:
        removed = emptying.empty(store, failures)
        console.say(f"Removed: {removed}.", removed=dataclasses.asdict(removed), failed=failures.count)
        if code := told_of_failures(console, failures, ""):
            return code
    creating.delete_bucket(store)
    console.say(f"Deleted: {store.bucket}", deleted=store.bucket)
    return EXIT_DONE


@dataclass(frozen=True)
class _Reports:
    """Where what fails is written, and from which report what is copied is read; everything is compared."""

    written: Path | None
    read: Path | None


def _move(
    console: Console,
    access: Access,
    source: str,
    target: str,
    current_only: bool,
    switch: Path | None,
    reports: _Reports,
) -> int:
    ours, theirs = bucket_of(access, source), bucket_of(access, target)
    if ours.bucket == theirs.bucket:
        raise Refused("both are the same bucket")
    require_bucket(ours)
    switching = moving.switch_ckan(switch, ours.bucket, theirs.bucket) if switch else None
    if moving.keeps_locked(ours):
        raise Refused(
            f"{ours.bucket} has Object Lock, and a copy takes neither retention nor legal holds along",
            f"create {theirs.bucket} with --object-lock and its retention, and copy:  s3portal sync"
            f" s3://{ours.bucket} s3://{theirs.bucket}",
        )
    if not current_only and (former := moving.former_versions(ours)):
        raise Refused(
            f"{ours.bucket} has {former:,} former versions and markers, which a copy does not take along",
            "give --current-only if they may stay behind",
        )
    if console.dry_run:
        console.say(
            f"Would make {theirs.bucket} like {ours.bucket}: settings, objects, comparison.",
            source=ours.bucket, target=theirs.bucket,
        )  # fmt: skip
        return EXIT_DONE
    console.confirm(f"Make {theirs.bucket} like {ours.bucket}?")
    made = creating.create_bucket(theirs)
    console.say(
        f"{'Created' if made else 'There already'}: {theirs.bucket}", bucket=theirs.bucket, created=made
    )
    for change in moving.settings_changes(ours, theirs):
        change.apply()
        console.say(f"Done: {change.text}", changed=True, change=change.text)
    if code := _copied(console, ours, theirs, reports):
        return code
    if code := _compared(console, ours, theirs):
        return code
    if switching is not None and switching.is_needed:
        switching.apply()
        console.say(f"Done: {switching.text}; restart CKAN.", changed=True, change=switching.text)
    return EXIT_DONE


def _copied(console: Console, source: Store, target: Store, reports: _Reports) -> int:
    only = retried(reports.read, one_target=True)
    rules = SyncRules(compare=Compare.CHECKSUM, delete=False, only=only)
    with (
        FailureReport(reports.written, read_from=reports.read) as failures,
        CountingProgress("copied", shown=not console.as_json) as progress,
    ):
        sync = Sync(Prefix(source), Prefix(target), rules, failures)
        sync.on_progress = lambda tally: progress.reached(tally.carried + tally.same)
        tally = sync.run()
    console.say(
        f"Copied {tally.carried:,} objects ({format_size(tally.carried_bytes)}); {tally.same:,} were there"
        " already.",
        copied=tally.carried, bytes=tally.carried_bytes, same=tally.same, failed=failures.count,
    )  # fmt: skip
    return told_of_failures(console, failures)


def _compared(console: Console, source: Store, target: Store) -> int:
    """Everything of the source is in the target, by contents; more may be there."""
    rules = SyncRules(compare=Compare.CHECKSUM)
    with FailureReport() as failures:
        sync = Sync(Prefix(source), Prefix(target), rules, failures)
        differing = [step.entry.path for step in sync.plan()]
    if differing or failures.count:
        for path in differing[:5]:
            console.warn(f"  {shown(path)} differs")
        console.warn(
            f"{len(differing):,} objects differ, so nothing further was done. Run the command again."
        )
        return EXIT_SOME_FAILED
    console.say(f"Compared: all {sync.tally.same:,} objects are the same.", compared=sync.tally.same)
    return EXIT_DONE
