"""Lifecycle rules: what the store removes by itself. Source: S3 API Reference, LifecycleRule."""

import json
from typing import Any

from s3portal.buckets.problems import Refused, asking
from s3portal.buckets.settings.change import Change
from s3portal.buckets.settings.reading import read_setting
from s3portal.portal.doctor import days_of, threats, with_aborting_rule
from s3portal.transfer import Store, TransferSettings

Rule = dict[str, Any]
_WHAT = "lifecycle rules"
VERSIONS_RULE_ID = "s3portal: remove former versions"
#: As long as the portals keep uploads by default, and a day.
ABORT_DAYS = days_of(TransferSettings.upload_expires)
#: S3 API Reference, PutBucketLifecycleConfiguration.
MAX_RULES = 1000


def read_lifecycle(store: Store) -> list[Rule]:
    """The bucket's rules, none where it has none. Raises Refused, NotOffered."""
    client = store.client()
    found = read_setting(
        store,
        "s3:GetLifecycleConfiguration",
        _WHAT,
        lambda: client.get_bucket_lifecycle_configuration(Bucket=store.bucket)["Rules"],
        ("NoSuchLifecycleConfiguration",),
    )
    return [dict(rule) for rule in found or ()]


def recommended(
    rules: list[Rule], abort_days: int, noncurrent_days: int | None, prefix: str = ""
) -> list[Rule]:
    """The rules with ours among them: uploads under the prefix that no one finished, and former versions of
    that age, are removed. Other rules stay."""
    wanted = [dict(rule) for rule in with_aborting_rule(rules, prefix, abort_days)]
    if noncurrent_days is not None:
        wanted = with_versions_rule(wanted, noncurrent_days)
    return wanted


def recommended_change(
    store: Store, abort_days: int = ABORT_DAYS, noncurrent_days: int | None = None, *, prefix: str = ""
) -> Change:
    """The change to the recommended rules. Raises Refused, NotOffered."""
    wanted = recommended(read_lifecycle(store), abort_days, noncurrent_days, prefix)
    where = f"s3://{store.bucket}/{prefix}" if prefix else store.bucket
    return lifecycle_change(store, wanted, f"remove unfinished uploads of {where} after {abort_days} days")


def with_versions_rule(rules: list[Rule], days: int) -> list[Rule]:
    """The rules with the one that removes former versions after ``days``, and markers of deletion that have
    nothing left to hide."""
    ours: Rule = {
        "ID": VERSIONS_RULE_ID,
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": days},
        "Expiration": {"ExpiredObjectDeleteMarker": True},
    }
    return [*(rule for rule in rules if rule.get("ID") != VERSIONS_RULE_ID), ours]


def lifecycle_change(store: Store, wanted: list[Rule], text: str) -> Change:
    """The change to these rules; none remove the setting. Raises Refused, NotOffered."""
    if len(wanted) > MAX_RULES:
        raise Refused(f"these are {len(wanted):,} lifecycle rules, and S3 allows {MAX_RULES:,}")
    before = read_lifecycle(store)
    # Their order means nothing, and ours are put at the end.
    after = before if _in_order(before) == _in_order(wanted) else wanted
    return Change(text, before, after, lambda: _write(store, wanted))


def dangers(rules: list[Rule], prefix: str = "") -> list[str]:
    """What the rules do to files that should stay: a sentence each."""
    return [
        f"the rule “{threat.rule_id}” {threat.what}" if threat.rule_id else f"a rule {threat.what}"
        for threat in threats(rules, prefix)
    ]


def _in_order(rules: list[Rule]) -> list[str]:
    return sorted(json.dumps(_with_filter(rule), sort_keys=True, default=str) for rule in rules)


def _with_filter(rule: Rule) -> Rule:
    """Ceph RGW gives a filter back as the prefix that rules had before there were filters."""
    if "Prefix" not in rule or rule.get("Filter"):
        return rule
    return {
        **{name: value for name, value in rule.items() if name != "Prefix"},
        "Filter": {"Prefix": rule["Prefix"]},
    }


def _write(store: Store, rules: list[Rule]) -> None:
    client = store.client()
    if not rules:
        with asking(store, "s3:PutLifecycleConfiguration", what=_WHAT):
            client.delete_bucket_lifecycle(Bucket=store.bucket)
        return
    document: Any = {"Rules": rules}
    with asking(store, "s3:PutLifecycleConfiguration", what=_WHAT):
        client.put_bucket_lifecycle_configuration(Bucket=store.bucket, LifecycleConfiguration=document)
