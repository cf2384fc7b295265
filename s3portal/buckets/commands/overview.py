"""Commands about a bucket as a whole: create, show, doctor, usage, its unfinished uploads."""

import dataclasses
import json
import sys
from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any

import click

from s3portal.buckets import creating, listing, overview
from s3portal.buckets.access import Access
from s3portal.buckets.cases import case_of_bucket
from s3portal.buckets.commands.console import Console
from s3portal.buckets.commands.options import bucket_argument, bucket_command, bucket_of
from s3portal.buckets.commands.progress import CountingProgress
from s3portal.buckets.examining import examine_bucket
from s3portal.buckets.parallel import side_by_side
from s3portal.buckets.problems import EXIT_SOME_FAILED, asking
from s3portal.buckets.settings.change import Change
from s3portal.portal.findings import WRONG, report
from s3portal.transfer import ListedUpload, Store, abort_listed, format_size


@click.command("create", short_help="Make a private bucket, or add what one lacks.")
@bucket_argument
@click.option("--versioning", "with_versions", is_flag=True, help="Keep former versions.")
@click.option(
    "--keep-days", type=click.IntRange(1), default=None, help="Remove former versions after this many days."
)
@click.option(
    "--origin", "origins", multiple=True, help="A portal whose pages upload: https://data.example.org"
)
@click.option(
    "--object-lock", is_flag=True, help="Let objects be locked against deletion. This cannot be added later."
)
@bucket_command(changes=True)
def create_command(
    console: Console,
    access: Access,
    bucket: str | None,
    with_versions: bool,
    keep_days: int | None,
    origins: tuple[str, ...],
    object_lock: bool,
) -> None:
    """Make a bucket that is private, with ACLs off, and with a rule that removes unfinished uploads.

    A bucket that is there already gets what it lacks.
    """
    store = bucket_of(access, bucket)
    if console.dry_run:
        console.say(f"Would create {store.bucket}, or add what it lacks.", would_create=store.bucket)
        return
    made = creating.create_bucket(store, object_lock=object_lock)
    console.say(
        f"{'Created' if made else 'There already'}: {store.bucket}", bucket=store.bucket, created=made
    )
    changes = creating.set_up(store, versions=with_versions, keep_days=keep_days, origins=origins)
    for change in changes:
        console.say(f"Done: {change.text}", changed=True, change=change.text)


@click.command("show", short_help="All settings of a bucket.")
@bucket_argument
@bucket_command()
def show_command(console: Console, access: Access, bucket: str | None) -> None:
    """Show all settings of a bucket, and what the store does not have."""
    rows = list(overview.settings_of(bucket_of(access, bucket)))
    console.table(rows, {"setting": "Setting", "value": "Value"})


@click.command("doctor", short_help="Try a bucket, and say what is wrong.")
@bucket_argument
@click.option(
    "--site",
    metavar="URL",
    default="",
    help="A portal whose pages upload: tries what a browser does. A portal's --config names it, too.",
)
@click.option("--apply", is_flag=True, help="Fix what is safe to fix.")
@bucket_command()
def doctor_command(console: Console, access: Access, bucket: str | None, site: str, apply: bool) -> None:
    """Write, read and remove an object, look at every setting, and say how to fix what is wrong.

    Exit code 1 where something is wrong.
    """
    store = bucket_of(access, bucket)
    findings = list(examine_bucket(case_of_bucket(access, store, site), apply=apply))
    if console.as_json:
        for finding in findings:
            click.echo(json.dumps(dataclasses.asdict(finding)))
        sys.exit(EXIT_SOME_FAILED if any(finding.state == WRONG for finding in findings) else 0)
    report(findings, as_json=False)


@click.command("usage", short_help="How much a bucket holds.")
@bucket_argument
@click.option("--prefix", default="", help="Only keys that begin with this.")
@click.option("--versions", "with_versions", is_flag=True, help="Count former versions and markers, too.")
@click.option(
    "--depth",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="How many levels of folders are counted separately.",
)
@bucket_command()
def usage_command(
    console: Console, access: Access, bucket: str | None, prefix: str, with_versions: bool, depth: int
) -> None:
    """Count objects and bytes by folder, and what unfinished uploads hold."""
    store = bucket_of(access, bucket)
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    pages: Any = (
        listing.version_pages(store, prefix) if with_versions else listing.object_pages(store, prefix)
    )
    with CountingProgress("objects", shown=not console.as_json) as progress:
        for page in pages:
            for each in page:
                folder = overview.folder_of(each.key, prefix, depth)
                counts[folder] += 1
                sizes[folder] += each.size_bytes
            progress.advance(len(page))
    rows: list[dict[str, Any]] = [
        {"folder": folder or "(no folder)", "objects": counts[folder], "bytes": sizes[folder]}
        for folder in sorted(counts)
    ]
    held = [listing.held_bytes(store, upload) for upload in listing.unfinished_uploads(store, prefix)]
    rows.append({"folder": "(unfinished uploads)", "objects": len(held), "bytes": sum(held)})
    rows.append({"folder": "total", "objects": counts.total(), "bytes": sizes.total() + sum(held)})
    if not console.as_json:
        rows = [
            {**row, "objects": f"{row['objects']:,}", "bytes": format_size(int(row["bytes"]))} for row in rows
        ]
    console.table(rows, {"folder": "Folder", "objects": "Objects", "bytes": "Size"})


@click.group("uploads", short_help="Uploads that no one finished.")
def uploads_group() -> None:
    """Multipart uploads that no one finished: their parts cost as much as files, and listings hide them."""


def _older(store: Store, prefix: str, days: float) -> list[ListedUpload]:
    oldest = datetime.now(timezone.utc) - timedelta(days=days)
    return [each for each in listing.unfinished_uploads(store, prefix) if each.initiated_at <= oldest]


@uploads_group.command("list")
@bucket_argument
@click.option("--prefix", default="", help="Only keys that begin with this.")
@click.option(
    "--older-than", type=click.FloatRange(0), default=0, metavar="DAYS", help="Only those begun before."
)
@bucket_command()
def uploads_list(
    console: Console, access: Access, bucket: str | None, prefix: str, older_than: float
) -> None:
    """List unfinished uploads with their size."""
    store = bucket_of(access, bucket)
    rows = []
    for upload, held in _with_sizes(store, _older(store, prefix, older_than)):
        size: Any = held if console.as_json else format_size(held)
        rows.append(
            {
                "key": upload.key,
                "begun": f"{upload.initiated_at:%Y-%m-%d %H:%M}",
                "bytes": size,
                "upload_id": upload.s3_upload_id,
            }
        )
    if not rows and not console.as_json:
        console.say("There are no unfinished uploads.")
        return
    console.table(rows, {"begun": "Begun", "bytes": "Size", "key": "Key", "upload_id": "Upload id"})


@uploads_group.command("abort")
@bucket_argument
@click.option("--prefix", default="", help="Only keys that begin with this.")
@click.option(
    "--older-than", type=click.FloatRange(0), default=8, show_default=True, metavar="DAYS",
    help="Only those begun before then: newer ones may still be in progress.",
)  # fmt: skip
@bucket_command(changes=True)
def uploads_abort(
    console: Console, access: Access, bucket: str | None, prefix: str, older_than: float
) -> None:
    """Remove the parts of unfinished uploads."""
    store = bucket_of(access, bucket)
    found = _older(store, prefix, older_than)
    held = sum(size for _, size in _with_sizes(store, found))

    def abort() -> None:
        with asking(store, "s3:AbortMultipartUpload", resource=f"arn:aws:s3:::{store.bucket}/*"):
            for _ in side_by_side(lambda upload: abort_listed(store, upload), found):
                pass

    names = [f"{upload.key} ({upload.initiated_at:%Y-%m-%d %H:%M})" for upload in found]
    text = f"abort {len(found):,} unfinished uploads, which hold {format_size(held)}"
    console.carry_out([Change(text, names, [], abort)])


def _with_sizes(store: Store, uploads: list[ListedUpload]) -> list[tuple[ListedUpload, int]]:
    def size(upload: ListedUpload) -> tuple[ListedUpload, int]:
        return upload, listing.held_bytes(store, upload)

    return sorted(side_by_side(size, uploads), key=lambda pair: (pair[0].initiated_at, pair[0].key))
