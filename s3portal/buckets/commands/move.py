"""``s3portal bucket move`` and ``rename``: another bucket becomes like this one, and takes its place."""

import dataclasses
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import click

from s3portal.buckets import creating, emptying, moving
from s3portal.buckets.access import Access
from s3portal.buckets.acls import acls_are_off
from s3portal.buckets.commands.comparing import retried
from s3portal.buckets.commands.console import Console, shown
from s3portal.buckets.commands.failing import failures_option, from_failures_option
from s3portal.buckets.commands.options import bucket_command, bucket_of
from s3portal.buckets.commands.progress import CountingProgress
from s3portal.buckets.commands.removal import told_of_failures
from s3portal.buckets.failures import FailureReport
from s3portal.buckets.listing import unfinished_uploads
from s3portal.buckets.moved_settings import differences, settings_changes
from s3portal.buckets.moved_versions import Held, VersionMove
from s3portal.buckets.problems import (
    EXIT_DONE,
    EXIT_SOME_FAILED,
    NotOffered,
    Refused,
    Unusable,
    require_bucket,
)
from s3portal.buckets.settings import versioning
from s3portal.buckets.sync.freshness import Compare
from s3portal.buckets.sync.places import Prefix
from s3portal.buckets.sync.rules import SyncRules
from s3portal.buckets.sync.run import Sync
from s3portal.buckets.sync.wanted import Wanted
from s3portal.transfer import ListedUpload, Store, format_size

_NAMED = 5
_MOST_LISTED = 1000
_options = (
    click.option(
        "--current-only", is_flag=True,
        help="Leave former versions and markers of deletion behind: only current objects are moved.",
    ),
    click.option(
        "--abort-uploads", is_flag=True,
        help="End unfinished uploads: they cannot be moved, and otherwise the command refuses.",
    ),
    click.option(
        "--switch", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=None,
        metavar="INI", help="Name the new bucket in this CKAN's .ini file, once everything is there.",
    ),
    failures_option,
    from_failures_option,
)  # fmt: skip


def _moving(command: Any) -> Any:
    for option in reversed(_options):
        command = option(command)
    return command


@click.command("move", short_help="Make another bucket like this one.")
@click.argument("source")
@click.argument("target")
@_moving
@bucket_command(changes=True)
def move_command(console: Console, access: Access, **given: Any) -> int:
    """Create TARGET with SOURCE's settings, copy everything on the server, and compare. SOURCE stays.

    Where SOURCE keeps versions, all of them and the markers of deletion are copied, in order; their version
    ids are new. Retention and legal holds come along. If interrupted, the same command continues.

    To end SOURCE afterwards:  s3portal bucket delete SOURCE --empty
    """
    return _move(console, access, _Asked(**given)).code


@click.command("rename", short_help="Move, compare, delete the old bucket.")
@click.argument("source")
@click.argument("target")
@_moving
@bucket_command(changes=True)
def rename_command(console: Console, access: Access, **given: Any) -> int:
    """Does what move does; then SOURCE is emptied and deleted.

    Nothing is deleted before the comparison has passed. What is written to SOURCE meanwhile is lost:
    stop the portal first, or move, switch it over, and move again.
    """
    asked = _Asked(**given)
    moved = _move(console, access, asked)
    if moved.code != EXIT_DONE or console.dry_run:
        return moved.code
    store = bucket_of(access, asked.source)
    if moved.held.count:
        until = f" until {moved.held.until}" if moved.held.until else ""
        raise Refused(
            f"everything is in {asked.target}, but Object Lock keeps {moved.held.count:,} versions in"
            f" {store.bucket}{until}, so nothing was deleted",
            f"s3portal bucket delete {store.bucket} --empty  once they may go",
        )
    _require_no_uploads(store, asked.abort_uploads)
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
class _Asked:
    """What a command was asked for. ``from_failures`` narrows what is copied; everything is compared."""

    source: str
    target: str
    current_only: bool
    abort_uploads: bool
    switch: Path | None
    failures_path: Path | None
    from_failures: Path | None

    def failures(self) -> FailureReport:
        """The report to write to. Raises Unusable."""
        return FailureReport(self.failures_path, read_from=self.from_failures)


@dataclass(frozen=True)
class _Moved:
    """How far it came: an exit code, and what Object Lock keeps in the source."""

    code: int
    held: Held = field(default_factory=Held)


def _move(console: Console, access: Access, asked: _Asked) -> _Moved:
    ours, theirs = bucket_of(access, asked.source), bucket_of(access, asked.target)
    if ours.bucket == theirs.bucket:
        raise Refused("both are the same bucket")
    require_bucket(ours)
    switching = moving.switch_ckan(asked.switch, ours.bucket, theirs.bucket) if asked.switch else None
    locked, all_versions = moving.keeps_locked(ours), not asked.current_only and _keeps_versions(ours)
    uploads = _require_no_uploads(ours, asked.abort_uploads)
    if asked.from_failures is not None and all_versions:
        raise Unusable(
            "--from-failures is for current objects: a move of all versions looks at what is there by itself"
        )
    if console.dry_run:
        _tell_plan(console, ours, theirs, all_versions, uploads)
        return _Moved(EXIT_DONE)
    console.confirm(f"Make {theirs.bucket} like {ours.bucket}?")
    if uploads:
        ended = emptying.abort_all(ours)
        console.say(f"Ended: {ended:,} unfinished uploads.", aborted=ended)
    made = creating.create_bucket(theirs, object_lock=locked)
    console.say(
        f"{'Created' if made else 'There already'}: {theirs.bucket}", bucket=theirs.bucket, created=made
    )
    _give_settings(console, ours, theirs, late=False)
    with_acls = not acls_are_off(ours)
    if all_versions:
        # A move that ended before has suspended it again.
        versioning.versioning_change(theirs, on=True).apply()
        moved = _versions_moved(console, VersionMove(ours, theirs, locked, with_acls), asked)
    else:
        wanted = Wanted(keep_retention=locked, keep_acl=with_acls, keep_storage_class=True)
        moved = _Moved(_copied(console, ours, theirs, wanted, asked) or _compared(console, ours, theirs))
    if moved.code:
        return moved
    _give_settings(console, ours, theirs, late=True)
    if different := list(differences(ours, theirs)):
        console.warn(
            f"These settings of {theirs.bucket} are not those of {ours.bucket}: {', '.join(different)}. So"
            " nothing further was done. Run the command again."
        )
        return _Moved(EXIT_SOME_FAILED)
    console.say("Compared: the settings are the same.", settings_compared=True)
    if switching is not None and switching.is_needed:
        switching.apply()
        console.say(f"Done: {switching.text}; restart CKAN.", changed=True, change=switching.text)
    return moved


def _keeps_versions(store: Store) -> bool:
    try:
        return versioning.read_versioning(store) != versioning.NEVER
    except NotOffered:
        return False


def _require_no_uploads(store: Store, abort: bool) -> list[ListedUpload]:
    """Raises Refused where there are uploads that no one finished, unless they are to be ended."""
    try:
        found = list(islice(unfinished_uploads(store), _MOST_LISTED))
    except NotOffered:
        return []
    if found and not abort:
        count = f"{len(found):,}" if len(found) < _MOST_LISTED else f"at least {_MOST_LISTED:,}"
        names = ", ".join(shown(each.key) for each in found[:_NAMED])
        more = " and others" if len(found) > _NAMED else ""
        raise Refused(
            f"{store.bucket} has {count} uploads that no one finished, which cannot be moved: {names}{more}",
            f"wait until they are through, or end them with --abort-uploads; s3portal bucket uploads list"
            f" {store.bucket}  shows since when they are there",
        )
    return found


def _tell_plan(
    console: Console, source: Store, target: Store, all_versions: bool, uploads: list[ListedUpload]
) -> None:
    what = "all versions and markers of deletion" if all_versions else "current objects"
    ending = f" {len(uploads):,} unfinished uploads would be ended first." if uploads else ""
    console.say(
        f"Would create {target.bucket} unless it is there, give it the settings of {source.bucket}, copy"
        f" {what}, and compare.{ending} This was a dry run: nothing was changed.",
        source=source.bucket, target=target.bucket, all_versions=all_versions,
        would_abort=[each.key for each in uploads],
    )  # fmt: skip


def _give_settings(console: Console, source: Store, target: Store, *, late: bool) -> None:
    for change in settings_changes(source, target, late=late):
        change.apply()
        console.say(f"Done: {change.text}", changed=True, change=change.text)


def _versions_moved(console: Console, move: VersionMove, asked: _Asked) -> _Moved:
    with asked.failures() as failures, CountingProgress("copied", shown=not console.as_json) as progress:
        done = move.run(failures, progress.reached)
    console.say(f"Copied {done:,} versions and markers.", copied=done, failed=failures.count)
    if code := told_of_failures(console, failures):
        return _Moved(code)
    with CountingProgress("compared", shown=not console.as_json) as progress:
        checked = move.check(progress.reached)
    if checked.differing_count:
        _tell_differing(console, checked.differing, checked.differing_count)
        return _Moved(EXIT_SOME_FAILED)
    console.say(f"Compared: all {checked.same:,} versions and markers are the same.", compared=checked.same)
    return _Moved(EXIT_DONE, checked.held)


def _copied(console: Console, source: Store, target: Store, wanted: Wanted, asked: _Asked) -> int:
    only = retried(asked.from_failures, one_target=True)
    rules = SyncRules(compare=Compare.CHECKSUM, delete=False, wanted=wanted, only=only)
    with asked.failures() as failures, CountingProgress("copied", shown=not console.as_json) as progress:
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
        _tell_differing(console, differing, len(differing))
        return EXIT_SOME_FAILED
    console.say(f"Compared: all {sync.tally.same:,} objects are the same.", compared=sync.tally.same)
    return EXIT_DONE


def _tell_differing(console: Console, keys: list[str], count: int) -> None:
    for key in keys[:_NAMED]:
        console.warn(f"  {shown(key)} differs")
    console.warn(f"{count:,} objects differ, so nothing further was done. Run the command again.")
