"""``s3portal bucket batch …``: what AWS needs for S3 Batch Operations."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from botocore.exceptions import ClientError

from s3portal.buckets import batch_jobs
from s3portal.buckets.access import Access
from s3portal.buckets.batch_jobs import ManifestPlace, ReportPlace
from s3portal.buckets.batch_manifest import Written, manifest_objects, read_line, write_manifest
from s3portal.buckets.commands.console import Console
from s3portal.buckets.commands.failing import shard_option
from s3portal.buckets.commands.new_objects import CANNED_ACLS, named_values, retention_of
from s3portal.buckets.commands.objects import bucket_and_key, one_key
from s3portal.buckets.commands.options import bucket_command, bucket_of, required_bucket
from s3portal.buckets.commands.progress import CountingProgress
from s3portal.buckets.direct import direct
from s3portal.buckets.estimate import MANY_OBJECTS, duration
from s3portal.buckets.problems import EXIT_DONE, Refused, Unusable, asking
from s3portal.buckets.sharding import shard_of
from s3portal.buckets.sync.local_files import written_beside
from s3portal.transfer import format_size

_OPERATIONS = ("copy", "tags", "delete-tags", "acl", "restore", "retention", "legal-hold")
#: What one machine copies or changes in a second, where the store allows it (docs/buckets.md).
_PER_SECOND = 2000


@click.group("batch", short_help="Manifests and jobs for S3 Batch Operations.")
def batch_group() -> None:
    """Manifests and jobs for S3 Batch Operations, by which AWS copies, tags, restores or locks hundreds of
    millions of objects itself."""


@batch_group.command("manifest", short_help="Write which objects a job takes.")
@required_bucket
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--prefix", default="", help="Only keys that begin with this.")
@click.option("--version-ids", is_flag=True, help="Name the versions that are current now.")
@click.option("--all-versions", is_flag=True, help="Name former versions, too.")
@shard_option
@bucket_command()
def manifest_command(
    console: Console,
    access: Access,
    bucket: str,
    file: Path,
    prefix: str,
    version_ids: bool,
    all_versions: bool,
    shard: str,
) -> int:
    """Write the objects of a bucket into FILE, as jobs take them: CSV, keys URL-encoded.

    Without version ids, a job works at what is current when it comes to an object.
    """
    store = bucket_of(access, bucket)
    objects = manifest_objects(
        store, prefix, version_ids=version_ids, all_versions=all_versions, shard=shard_of(shard)
    )
    written = Written()
    with (
        CountingProgress("objects", shown=not console.as_json) as progress,
        written_beside(file, time.time()) as manifest,
    ):
        for written in write_manifest(store.bucket, objects, manifest):
            progress.reached(written.objects)
        if not written.objects:
            raise Refused(f"there is nothing in s3://{store.bucket}/{prefix}, so no manifest was written")
    console.say(
        f"{written.objects:,} objects ({format_size(written.size_bytes)}) are in {file}."
        f" {_better_way(written.objects)}",
        objects=written.objects, bytes=written.size_bytes, too_large_to_copy=written.too_large,
    )  # fmt: skip
    if written.too_large:
        console.warn(
            f"{written.too_large:,} of them are larger than 5 GiB, which no job copies: s3portal sync does."
        )
    return EXIT_DONE


@batch_group.command("job", short_help="Write the request that makes a job.")
@required_bucket
@click.argument("operation", type=click.Choice(_OPERATIONS))
@click.option("--manifest", required=True, metavar="S3://…", help="Where the manifest has been put.")
@click.option("--account", required=True, metavar="NUMBER", help="The AWS account that runs the job.")
@click.option("--batch-role", required=True, metavar="ARN", help="The role that the job takes.")
@click.option(
    "--report-to", default="", metavar="S3://…", help="Where the job writes what failed; nowhere by default."
)
@click.option("--report-all", is_flag=True, help="What went well, too.")
@click.option(
    "--to", "target", default="", metavar="S3://…", help="copy: the bucket, and what keys begin with."
)
@click.option("--storage-class", default="", metavar="NAME", help="copy: the storage class.")
@click.option("--tags", multiple=True, metavar="NAME=VALUE", help="copy, tags: a tag.")
@click.option("--acl", type=click.Choice(CANNED_ACLS), default=None, help="copy, acl: a canned ACL.")
@click.option("--days", type=click.IntRange(1), default=7, show_default=True, help="restore: for how long.")
@click.option(
    "--tier", type=click.Choice(["BULK", "STANDARD"]), default="BULK", show_default=True, help="restore: how."
)
@click.option("--retention", default="", metavar="MODE:UNTIL", help="retention: as for sync.")
@click.option("--off", is_flag=True, help="legal-hold: lift it.")
@click.option("--priority", type=click.IntRange(0), default=10, show_default=True)
@bucket_command()
def job_command(
    console: Console,
    access: Access,
    bucket: str,
    operation: str,
    manifest: str,
    account: str,
    batch_role: str,
    report_to: str,
    report_all: bool,
    target: str,
    storage_class: str,
    tags: tuple[str, ...],
    acl: str | None,
    days: int,
    tier: str,
    retention: str,
    off: bool,
    priority: int,
) -> int:
    """Write the request that makes a job, for:  aws s3control create-job --cli-input-json file://job.json

    Nothing is started: AWS asks for the job to be confirmed, too.
    """
    store = bucket_of(access, bucket)
    named = dict(named_values(tags, "--tags"))
    partition = batch_role.split(":")[1] if batch_role.count(":") else "aws"
    if operation == "copy":
        if not target:
            raise Unusable("copy: say where to, with --to s3://BUCKET/PREFIX")
        to, prefix = bucket_and_key(target, access)
        wanted = batch_jobs.copying(
            to.bucket, prefix, storage_class=storage_class, acl=acl or "", tags=named, partition=partition
        )
    else:
        wanted = _changing(operation, named, acl, days, tier, retention, off)
    report = None
    if report_to:
        to, prefix = bucket_and_key(report_to, access)
        report = ReportPlace(to.bucket, prefix, failures_only=not report_all)
    request = batch_jobs.job_request(
        wanted,
        _manifest(access, manifest, store.bucket),
        account=account,
        role=batch_role,
        report=report,
        description=f"s3portal: {operation} of s3://{store.bucket}",
        priority=priority,
    )
    click.echo(json.dumps(request) if console.as_json else json.dumps(request, indent=2))
    return EXIT_DONE


def _changing(
    operation: str, tags: Mapping[str, str], acl: str | None, days: int, tier: str, retention: str, off: bool
) -> dict[str, Any]:
    if operation == "tags":
        if not tags:
            raise Unusable("tags: name them with --tags NAME=VALUE; delete-tags takes all away")
        return batch_jobs.tagging(tags)
    if operation == "delete-tags":
        return batch_jobs.tagging({})
    if operation == "acl":
        if not acl:
            raise Unusable("acl: name it with --acl, such as --acl private")
        return batch_jobs.acl_setting(acl)
    if operation == "restore":
        return batch_jobs.restoring(days, tier)
    if operation == "retention":
        mode, until = retention_of(retention)
        return batch_jobs.retaining(mode, until)
    return batch_jobs.holding(on=not off)


def _manifest(access: Access, place: str, bucket: str) -> ManifestPlace:
    """The manifest as it has been put, looked at. Raises Unusable, Refused."""
    store, key = one_key(place, access)
    with asking(store, "s3:GetObject", resource=f"arn:aws:s3:::{store.bucket}/{key}"):
        try:
            answer = direct(store).call("GetObject", "GET", key, headers={"range": "bytes=0-4095"})
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
                raise Refused(
                    f"there is no manifest {place}", f"put it there:  s3portal cp manifest.csv {place}"
                ) from error
            raise
    try:
        of, _, version_id = read_line(answer.body.decode("ascii", "replace").split("\n", 1)[0])
    except ValueError as error:
        raise Unusable(f"--manifest {place}: {error}") from error
    if of != bucket:
        raise Unusable(f"--manifest {place}: is about {of}, and not about {bucket}")
    return ManifestPlace(store.bucket, key, answer.headers["etag"].strip('"'), bool(version_id))


def _better_way(objects: int) -> str:
    took = duration(objects / _PER_SECOND)
    if objects < MANY_OBJECTS:
        return f"For so few, s3portal's own commands are the simpler way: about {took} on one machine."
    return (
        f"One machine would be busy for about {took}: a job, or several machines with --shard, are the better"
        " way."
    )
