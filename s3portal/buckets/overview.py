"""A bucket at a glance: all settings, and what a doctor finds of them beside what it tries."""

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from s3portal.buckets.problems import NotOffered, Refused, case_of, require_bucket
from s3portal.buckets.settings import (
    acl,
    cors,
    encryption,
    lifecycle,
    ownership,
    policy,
    public_access,
    versioning,
)
from s3portal.portal.doctor import examine_store
from s3portal.portal.findings import LOOK, OK, WRONG, Finding
from s3portal.transfer import Store

Made = TypeVar("Made")
#: As long as the portals keep uploads by default, and a day.
ABORT_DAYS = 8


def when_offered(make: Callable[[], Made]) -> Iterator[Made]:
    """What ``make`` makes, or nothing where the store does not have such a thing."""
    try:
        yield make()
    except NotOffered:
        return


def settings_of(store: Store) -> Iterator[dict[str, Any]]:
    """Each setting with its value in a line; what cannot be read says why.

    Raises Refused where there is no such bucket.
    """
    readers: dict[str, Callable[[], Any]] = {
        "region": lambda: store.region,
        "endpoint": lambda: store.settings.s3_endpoint or "AWS",
        "versioning": lambda: versioning.read_versioning(store),
        "object ownership": lambda: ownership.read_ownership(store),
        "block public access": lambda: _switches(public_access.read_block(store)),
        "policy": lambda: _policy(policy.read_policy(store)),
        "bucket ACL": lambda: ", ".join(acl.strangers_in(acl.read_bucket_acl(store))) or "the owner alone",
        "CORS": lambda: _rules(cors.read_cors(store)),
        "lifecycle": lambda: _rules(lifecycle.read_lifecycle(store)),
        "encryption": lambda: _encryption(encryption.read_encryption(store)),
    }
    require_bucket(store)
    for name, read in readers.items():
        try:
            value = read()
        except NotOffered:
            value = "not offered by this store"
        except Refused as refusal:
            value = f"not readable: {refusal.text}"
        yield {"setting": name, "value": value}


def examine(store: Store, site: str, *, apply: bool) -> Iterator[Finding]:
    """Everything the portals' doctor tries, then what the settings say. ``site`` is a portal whose pages
    upload, or ""."""
    case = case_of(store, origin=site, command=f"s3portal bucket doctor {store.bucket}")
    findings = list(examine_store(case, apply=apply))
    yield from findings
    # Of a store that cannot be reached, enough has been said.
    if any(finding.subject.startswith("bucket") and finding.state == WRONG for finding in findings):
        return
    for look in (_look_at_acls, _look_at_policy, _look_at_versions, _look_at_lifecycle):
        try:
            yield from look(store)
        except NotOffered as missing:
            yield Finding(store.bucket, look.__name__.removeprefix("_look_at_"), OK, missing.text)
        except Refused as refusal:
            subject = look.__name__.removeprefix("_look_at_")
            yield Finding(store.bucket, subject, LOOK, refusal.text, refusal.mend)


def folder_of(key: str, prefix: str, depth: int) -> str:
    """The first ``depth`` folders of a key below the prefix's own folder."""
    base = prefix[: prefix.rfind("/") + 1]
    parts = key[len(base) :].split("/")[:-1]
    return base + "".join(f"{part}/" for part in parts[:depth])


def _look_at_acls(store: Store) -> Iterator[Finding]:
    owned = ownership.read_ownership(store)
    if owned == ownership.ENFORCED:
        yield Finding(store.bucket, "ACLs", OK, "are off: only policies let anyone in")
        return
    grants = acl.strangers_in(acl.read_bucket_acl(store))
    if any(grant.startswith(acl.PUBLIC) for grant in grants):
        text = f"the bucket's own ACL is public: {', '.join(grants)}"
        yield Finding(
            store.bucket, "ACLs", WRONG, text, f"s3portal bucket acl reset {store.bucket} --bucket-only"
        )
    text = f"count here ({owned}), so each object may have been made public by its own"
    mend = f"s3portal bucket acl audit {store.bucket}; then s3portal bucket ownership enforce {store.bucket}"
    yield Finding(store.bucket, "ACLs", LOOK, text, mend)


def _look_at_policy(store: Store) -> Iterator[Finding]:
    found = policy.read_policy(store)
    if not policy.lets_strangers(found):
        yield Finding(store.bucket, "policy", OK, "lets no strangers in" if found else "there is none")
        return
    sids = [
        str(each.get("Sid", "(no Sid)")) for each in policy.statements(found) if policy.is_for_everyone(each)
    ]
    text = f"lets everyone in: {', '.join(sids)}"
    mend = f"s3portal bucket policy show {store.bucket}; if that is not meant: … policy remove --sid SID"
    yield Finding(store.bucket, "policy", LOOK, text, mend)


def _look_at_versions(store: Store) -> Iterator[Finding]:
    if versioning.read_versioning(store) != versioning.ON:
        text = "are not kept: what is overwritten or deleted by mistake is gone"
        mend = f"s3portal bucket versioning on {store.bucket} --keep-days 30"
        yield Finding(store.bucket, "versions", LOOK, text, mend)
        return
    rules = lifecycle.read_lifecycle(store)
    if any(rule.get("Status") == "Enabled" and "NoncurrentVersionExpiration" in rule for rule in rules):
        yield Finding(store.bucket, "versions", OK, "are kept for a time")
    else:
        text = "are kept for ever, and paid for"
        mend = f"s3portal bucket lifecycle recommended {store.bucket} --keep-days 30"
        yield Finding(store.bucket, "versions", LOOK, text, mend)


def _look_at_lifecycle(store: Store) -> Iterator[Finding]:
    rules = lifecycle.read_lifecycle(store)
    for danger in lifecycle.dangers(rules):
        yield Finding(store.bucket, "lifecycle", LOOK, danger, "see that this is meant")
    if not any("AbortIncompleteMultipartUpload" in rule for rule in rules):
        text = "what is left of unfinished uploads is kept for ever, and paid for"
        mend = f"s3portal bucket lifecycle recommended {store.bucket}"
        yield Finding(store.bucket, "lifecycle", LOOK, text, mend)


def _switches(block: dict[str, bool] | None) -> str:
    on = [name for name, value in (block or {}).items() if value]
    return "off" if not on else "all four on" if len(on) == len(public_access.ALL) else ", ".join(on)


def _policy(found: dict[str, Any] | None) -> str:
    if found is None:
        return "none"
    public = ", lets everyone in" if policy.lets_strangers(found) else ""
    return f"{len(policy.statements(found))} statements{public}"


def _rules(rules: list[dict[str, Any]]) -> str:
    names = [str(rule.get("ID") or json.dumps(rule, default=str)) for rule in rules]
    return "; ".join(names) or "none"


def _encryption(rules: list[dict[str, Any]]) -> str:
    defaults = [rule.get("ApplyServerSideEncryptionByDefault", {}) for rule in rules]
    return (
        ", ".join(
            " ".join(filter(None, (each.get("SSEAlgorithm", ""), each.get("KMSMasterKeyID", ""))))
            for each in defaults
        )
        or "none"
    )
