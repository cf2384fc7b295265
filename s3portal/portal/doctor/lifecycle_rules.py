"""What a bucket's lifecycle rules do to a portal's files. Pure.

Source: S3 API Reference, "LifecycleRule", and S3 User Guide, "Lifecycle configuration elements".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Rule = Mapping[str, Any]
RULE_ID = "s3portal: abort unfinished uploads"
#: The name of the same rule in earlier documentation, which administrators copied.
_FORMER_RULE_ID = "s3portal-unfinished-uploads"
_MAX_ID_CHARACTERS = 255
_DAY_S = 24 * 3600
#: Storage classes whose objects have to be restored before they can be read.
_COLD = frozenset({"GLACIER", "DEEP_ARCHIVE"})


def days_of(upload_expires_s: int) -> int:
    """After how many days a rule may abort uploads: a day more than the portal keeps them."""
    return -(-upload_expires_s // _DAY_S) + 1


def aborting_rule(prefix: str, days: int) -> dict[str, Any]:
    """The rule that removes the parts of uploads under the prefix that no one finished. Portals that share a
    bucket have a rule each."""
    return {
        "ID": f"{RULE_ID} under {prefix}"[:_MAX_ID_CHARACTERS] if prefix else RULE_ID,
        "Status": "Enabled",
        "Filter": {"Prefix": prefix},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": days},
    }


def with_aborting_rule(rules: Sequence[Rule], prefix: str, days: int) -> list[Rule]:
    """The rules with ours among them, which replaces one that we wrote before for the same prefix."""
    ours = aborting_rule(prefix, days)
    return [*(rule for rule in rules if not _is_ours(rule, ours["ID"], prefix)), ours]


def _is_ours(rule: Rule, own_id: str, prefix: str) -> bool:
    if rule.get("ID") == own_id:
        return True
    return rule.get("ID") in (RULE_ID, _FORMER_RULE_ID) and prefix_of(rule) == prefix


def abort_days(rules: Sequence[Rule], prefix: str) -> int | None:
    """After how many days unfinished uploads under the prefix are aborted; None: never."""
    days = [
        rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]
        for rule in rules
        # S3 takes no tags and no sizes with this action: an upload has none.
        if _is_enabled(rule) and "AbortIncompleteMultipartUpload" in rule and covers(rule, prefix)
    ]
    return min(days, default=None)


@dataclass(frozen=True)
class Threat:
    """A rule that takes published files away. ``rule_id`` is its name, or ""."""

    rule_id: str
    what: str


def threats(rules: Sequence[Rule], prefix: str) -> Iterator[Threat]:
    """The rules that remove what is under the prefix, or make it unreadable. Rules for tagged objects are for
    others: a portal's have no tags."""
    for rule in rules:
        if not _is_enabled(rule) or not covers(rule, prefix) or _wants_tags(rule):
            continue
        name = str(rule.get("ID", ""))
        expiration = rule.get("Expiration", {})
        if "Days" in expiration:
            yield Threat(name, f"deletes files after {expiration['Days']} days")
        elif "Date" in expiration:
            yield Threat(name, f"deletes files on {expiration['Date']:%Y-%m-%d}")
        for transition in rule.get("Transitions", []):
            if transition.get("StorageClass") in _COLD:
                yield Threat(name, f"moves files to {transition['StorageClass']}, where readers get an error")


def prefix_of(rule: Rule) -> str:
    """What the keys that the rule is for begin with."""
    rule_filter = rule.get("Filter", {})
    return str(
        rule.get("Prefix") or rule_filter.get("Prefix") or rule_filter.get("And", {}).get("Prefix") or ""
    )


def covers(rule: Rule, prefix: str) -> bool:
    """Whether the rule is for everything under the prefix."""
    return prefix.startswith(prefix_of(rule))


def _wants_tags(rule: Rule) -> bool:
    rule_filter = rule.get("Filter", {})
    return bool(rule_filter.get("Tag") or rule_filter.get("And", {}).get("Tags"))


def _is_enabled(rule: Rule) -> bool:
    return rule.get("Status") == "Enabled"
