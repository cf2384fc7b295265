"""``s3portal ls``, ``rm``, ``presign``: single objects, and what is under a prefix."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from s3portal.buckets.access import Access
from s3portal.buckets.commands.console import Console, shown
from s3portal.buckets.commands.failing import failures_option, from_failures_option
from s3portal.buckets.commands.options import bucket_command
from s3portal.buckets.commands.progress import CountingProgress
from s3portal.buckets.commands.removal import Emptying, agreed, remove, told_of_failures
from s3portal.buckets.emptying import Emptied, delete_batch, empty
from s3portal.buckets.failures import FailureReport
from s3portal.buckets.listing import ListedObject, ListedVersion, folder_pages, object_pages, version_pages
from s3portal.buckets.parallel import Throttle, side_by_side
from s3portal.buckets.problems import EXIT_DONE, Refused, Unusable, asking
from s3portal.transfer import Store, UrlSigner, format_size

#: AWS: "Authenticating Requests: Using Query Parameters".
_MAX_EXPIRES_S = 7 * 24 * 3600


@click.command("ls", short_help="List buckets, folders and objects.")
@click.argument("place", required=False)
@click.option("--recursive", "-r", is_flag=True, help="All objects under it, and not its folders.")
@click.option(
    "--versions", "with_versions", is_flag=True, help="Former versions and markers of deletion, too."
)
@bucket_command()
def ls_command(
    console: Console, access: Access, place: str | None, recursive: bool, with_versions: bool
) -> None:
    """List the buckets, or what is at s3://BUCKET/PREFIX."""
    if place is None:
        _list_buckets(console, access)
        return
    store, prefix = bucket_and_key(place, access)
    pages: Iterator[list[dict[str, Any]]]
    if with_versions:
        pages = _version_pages(store, prefix)
    elif recursive:
        pages = ([_object_row(each) for each in page] for page in object_pages(store, prefix))
    else:
        pages = _folder_pages(store, prefix)
    for page in pages:
        # By pages: a line at a time, writing them takes longer than finding them.
        lines = [console.line(_listed(row), row) for row in page]
        if lines:
            click.echo("\n".join(lines))


@click.command("presign", short_help="Make an expiring link to one object.")
@click.argument("place")
@click.option("--method", type=click.Choice(["GET", "PUT", "DELETE"]), default="GET", show_default=True)
@click.option(
    "--expires", "expires_s", type=click.IntRange(1, _MAX_EXPIRES_S), default=3600, show_default=True,
    metavar="SECONDS", help="How long the link is valid, at most 7 days.",
)  # fmt: skip
@bucket_command()
def presign_command(console: Console, access: Access, place: str, method: str, expires_s: int) -> None:
    """Make a link with which anyone can read (GET), write (PUT) or delete (DELETE) s3://BUCKET/KEY.

    Nothing is sent to the store, so the object need not exist.
    """
    store, key = one_key(place, access)
    signer = UrlSigner(
        address=store.address,
        region=store.region,
        credentials=require_credentials(store),
        signed_at=datetime.now(timezone.utc),
        expires_s=expires_s,
    )
    url = signer.url(method, key, {})
    ends = store.credentials_expire_at()
    if ends is not None and (ends - signer.signed_at).total_seconds() < expires_s:
        console.warn(f"The keys are temporary: the link ends with them, at {ends:%Y-%m-%d %H:%M} UTC.")
    console.say(url, url=url, method=method, expires_s=expires_s)


@click.command("rm", short_help="Remove objects.")
@click.argument("place")
@click.option("--recursive", "-r", is_flag=True, help="Every object whose key begins with KEY.")
@click.option("--all-versions", is_flag=True, help="Former versions too: for good.")
@failures_option
@from_failures_option
@bucket_command(changes=True)
def rm_command(
    console: Console,
    access: Access,
    place: str,
    recursive: bool,
    all_versions: bool,
    failures_path: Path | None,
    from_failures: Path | None,
) -> int:
    """Remove s3://BUCKET/KEY. Where versions are kept, former ones stay unless --all-versions is given.

    With --from-failures, PLACE is s3://BUCKET or what the keys begin with.
    """
    store, prefix = bucket_and_key(place, access)
    if from_failures is not None:
        removing = Emptying(store, prefix, from_failures=from_failures)
        if not agreed(console, removing, "What the report names"):
            return EXIT_DONE
        return remove(console, removing, failures_path)
    if not prefix and recursive:
        raise Unusable("for a whole bucket:  s3portal bucket empty")
    if not recursive:
        store, prefix = one_key(place, access)
        if not all_versions:
            _require_object(store, prefix)
    if console.dry_run:
        count = sum(len(page) for page in _doomed(store, prefix, recursive, all_versions))
        console.say(f"Would remove {count:,} objects or versions.", would_remove=count)
        return EXIT_DONE
    if recursive:
        console.confirm(f"Remove every object whose key begins with {shown(prefix)} from {store.bucket}?")
    throttle = Throttle()
    with (
        FailureReport(failures_path) as failures,
        CountingProgress("removed", shown=not console.as_json) as progress,
    ):
        removed = 0
        if recursive and all_versions:
            found: Emptied = empty(store, failures, prefix=prefix)
            removed = found.versions + found.markers
        else:
            pages = _doomed(store, prefix, recursive, all_versions)
            for done, problems in side_by_side(
                lambda page: (len(page), delete_batch(store, page, throttle)), pages, 8
            ):
                removed += done - len(problems)
                progress.reached(removed)
                for problem in problems:
                    failures.add(problem)
    console.say(f"{removed:,} removed.", removed=removed, failed=failures.count)
    return told_of_failures(console, failures)


def bucket_and_key(place: str, access: Access) -> tuple[Store, str]:
    """Of ``s3://BUCKET/KEY``, whose key may be "". Raises Unusable."""
    bucket, _, key = place.removeprefix("s3://").partition("/")
    if not place.startswith("s3://") or not bucket:
        raise Unusable(f"{place}: write s3://BUCKET or s3://BUCKET/KEY")
    return access.store(bucket), key


def _require_object(store: Store, key: str) -> None:
    """Raises Refused where there is no such object: S3 itself removes what is not there without a word."""
    try:
        store.client().head_object(Bucket=store.bucket, Key=key)
    except ClientError as error:
        # Keys that may delete may not always read.
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
            raise Refused(
                f"there is no object s3://{store.bucket}/{shown(key)}",
                "to remove every object whose key begins so, give --recursive",
            ) from error
    except BotoCoreError:
        # The removal itself names the cause.
        return


def require_credentials(store: Store) -> Any:
    """The keys that sign. Raises Refused where there are none."""
    with asking(store, "s3:GetObject"):
        return store.credentials()


def one_key(place: str, access: Access) -> tuple[Store, str]:
    """The same, where a key has to be named."""
    store, key = bucket_and_key(place, access)
    if not key:
        raise Unusable(f"{place}: write s3://BUCKET/KEY")
    return store, key


def _doomed(store: Store, prefix: str, recursive: bool, all_versions: bool) -> Iterator[list[ListedVersion]]:
    if all_versions:
        for versions in version_pages(store, prefix):
            yield [each for each in versions if recursive or each.key == prefix]
    elif recursive:
        for page in object_pages(store, prefix):
            yield [ListedVersion(each.key, "") for each in page]
    else:
        yield [ListedVersion(prefix, "")]


def _list_buckets(console: Console, access: Access) -> None:
    store = access.store("any")
    with asking(store, "s3:ListAllMyBuckets", resource="*"):
        found = store.client().list_buckets()["Buckets"]
    for bucket in found:
        created = f"{bucket['CreationDate']:%Y-%m-%d %H:%M:%S}"
        console.say(f"{created}  {bucket['Name']}", bucket=bucket["Name"], created=created)


def _object_row(each: ListedObject) -> dict[str, Any]:
    modified = each.modified_at.isoformat(" ", "seconds")[:19]
    return {"key": each.key, "bytes": each.size_bytes, "modified": modified}


def _version_pages(store: Store, prefix: str) -> Iterator[list[dict[str, Any]]]:
    for page in version_pages(store, prefix):
        yield [
            {
                "key": each.key,
                "version_id": each.version_id,
                "bytes": None if each.is_marker else each.size_bytes,
                "latest": each.is_latest,
                "marker": each.is_marker,
            }
            for each in sorted(page, key=lambda version: (version.key, version.is_marker))
        ]


def _folder_pages(store: Store, prefix: str) -> Iterator[list[dict[str, Any]]]:
    for page in folder_pages(store, prefix):
        yield [{"key": folder} for folder in page.folders] + [_object_row(each) for each in page.objects]


def _listed(row: Mapping[str, Any]) -> str:
    """A row as people read it."""
    size = "" if row.get("bytes") is None else format_size(row["bytes"])
    version = f"  {row['version_id']}" if row.get("version_id") else ""
    marker = "  deleted" if row.get("marker") else ""
    return f"{row.get('modified', ''):19}  {size:>10}  {shown(row['key'])}{version}{marker}"
