"""``s3portal bucket acl …``: what is public by its ACL, and making it private again."""

from collections.abc import Iterator
from pathlib import Path

import click

from s3portal.buckets import acls
from s3portal.buckets.access import Access
from s3portal.buckets.commands.console import Console, shown
from s3portal.buckets.commands.failing import from_failures_option, shard_option
from s3portal.buckets.commands.options import bucket_argument, bucket_command, bucket_of, required_bucket
from s3portal.buckets.commands.progress import CountingProgress
from s3portal.buckets.commands.removal import named_versions, told_of_failures
from s3portal.buckets.estimate import Adviser
from s3portal.buckets.failures import Failure, FailureReport
from s3portal.buckets.listing import ListedVersion
from s3portal.buckets.problems import EXIT_DONE, EXIT_SOME_FAILED, NotOffered
from s3portal.buckets.settings.acl import PUBLIC, read_bucket_acl, strangers_in
from s3portal.buckets.settings.change import Change
from s3portal.buckets.sharding import shard_of
from s3portal.transfer import Store

_OTHER_WAY = (
    "One request makes them all private:  s3portal bucket ownership enforce; several machines can share the"
    " work (--shard 1/4), and AWS does it itself by S3 Batch Operations:  s3portal bucket batch --help"
)
_prefix = click.option("--prefix", default="", help="Only keys that begin with this.")
_all_versions = click.option(
    "--all-versions", is_flag=True, help="Former versions too, which have their own ACLs."
)
_failed = click.option(
    "--failures", type=click.Path(dir_okay=False, path_type=Path), default=None,
    help="Write what failed to this file, one JSON object per line.",
)  # fmt: skip


@click.group("acl", short_help="What ACLs make public, and making it private.")
def acl_group() -> None:
    """What access control lists (ACLs) make public, and making it private."""


@acl_group.command("audit", short_help="Say what is public, and why.")
@bucket_argument
@_prefix
@_all_versions
@shard_option
@bucket_command()
def acl_audit(
    console: Console, access: Access, bucket: str | None, prefix: str, all_versions: bool, shard: str
) -> int:
    """Say what is public, and why: policy, ACLs, Block Public Access.

    Where the settings alone decide, no object's ACL is read. Exit code 1 where something is public.
    """
    store = bucket_of(access, bucket)
    rules = acls.acl_rules(store)
    public = False
    if rules.policy_is_public:
        public = True
        console.say(
            "The policy lets everyone in (s3portal bucket policy show): what it names is public, whatever the"
            " ACLs say.",
            public_by="policy",
        )
    if not rules.count:
        console.say(f"No object is public by its ACL: {rules.reason}.", acls="powerless", reason=rules.reason)
        return EXIT_SOME_FAILED if public else EXIT_DONE
    for grant in rules.bucket_grants:
        public |= grant.startswith(PUBLIC)
        console.say(f"The bucket's own ACL: {grant}.", public_by="bucket ACL", grant=grant)
    found_objects = acls.objects_of(store, prefix, all_versions=all_versions, shard=shard_of(shard))
    found = failed = 0
    with CountingProgress("ACLs read", shown=not console.as_json) as progress:
        for each in acls.object_acls(store, found_objects):
            progress.advance()
            if isinstance(each, Failure):
                failed += 1
                console.warn(f"{shown(each.key)}: {each.reason}")
            elif each.is_public:
                found += 1
                grants = ", ".join(each.grants)
                version = f" (version {each.version_id})" if each.version_id else ""
                console.say(
                    f"{shown(each.key)}{version}: {grants}",
                    public_by="ACL", key=each.key, version_id=each.version_id, grants=each.grants,
                )  # fmt: skip
    console.say(f"{found:,} objects are public by their own ACL.", public_objects=found, unread=failed)
    if found and not console.as_json:
        console.say(f"One request makes them private: s3portal bucket ownership enforce {store.bucket}")
    return EXIT_SOME_FAILED if public or found or failed else EXIT_DONE


@acl_group.command("reset")
@bucket_argument
@_prefix
@_all_versions
@click.option(
    "--report", type=click.Path(dir_okay=False, path_type=Path), default=None,
    help="Read each ACL first, and note in this new file what is taken away: acl undo gives it back.",
)  # fmt: skip
@click.option("--bucket-only", is_flag=True, help="Only the bucket's own ACL.")
@from_failures_option
@_failed
@shard_option
@bucket_command(changes=True)
def acl_reset(
    console: Console,
    access: Access,
    bucket: str | None,
    prefix: str,
    all_versions: bool,
    report: Path | None,
    bucket_only: bool,
    from_failures: Path | None,
    failures: Path | None,
    shard: str,
) -> int:
    """Make private the objects that their ACLs made public.

    Where ACLs are off there is nothing to do, and the command says so. If interrupted, the same
    command continues.
    """
    store = bucket_of(access, bucket)
    if bucket_only:
        before = strangers_in(read_bucket_acl(store))
        text = f"let no one in but the owner, by the ACL of the bucket {store.bucket} itself"
        console.carry_out([Change(text, before, [], lambda: acls.make_bucket_private(store))])
        return EXIT_DONE
    if acls.acls_are_off(store):
        reason = "Object Ownership is BucketOwnerEnforced, so ACLs are off"
        console.say(f"Nothing to do: {reason}.", changed=False, reason=reason)
        return EXIT_DONE
    if console.dry_run:
        console.say(
            f"Would make every object under s3://{store.bucket}/{prefix} private"
            f"{', former versions too' if all_versions else ''}. 'bucket acl audit' names the public ones,"
            " and 'bucket ownership enforce' does it in one request.",
            would_reset=f"s3://{store.bucket}/{prefix}",
        )
        return EXIT_DONE
    console.confirm(f"Make every object under s3://{store.bucket}/{prefix} private?")
    objects = (
        named_versions(from_failures, prefix, shard_of(shard))
        if from_failures
        else acls.objects_of(store, prefix, all_versions=all_versions, shard=shard_of(shard))
    )
    try:
        return _carried_out(console, failures, _resets(store, objects, report), read_from=from_failures)
    except NotOffered as missing:
        console.say(f"Nothing to do: {missing.text}.", changed=False, reason=missing.text)
        return EXIT_DONE


@acl_group.command("undo")
@required_bucket
@click.argument("report", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_failed
@bucket_command(changes=True)
def acl_undo(console: Console, access: Access, bucket: str, report: Path, failures: Path | None) -> int:
    """Give objects back the ACLs that a reset noted in REPORT."""
    store = bucket_of(access, bucket)
    former = list(acls.read_acl_report(report))
    if console.dry_run:
        console.say(f"Would give {len(former):,} objects their ACLs back.", would_restore=len(former))
        return EXIT_DONE
    console.confirm(
        f"Give {len(former):,} objects their ACLs back? Those that were public will be public again."
    )
    return _carried_out(console, failures, acls.restore(store, former))


def _resets(store: Store, objects: Iterator[ListedVersion], report: Path | None) -> Iterator[Failure | None]:
    if report is None:
        yield from acls.make_private(store, objects)
        return
    noted = acls.AclReport(report)
    try:
        yield from acls.reset_noting(store, objects, noted.add)
    finally:
        noted.close()


def _carried_out(
    console: Console, path: Path | None, results: Iterator[Failure | None], read_from: Path | None = None
) -> int:
    done = 0
    with (
        FailureReport(path, read_from=read_from) as failures,
        CountingProgress("ACLs", shown=not console.as_json) as progress,
    ):
        adviser = Adviser(console.warn, _OTHER_WAY)
        for number, failure in enumerate(results, 1):
            progress.advance()
            adviser.reached(number)
            if failure is None:
                done += 1
            else:
                failures.add(failure)
    console.say(f"{done:,} objects done.", done=done, failed=failures.count)
    return told_of_failures(console, failures, "--failures")
