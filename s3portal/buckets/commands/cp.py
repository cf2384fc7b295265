"""``s3portal cp``: one file or object, or those that a run before could not copy."""

from dataclasses import replace
from pathlib import Path

import click

from s3portal.buckets.access import Access
from s3portal.buckets.commands.console import Console, shown
from s3portal.buckets.commands.failing import failures_option, from_failures_option
from s3portal.buckets.commands.new_objects import describing_new_objects
from s3portal.buckets.commands.objects import bucket_and_key, one_key, require_credentials
from s3portal.buckets.commands.options import bucket_command
from s3portal.buckets.commands.removal import told_of_failures
from s3portal.buckets.failures import Failure, FailureReport, read_failures
from s3portal.buckets.problems import EXIT_DONE, BucketProblem, Refused, Unusable, asking
from s3portal.buckets.sync.belongings import require_possible
from s3portal.buckets.sync.carrying import Carrier
from s3portal.buckets.sync.entries import Entry
from s3portal.buckets.sync.file_reads import FileReads
from s3portal.buckets.sync.places import Folder, Prefix
from s3portal.buckets.sync.reasons import reason_of
from s3portal.buckets.sync.wanted import Wanted
from s3portal.transfer import format_size


@click.command("cp", short_help="Copy one file or object.")
@click.argument("source", required=False)
@click.argument("target", required=False)
@describing_new_objects
@failures_option
@from_failures_option
@bucket_command()
def cp_command(
    console: Console,
    access: Access,
    source: str | None,
    target: str | None,
    wanted: Wanted,
    failures_path: Path | None,
    from_failures: Path | None,
) -> int:
    """Copy a file to s3://BUCKET/KEY, an object to a file, or an object to another. For folders: sync.

    A target that ends with / gets the source's name. An existing target is replaced once everything has
    arrived. With --from-failures, the report says what is copied where.
    """
    with FailureReport(failures_path, read_from=from_failures) as failures:
        if from_failures is None:
            if not source or not target:
                raise Unusable("name SOURCE and TARGET, or give --from-failures")
            _copy(console, access, source, target, wanted, failures)
            return EXIT_DONE
        if source:
            raise Unusable("give SOURCE and TARGET or --from-failures, not both")
        for each in read_failures(from_failures):
            if not each.target:
                raise Unusable(f"--from-failures {from_failures}: is no report of cp: it names no targets")
            try:
                _copy(console, access, each.key, each.target, wanted, failures)
            except BucketProblem as problem:
                console.warn(str(problem))
        return told_of_failures(console, failures)


def _copy(
    console: Console, access: Access, source: str, target: str, wanted: Wanted, failures: FailureReport
) -> None:
    """Copies one. What fails is noted, and raised as Refused or Unusable."""
    named = source if source.startswith("s3://") else str(Path(source).absolute())
    try:
        entry, place = _copied(access, source, target, wanted)
    except BucketProblem as problem:
        failures.add(Failure(named, problem.text, target=target))
        raise
    console.say(
        f"{shown(source)} -> {shown(place)} ({format_size(entry.size_bytes)})", source=source, target=place
    )


def _copied(access: Access, source: str, target: str, wanted: Wanted) -> tuple[Entry, str]:
    """What was copied, and where it is now."""
    entry, ours = _source(source, access)
    if target.startswith("s3://"):
        store, key = bucket_and_key(target, access)
        key = key + entry.path if not key or key.endswith("/") else key
        theirs: Folder | Prefix = Prefix(store, fixed_key=key)
        require_credentials(store)
        place = f"s3://{store.bucket}/{key}"
    else:
        path = Path(target) / entry.path if target.endswith("/") or Path(target).is_dir() else Path(target)
        if isinstance(ours, Folder):
            raise Unusable("both are files of this machine: use cp")
        entry = replace(entry, path=path.name)
        theirs, place = Folder(path.parent), str(path)
    require_possible(wanted, ours, theirs)
    carrier = Carrier(ours, theirs, wanted, guarded=False)
    if problem := reason_of(lambda: carrier.carry(entry, None), carrier.permissions):
        raise Refused(f"{source} was not copied: {problem}")
    return entry, place


def _source(source: str, access: Access) -> tuple[Entry, Folder | Prefix]:
    if not source.startswith("s3://"):
        path = Path(source)
        if path.is_dir():
            raise Unusable(f"{source} is a folder; for folders:  s3portal sync")
        try:
            status = FileReads().stat(path)
        except OSError as error:
            raise Unusable(f"{source}: {error.strerror or error}") from error
        return Entry(path.name, status.st_size, status.st_mtime), Folder(path.parent)
    store, key = one_key(source, access)
    with asking(store, "s3:GetObject", resource=f"arn:aws:s3:::{store.bucket}/{key}"):
        try:
            head = store.client().head_object(Bucket=store.bucket, Key=key)
        except store.client().exceptions.ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
                raise Refused(f"there is no object s3://{store.bucket}/{key}") from error
            raise
    entry = Entry(
        key.rpartition("/")[2] or key,
        head["ContentLength"],
        head["LastModified"].timestamp(),
        head["ETag"].strip('"'),
        head.get("StorageClass", "STANDARD"),
    )
    return entry, Prefix(store, fixed_key=key)
