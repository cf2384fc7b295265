"""``s3portal bucket policy``: who may do what."""

from pathlib import Path
from typing import Any

import click

from s3portal.buckets.access import Access
from s3portal.buckets.commands.console import Console
from s3portal.buckets.commands.files import file_argument, text_of
from s3portal.buckets.commands.options import bucket_argument, bucket_command, bucket_of, required_bucket
from s3portal.buckets.settings import policy
from s3portal.transfer import Store

_REFERER_WARNING = (
    "A Referer is what the reader's program claims, and easily forged: this stops hotlinking, not people."
    " Better: links that expire (a portal's own, or s3portal presign), or a CDN that alone may read the"
    " bucket (s3portal bucket policy set-cloudfront)."
)


@click.group("policy", short_help="Who may do what: the bucket policy.")
def policy_group() -> None:
    """Who may do what: the bucket policy."""


@policy_group.command("show")
@bucket_argument
@bucket_command()
def policy_show(console: Console, access: Access, bucket: str | None) -> None:
    """Show the bucket policy."""
    store = bucket_of(access, bucket)
    none = f"{store.bucket} has no policy: who may do what is up to the users' own policies."
    console.document_if_any("policy", policy.read_policy(store), none)


@policy_group.command("set")
@required_bucket
@file_argument
@bucket_command(changes=True)
def policy_set(console: Console, access: Access, bucket: str | None, file: Path) -> None:
    """Replace the whole policy by the one in FILE."""
    store = bucket_of(access, bucket)
    wanted = policy.parse_policy(text_of(file), str(file))
    console.carry_out([policy.policy_change(store, wanted, f"policy of {store.bucket}")])


@policy_group.command("set-referer", short_help="Let in visitors from these sites' pages.")
@bucket_argument
@click.option("--domain", "domains", multiple=True, required=True, help="A site's host; several are allowed.")
@click.option("--prefix", default="", help="Only for keys that begin with this.")
@bucket_command(changes=True)
def policy_set_referer(
    console: Console, access: Access, bucket: str | None, domains: tuple[str, ...], prefix: str
) -> None:
    """Let everyone who comes from a page of these sites read, over http and https.

    A Referer is easily forged: this stops hotlinking, not people. Other statements of the policy stay.
    """
    store = bucket_of(access, bucket)
    statement = policy.referer_statement(store.bucket, domains, prefix)
    console.warn(_REFERER_WARNING)
    _add(console, store, statement, f"let readers in who come from {', '.join(domains)}")


@policy_group.command("set-cloudfront", short_help="Let one CloudFront distribution read.")
@bucket_argument
@click.option("--distribution", metavar="ARN", required=True, help="The ARN of the distribution.")
@click.option("--prefix", default="", help="Only for keys that begin with this.")
@bucket_command(changes=True)
def policy_set_cloudfront(
    console: Console, access: Access, bucket: str | None, distribution: str, prefix: str
) -> None:
    """Let one CloudFront distribution that has an origin access control read. Other statements stay.

    The bucket stays private: Block Public Access can be on, and nobody gets past the distribution.
    """
    store = bucket_of(access, bucket)
    statement = policy.cloudfront_statement(store.bucket, distribution, prefix)
    _add(console, store, statement, f"let {distribution} read s3://{store.bucket}/{prefix}*")


@policy_group.command("set-public-read")
@bucket_argument
@click.option("--prefix", default="", help="Only for keys that begin with this.")
@bucket_command(changes=True)
def policy_set_public_read(console: Console, access: Access, bucket: str | None, prefix: str) -> None:
    """Let everyone read, without listing. Other statements of the policy stay."""
    store = bucket_of(access, bucket)
    statement = policy.public_read_statement(store.bucket, prefix)
    _add(console, store, statement, f"let EVERYONE read s3://{store.bucket}/{prefix}*")


def _add(console: Console, store: Store, statement: dict[str, Any], text: str) -> None:
    """Adds the statement to those that are there."""
    wanted = policy.with_statement(policy.read_policy(store), statement)
    console.carry_out([policy.policy_change(store, wanted, text)])


@policy_group.command("remove")
@bucket_argument
@click.option("--sid", default="", help="Only the statement with this Sid.")
@bucket_command(changes=True)
def policy_remove(console: Console, access: Access, bucket: str | None, sid: str) -> None:
    """Remove the policy, or one statement of it."""
    store = bucket_of(access, bucket)
    wanted = policy.without_statement(policy.read_policy(store), sid) if sid else None
    text = f"remove the statement {sid}" if sid else f"remove the policy of {store.bucket}"
    console.carry_out([policy.policy_change(store, wanted, text)])
