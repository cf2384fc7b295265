"""Commands that take away for good: empty, delete."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import click

from s3portal.buckets import creating, emptying
from s3portal.buckets.access import Access
from s3portal.buckets.commands.console import Console, shown
from s3portal.buckets.commands.failing import failures_option, from_failures_option, shard_option
from s3portal.buckets.commands.options import bucket_argument, bucket_command, bucket_of
from s3portal.buckets.commands.progress import CountingProgress
from s3portal.buckets.estimate import Adviser
from s3portal.buckets.failures import FailureReport, read_failures
from s3portal.buckets.listing import ListedVersion
from s3portal.buckets.problems import EXIT_DONE, EXIT_SOME_FAILED, Refused
from s3portal.buckets.sharding import WHOLE, Shard, shard_of
from s3portal.transfer import Store

_OTHER_WAY = (
    "Several machines can share the work (--shard 1/4), and a lifecycle rule that expires everything removes"
    " it within a day or two at no cost."
)
_bypass = click.option(
    "--bypass-governance", is_flag=True, help="Remove what is locked in governance mode, too."
)


@click.command("empty", short_help="Remove everything in a bucket, versions too.")
@bucket_argument
@click.option("--prefix", default="", help="Only keys that begin with this.")
@_bypass
@failures_option
@from_failures_option
@shard_option
@bucket_command(changes=True)
def empty_command(
    console: Console,
    access: Access,
    bucket: str | None,
    prefix: str,
    bypass_governance: bool,
    failures_path: Path | None,
    from_failures: Path | None,
    shard: str,
) -> int:
    """Remove objects, former versions, markers of deletion and unfinished uploads, for good.

    If interrupted, the same command continues. What Object Lock keeps is named, and the rest goes.
    """
    store = bucket_of(access, bucket)
    emptying_it = Emptying(store, prefix, bypass_governance, shard_of(shard), from_failures)
    if not agreed(console, emptying_it, "Everything in it"):
        return EXIT_DONE
    return remove(console, emptying_it, failures_path)


@click.command("delete", short_help="Delete a bucket; with --empty, whatever is in it.")
@bucket_argument
@click.option("--empty", "empty_first", is_flag=True, help="Remove everything in it first.")
@_bypass
@failures_option
@bucket_command(changes=True)
def delete_command(
    console: Console,
    access: Access,
    bucket: str | None,
    empty_first: bool,
    bypass_governance: bool,
    failures_path: Path | None,
) -> int:
    """Delete a bucket. Its name is free for everybody then, and may never be yours again."""
    store = bucket_of(access, bucket)
    if empty_first:
        emptying_it = Emptying(store, bypass_governance=bypass_governance)
        if not agreed(console, emptying_it, "It and everything in it"):
            return EXIT_DONE
        # Most stores end unfinished uploads with their bucket, so these are looked for where one does not.
        code = remove(console, replace(emptying_it, with_uploads=False), failures_path)
        if code != EXIT_DONE:
            return code
        try:
            return _delete(console, store)
        except creating.NotEmpty:
            code = remove(console, emptying_it, failures_path)
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


@dataclass(frozen=True)
class Emptying:
    """What is to be removed: all under a prefix, a share of it, or only what a report names."""

    store: Store
    prefix: str = ""
    bypass_governance: bool = False
    shard: Shard = WHOLE
    from_failures: Path | None = None
    with_uploads: bool = True

    def named(self) -> Iterator[ListedVersion] | None:
        """What the report names of it. Raises Unusable."""
        if self.from_failures is None:
            return None
        return named_versions(self.from_failures, self.prefix, self.shard)

    def counted(self, on_progress: Callable[[emptying.Emptied], None]) -> emptying.Emptied:
        """What is there to be removed."""
        named = self.named()
        if named is not None:
            return emptying.Emptied(versions=sum(1 for _ in named))
        return emptying.contents(self.store, self.prefix, on_progress, self.shard)

    def __str__(self) -> str:
        share = "" if self.shard.count == 1 else f" (share {self.shard})"
        return f"s3://{self.store.bucket}/{self.prefix}{share}"


def named_versions(report: Path, prefix: str, shard: Shard = WHOLE) -> Iterator[ListedVersion]:
    """The versions that a report of failures names under a prefix. Raises Unusable."""
    return (
        ListedVersion(each.key, each.version_id)
        for each in read_failures(report)
        if each.key.startswith(prefix) and shard.has(each.key)
    )


def agreed(console: Console, emptying_it: Emptying, what: str) -> bool:
    """Counts what would go where someone is to decide; False for a dry run."""
    if console.assume_yes and not console.dry_run:
        return True
    with CountingProgress("counting", shown=not console.as_json) as progress:
        found = emptying_it.counted(lambda found: progress.reached(found.versions + found.markers))
    if console.dry_run:
        console.say(
            f"Would remove from {emptying_it}: {found}.", bucket=emptying_it.store.bucket, **vars(found)
        )
        return False
    console.confirm_by_name(
        emptying_it.store.bucket, f"{what} is removed for good: {emptying_it} has {found}."
    )
    return True


def remove(console: Console, emptying_it: Emptying, failures_path: Path | None) -> int:
    """Removes it, says what came of it, and returns the exit code."""
    with (
        FailureReport(failures_path, read_from=emptying_it.from_failures) as failures,
        CountingProgress("removed", shown=not console.as_json) as progress,
    ):
        adviser = Adviser(console.warn, _OTHER_WAY)

        def reached(removed: emptying.Emptied) -> None:
            progress.reached(removed.versions + removed.markers)
            adviser.reached(removed.versions + removed.markers)

        removed = emptying.empty(
            emptying_it.store,
            failures,
            prefix=emptying_it.prefix,
            bypass_governance=emptying_it.bypass_governance,
            with_uploads=emptying_it.with_uploads,
            on_progress=reached,
            shard=emptying_it.shard,
            only=emptying_it.named(),
        )
    console.say(f"Removed: {removed}.", removed=vars(removed), failed=failures.count)
    return told_of_failures(console, failures)


def told_of_failures(console: Console, failures: FailureReport, option: str = "--failures") -> int:
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
