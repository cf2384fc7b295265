"""Commands that take away for good: empty, delete."""

from pathlib import Path

import click

from s3portal.buckets import creating, emptying
from s3portal.buckets.access import Access
from s3portal.buckets.commands.console import Console, shown
from s3portal.buckets.commands.options import bucket_argument, bucket_command, bucket_of
from s3portal.buckets.commands.progress import CountingProgress
from s3portal.buckets.failures import FailureReport
from s3portal.buckets.problems import EXIT_DONE, EXIT_SOME_FAILED, Refused
from s3portal.transfer import Store

_report = click.option(
    "--report", type=click.Path(dir_okay=False, path_type=Path), default=None,
    help="Write what could not be removed to this file, a JSON object a line.",
)  # fmt: skip
_bypass = click.option(
    "--bypass-governance", is_flag=True, help="Remove what is locked in governance mode, too."
)


@click.command("empty", short_help="Remove everything in a bucket, versions too.")
@bucket_argument
@click.option("--prefix", default="", help="Only keys that begin with this.")
@_bypass
@_report
@bucket_command(changes=True)
def empty_command(
    console: Console,
    access: Access,
    bucket: str | None,
    prefix: str,
    bypass_governance: bool,
    report: Path | None,
) -> int:
    """Remove objects, former versions, markers of deletion and unfinished uploads, for good.

    Interrupted, the same command continues. What Object Lock keeps is named, and the rest goes.
    """
    store = bucket_of(access, bucket)
    if not _agreed(console, store, prefix, "Everything in it"):
        return EXIT_DONE
    return _empty(console, store, prefix, bypass_governance, report)


@click.command("delete", short_help="Delete a bucket; with --empty, whatever is in it.")
@bucket_argument
@click.option("--empty", "empty_first", is_flag=True, help="Remove everything in it first.")
@_bypass
@_report
@bucket_command(changes=True)
def delete_command(
    console: Console,
    access: Access,
    bucket: str | None,
    empty_first: bool,
    bypass_governance: bool,
    report: Path | None,
) -> int:
    """Delete a bucket. Its name is free for everybody then, and may never be yours again."""
    store = bucket_of(access, bucket)
    if empty_first:
        if not _agreed(console, store, "", "It and everything in it"):
            return EXIT_DONE
        # Most stores end unfinished uploads with their bucket, so these are looked for where one does not.
        code = _empty(console, store, "", bypass_governance, report, with_uploads=False)
        if code != EXIT_DONE:
            return code
        try:
            return _delete(console, store)
        except creating.NotEmpty:
            code = _empty(console, store, "", bypass_governance, report)
            if code != EXIT_DONE:
                return code
    elif console.dry_run:
        console.say(f"Would delete {store.bucket}, if it is empty.", would_delete=store.bucket)
        return EXIT_DONE
    else:
        console.confirm_by_name(store.bucket, f"The bucket {store.bucket} is deleted for good.")
    return _delete(console, store)


def _delete(console: Console, store: Store) -> int:
    creating.delete_bucket(store)
    console.say(f"Deleted: {store.bucket}", deleted=store.bucket)
    return EXIT_DONE


def _agreed(console: Console, store: Store, prefix: str, what: str) -> bool:
    """Counts what would go where someone is to decide; False for a dry run."""
    if console.assume_yes and not console.dry_run:
        return True
    with CountingProgress("counting", shown=not console.as_json) as progress:
        found = emptying.contents(
            store, prefix, lambda found: progress.reached(found.versions + found.markers)
        )
    place = f"s3://{store.bucket}/{prefix}"
    if console.dry_run:
        console.say(f"Would remove from {place}: {found}.", bucket=store.bucket, **vars(found))
        return False
    console.confirm_by_name(store.bucket, f"{what} is removed for good: {place} has {found}.")
    return True


def _empty(
    console: Console,
    store: Store,
    prefix: str,
    bypass_governance: bool,
    report: Path | None,
    *,
    with_uploads: bool = True,
) -> int:
    with (
        FailureReport(report) as failures,
        CountingProgress("removed", shown=not console.as_json) as progress,
    ):
        removed = emptying.empty(
            store,
            failures,
            prefix=prefix,
            bypass_governance=bypass_governance,
            with_uploads=with_uploads,
            on_progress=lambda removed: progress.reached(removed.versions + removed.markers),
        )
    console.say(f"Removed: {removed}.", removed=vars(removed), failed=failures.count)
    return told_of_failures(console, failures)


def told_of_failures(console: Console, failures: FailureReport, option: str = "--report") -> int:
    """Says what failed, and the exit code for it. ``option`` is the command's option for a file of all
    failures, or "" where it has none."""
    if not failures.count:
        return EXIT_DONE
    for failure in failures.first:
        console.warn(f"  {shown(failure.key)}: {shown(failure.reason)}")
    more = failures.count - len(failures.first)
    if more:
        console.warn(f"  and {more:,} more")
    where = (
        f", listed in {failures.path}" if failures.path else f"; {option} FILE lists them" if option else ""
    )
    console.warn(f"{failures.count:,} failed{where}.")
    return EXIT_SOME_FAILED


def require_nothing_failed(failures: FailureReport) -> None:
    """Raises Refused where something failed before a step that needs all of it."""
    if failures.count:
        raise Refused(f"{failures.count:,} failed, so nothing further was done")
