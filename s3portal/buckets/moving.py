"""Moving a bucket to another name: its settings, its objects, a comparison, and only then its end.

S3 cannot rename a bucket. Every step looks at what is there, so a move that was interrupted is continued by
the same command.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from s3portal.buckets.creating import has_object_lock
from s3portal.buckets.listing import version_pages
from s3portal.buckets.problems import NotOffered, Unusable
from s3portal.buckets.settings import (
    cors,
    encryption,
    lifecycle,
    ownership,
    policy,
    public_access,
    versioning,
)
from s3portal.buckets.settings.change import Change
from s3portal.buckets.settings.reading import read_setting
from s3portal.transfer import Store


def settings_changes(source: Store, target: Store) -> Iterator[Change]:
    """What the target needs to be set up like the source, in an order in which S3 accepts it. A policy's
    ARNs of the source become those of the target. Raises Refused."""
    makers: tuple[Callable[[], Change | None], ...] = (
        lambda: _ownership(source, target),
        lambda: _block(source, target),
        lambda: _versioning(source, target),
        lambda: _encryption(source, target),
        lambda: _cors(source, target),
        lambda: _lifecycle(source, target),
        lambda: _policy(source, target),
        lambda: _tags(source, target),
    )
    for make in makers:
        try:
            change = make()
        except NotOffered:
            continue
        if change is not None and change.is_needed:
            yield change


def keeps_locked(store: Store) -> bool:
    """Whether objects may be locked, which no copy takes along. Raises Refused."""
    try:
        return has_object_lock(store)
    except NotOffered:
        return False


def former_versions(store: Store) -> int:
    """How many versions and markers there are that are not current: a sync does not take them along."""
    return sum(not each.is_latest or each.is_marker for page in version_pages(store) for each in page)


def switch_ckan(config: Path, source: str, target: str) -> Change:
    """The change of ``s3_bucket`` in a CKAN's .ini file. Raises Unusable where it is not the source's."""
    text = config.read_text(encoding="utf-8")
    line = re.compile(
        rf"^(\s*ckanext\.s3multipart\.s3_bucket\s*[=:]\s*){re.escape(source)}(\s*)$", re.MULTILINE
    )
    if len(line.findall(text)) != 1:
        raise Unusable(f"--switch {config}: ckanext.s3multipart.s3_bucket = {source} is not there, or twice")
    new = line.sub(rf"\g<1>{target}\g<2>", text)

    def write() -> None:
        beside = config.with_name(f"{config.name}.new")
        beside.write_text(new, encoding="utf-8")
        beside.chmod(config.stat().st_mode)
        beside.replace(config)

    found, wanted = (next(each for each in t.splitlines() if "s3_bucket" in each) for t in (text, new))
    return Change(f"{config}: the portal uses {target}", found.strip(), wanted.strip(), write)


def _ownership(source: Store, target: Store) -> Change | None:
    if ownership.read_ownership(source) != ownership.ENFORCED:
        return None
    return ownership.enforcing_change(target)


def _block(source: Store, target: Store) -> Change | None:
    found = public_access.read_block(source)
    if found is None:
        return None
    on = [name for name, is_on in found.items() if is_on]
    return public_access.block_change(target, on=on, off=[name for name in found if name not in on])


def _versioning(source: Store, target: Store) -> Change | None:
    if versioning.read_versioning(source) != versioning.ON:
        return None
    return versioning.versioning_change(target, on=True)


def _encryption(source: Store, target: Store) -> Change | None:
    rules = encryption.read_encryption(source)
    return encryption.encryption_change(target, rules[0]) if rules else None


def _cors(source: Store, target: Store) -> Change | None:
    rules = cors.read_cors(source)
    return cors.cors_change(target, rules, f"CORS rules of {target.bucket}") if rules else None


def _lifecycle(source: Store, target: Store) -> Change | None:
    rules = lifecycle.read_lifecycle(source)
    return lifecycle.lifecycle_change(target, rules, f"lifecycle rules of {target.bucket}") if rules else None


def _policy(source: Store, target: Store) -> Change | None:
    found = policy.read_policy(source)
    if found is None:
        return None
    # An ARN of the bucket itself or of what is in it, and not of one whose name only begins so.
    arn = re.compile(rf"(arn:[a-z-]+:s3:::){re.escape(source.bucket)}(?=[\"/*])")
    wanted = json.loads(arn.sub(rf"\g<1>{target.bucket}", json.dumps(found)))
    return policy.policy_change(target, wanted, f"policy of {target.bucket}")


def _tags(source: Store, target: Store) -> Change | None:
    before, found = _read_tags(target), _read_tags(source)

    def write() -> None:
        client: Any = target.client()
        client.put_bucket_tagging(Bucket=target.bucket, Tagging={"TagSet": found})

    return Change(f"tags of {target.bucket}", before, found, write) if found else None


def _read_tags(store: Store) -> list[dict[str, str]]:
    client = store.client()
    found = read_setting(
        store,
        "s3:GetBucketTagging",
        "tags of buckets",
        lambda: client.get_bucket_tagging(Bucket=store.bucket)["TagSet"],
        ("NoSuchTagSet",),
    )
    return [{"Key": tag["Key"], "Value": tag["Value"]} for tag in found or ()]
