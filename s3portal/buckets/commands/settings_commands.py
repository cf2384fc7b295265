"""Commands for the settings of a bucket: CORS, versioning, lifecycle, ownership, public access, encryption.

Its policy has a file of its own.
"""

from pathlib import Path
from typing import Any

import click

from s3portal.buckets.access import Access
from s3portal.buckets.commands.console import Console
from s3portal.buckets.commands.files import file_argument, rules_of
from s3portal.buckets.commands.options import bucket_argument, bucket_command, bucket_of, required_bucket
from s3portal.buckets.commands.policy_commands import policy_group
from s3portal.buckets.problems import NotOffered, Unusable
from s3portal.buckets.settings import (
    cors,
    encryption,
    lifecycle,
    ownership,
    public_access,
    versioning,
)


@click.group("cors", short_help="Which sites' pages may talk to the bucket.")
def cors_group() -> None:
    """Which sites' pages may talk to the bucket."""


@cors_group.command("show")
@bucket_argument
@bucket_command()
def cors_show(console: Console, access: Access, bucket: str | None) -> None:
    """Show the CORS rules."""
    console.document("CORSRules", cors.read_cors(bucket_of(access, bucket)))


@cors_group.command("set")
@bucket_argument
@click.option(
    "--origin", "origins", multiple=True, help="A portal whose pages upload: https://data.example.org"
)
@click.option("--public-read", is_flag=True, help="Let pages of every site read, by ranges too.")
@click.option(
    "--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Replace all rules."
)
@bucket_command(changes=True)
def cors_set(
    console: Console,
    access: Access,
    bucket: str | None,
    origins: tuple[str, ...],
    public_read: bool,
    file: Path | None,
) -> None:
    """Let a portal's pages upload, or every page read. Other rules stay."""
    store = bucket_of(access, bucket)
    if not (origins or public_read or file):
        raise Unusable("say whom to let in: --origin, --public-read or --file")
    rules = rules_of(file, "CORSRules") if file else cors.read_cors(store)
    wanted = cors.with_rules(rules, origins, public_read=public_read)
    console.carry_out([cors.cors_change(store, wanted, f"CORS rules of {store.bucket}")])


@cors_group.command("remove")
@bucket_argument
@click.option("--id", "rule_id", default="", help="Only the rule with this ID.")
@bucket_command(changes=True)
def cors_remove(console: Console, access: Access, bucket: str | None, rule_id: str) -> None:
    """Remove the CORS rules, or one of them."""
    store = bucket_of(access, bucket)
    wanted = _without(cors.read_cors(store), rule_id)
    console.carry_out([cors.cors_change(store, wanted, f"remove CORS rules of {store.bucket}")])


def _without(rules: list[dict[str, Any]], rule_id: str) -> list[dict[str, Any]]:
    if not rule_id:
        return []
    left = [rule for rule in rules if rule.get("ID") != rule_id]
    if len(left) == len(rules):
        there = ", ".join(repr(rule["ID"]) for rule in rules if rule.get("ID")) or "none with an ID"
        raise Unusable(f"--id {rule_id}: there is no such rule; there are {there}")
    return left


@click.group("versioning", short_help="Whether former versions of objects are kept.")
def versioning_group() -> None:
    """Whether former versions of objects are kept."""


@versioning_group.command("on")
@bucket_argument
@click.option(
    "--keep-days", type=click.IntRange(1), default=None,
    help="Remove former versions after this many days, by a lifecycle rule.",
)  # fmt: skip
@bucket_command(changes=True)
def versioning_on(console: Console, access: Access, bucket: str | None, keep_days: int | None) -> None:
    """Keep former versions. They cost as much as current ones: --keep-days limits that."""
    store = bucket_of(access, bucket)
    changes = [versioning.versioning_change(store, on=True)]
    if keep_days:
        rules = lifecycle.with_versions_rule(lifecycle.read_lifecycle(store), keep_days)
        text = f"remove former versions after {keep_days} days"
        changes.append(lifecycle.lifecycle_change(store, rules, text))
    console.carry_out(changes)


@versioning_group.command("off")
@bucket_argument
@bucket_command(changes=True)
def versioning_off(console: Console, access: Access, bucket: str | None) -> None:
    """Keep no new versions (S3 calls it suspended). Those that are there stay."""
    console.carry_out([versioning.versioning_change(bucket_of(access, bucket), on=False)])


@versioning_group.command("show")
@bucket_argument
@bucket_command()
def versioning_show(console: Console, access: Access, bucket: str | None) -> None:
    """Say whether former versions are kept."""
    store = bucket_of(access, bucket)
    found = versioning.read_versioning(store)
    console.say(f"Versioning of {store.bucket}: {found}", versioning=found)


@click.group("lifecycle", short_help="What the store removes automatically.")
def lifecycle_group() -> None:
    """What the store removes automatically."""


@lifecycle_group.command("show", short_help="Show the lifecycle rules.")
@bucket_argument
@bucket_command()
def lifecycle_show(console: Console, access: Access, bucket: str | None) -> None:
    """Show the lifecycle rules, and which of them remove current files."""
    rules = lifecycle.read_lifecycle(bucket_of(access, bucket))
    console.document("Rules", rules)
    for danger in lifecycle.dangers(rules):
        console.warn(f"Note: {danger}.")


@lifecycle_group.command("set")
@required_bucket
@file_argument
@bucket_command(changes=True)
def lifecycle_set(console: Console, access: Access, bucket: str | None, file: Path) -> None:
    """Replace all rules by those in FILE."""
    store = bucket_of(access, bucket)
    rules = rules_of(file, "Rules")
    for danger in lifecycle.dangers(rules):
        console.warn(f"Note: {danger}.")
    console.carry_out([lifecycle.lifecycle_change(store, rules, f"lifecycle rules of {store.bucket}")])


@lifecycle_group.command("recommended")
@bucket_argument
@click.option(
    "--abort-days", type=click.IntRange(1), default=lifecycle.ABORT_DAYS, show_default=True,
    help="Remove what is left of unfinished uploads after this many days.",
)  # fmt: skip
@click.option(
    "--keep-days", type=click.IntRange(1), default=None, help="Remove former versions after this many days."
)
@click.option("--prefix", default="", help="Only unfinished uploads to keys that begin with this.")
@bucket_command(changes=True)
def lifecycle_recommended(
    console: Console,
    access: Access,
    bucket: str | None,
    abort_days: int,
    keep_days: int | None,
    prefix: str,
) -> None:
    """Add the rules that every bucket should have. Other rules stay."""
    store = bucket_of(access, bucket)
    console.carry_out([lifecycle.recommended_change(store, abort_days, keep_days, prefix=prefix)])


@lifecycle_group.command("remove")
@bucket_argument
@click.option("--id", "rule_id", default="", help="Only the rule with this ID.")
@bucket_command(changes=True)
def lifecycle_remove(console: Console, access: Access, bucket: str | None, rule_id: str) -> None:
    """Remove the lifecycle rules, or one of them."""
    store = bucket_of(access, bucket)
    wanted = _without(lifecycle.read_lifecycle(store), rule_id)
    console.carry_out(
        [lifecycle.lifecycle_change(store, wanted, f"remove lifecycle rules of {store.bucket}")]
    )


@click.group("ownership", short_help="Whether ACLs count at all.")
def ownership_group() -> None:
    """Whether ACLs count at all."""


@ownership_group.command("show")
@bucket_argument
@bucket_command()
def ownership_show(console: Console, access: Access, bucket: str | None) -> None:
    """Say who owns the objects, and whether ACLs count."""
    store = bucket_of(access, bucket)
    try:
        found = ownership.find_ownership(store)
    except NotOffered:
        text = "this store has no Object Ownership, so ACLs count as far as it has them"
        console.say(f"{store.bucket}: {text}", ownership=None)
        return
    acls = "ACLs are off" if found == ownership.ENFORCED else "ACLs count"
    console.say(f"Object Ownership of {store.bucket}: {found} ({acls})", ownership=found)


@ownership_group.command("enforce", short_help="Turn ACLs off.")
@bucket_argument
@bucket_command(changes=True)
def ownership_enforce(console: Console, access: Access, bucket: str | None) -> None:
    """Turn ACLs off: one request makes private all objects that only their ACL made public."""
    console.carry_out([ownership.enforcing_change(bucket_of(access, bucket))])


@click.group("public-access", short_help="Block Public Access.")
def public_access_group() -> None:
    """Block Public Access: a lock above policies and ACLs."""


@public_access_group.command("show")
@bucket_argument
@bucket_command()
def public_access_show(console: Console, access: Access, bucket: str | None) -> None:
    """Show the four switches."""
    store = bucket_of(access, bucket)
    none = f"{store.bucket} has no Block Public Access."
    console.document_if_any("PublicAccessBlockConfiguration", public_access.read_block(store), none)


@public_access_group.command("block")
@bucket_argument
@bucket_command(changes=True)
def public_access_block(console: Console, access: Access, bucket: str | None) -> None:
    """Let nothing be public, whatever policies and ACLs say."""
    console.carry_out([public_access.block_change(bucket_of(access, bucket), on=public_access.ALL)])


@public_access_group.command("unblock")
@bucket_argument
@click.option("--policies", is_flag=True, help="Let the bucket policy make objects public.")
@click.option("--acls", is_flag=True, help="Let ACLs make objects public.")
@bucket_command(changes=True)
def public_access_unblock(
    console: Console, access: Access, bucket: str | None, policies: bool, acls: bool
) -> None:
    """Let policies or ACLs make objects public."""
    off = (public_access.POLICY_BLOCKS if policies else ()) + (public_access.ACL_BLOCKS if acls else ())
    if not off:
        raise Unusable("say what may make objects public: --policies, --acls or both")
    console.carry_out([public_access.block_change(bucket_of(access, bucket), off=off)])


@click.group("encryption", short_help="How new objects are encrypted.")
def encryption_group() -> None:
    """How objects are encrypted if whoever writes them does not say."""


@encryption_group.command("show")
@bucket_argument
@bucket_command()
def encryption_show(console: Console, access: Access, bucket: str | None) -> None:
    """Show how new objects are encrypted."""
    console.document("Rules", encryption.read_encryption(bucket_of(access, bucket)))


@encryption_group.command("set", short_help="Choose how new objects are encrypted.")
@required_bucket
@click.argument("how", metavar="AES256|aws:kms")
@click.option("--key", default="", help="The id or ARN of the KMS key.")
@bucket_command(changes=True)
def encryption_set(console: Console, access: Access, bucket: str | None, how: str, key: str) -> None:
    """Encrypt new objects with the store's own keys (AES256), or with a KMS key."""
    rule = encryption.encryption_rule(how, key)
    console.carry_out([encryption.encryption_change(bucket_of(access, bucket), rule)])


GROUPS = (
    policy_group,
    cors_group,
    versioning_group,
    lifecycle_group,
    ownership_group,
    public_access_group,
    encryption_group,
)
